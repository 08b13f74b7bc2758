"""An article held against storylines: from what both show to the numbers that the decision weighs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.records import Vector
from pipeline.storylines.background import Ordinary, TermFrequencies
from pipeline.storylines.decide import Likeness
from pipeline.storylines.evidence import Features, SparseVec, Weights
from pipeline.storylines.hallmarks import NAMES, WORDS, hallmarks, headline_told
from pipeline.storylines.index import StorylineIndex
from pipeline.storylines.members import BODY_TERMS, NAME_TERMS, TITLE_TERMS, Lookup, Members, Strand
from pipeline.storylines.options import FilingOptions
from pipeline.storylines.rhythm import Rhythm


@dataclass(frozen=True, slots=True)
class Weighed:
    """Two word vectors of length 1 (or empty) at what terms are worth now."""

    title: SparseVec
    names: SparseVec


Usage = tuple[tuple[Weights, Weights], tuple[Weights, Weights]]
"""Of words and of names: in how many articles each stood, and how rare that makes it, both (n,)."""


class Terms:
    """How common terms are, in titles, bodies and among names."""

    def __init__(self) -> None:
        self._title = TermFrequencies(TITLE_TERMS)
        self._body = TermFrequencies(BODY_TERMS)
        self._names = TermFrequencies(NAME_TERMS)

    def add(self, shown: Features) -> None:
        """Count one article."""
        self._title.add(shown.title, shown.lang)
        self._body.add(shown.body, shown.lang)
        self._names.add(shown.names, shown.lang)

    def usage(self, shown: Features) -> Usage:
        """For the article's words, then its names: in how many articles each stood, and how rare that makes it."""
        return self._body.usage(shown.body.ids, shown.lang), self._names.usage(shown.names.ids, shown.lang)

    def weigh(self, shown: Features, *, counted: bool) -> Weighed:
        """Weigh an article's terms; `counted` says whether it was already added."""
        return Weighed(
            self._title.weigh(shown.title, shown.lang, counted=counted),
            self._names.weigh(shown.names, shown.lang, counted=counted),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An article as it is measured: what it shows, its weighed terms, when it was written (hours since 1970), which
    outlet it is from, and what is ordinary for it."""

    shown: Features
    weighed: Weighed
    written: float | None
    outlet: str
    ordinary: Ordinary


class Gauge:
    """Measures one article against many storylines."""

    def __init__(
        self, options: FilingOptions, terms: Terms, members: Members, index: StorylineIndex, rhythm: Rhythm
    ) -> None:
        self._options, self._terms, self._members, self._index = options, terms, members, index
        self._rhythm = rhythm
        self._title, self._names = Lookup(), Lookup()

    def measure(self, strands: Sequence[Strand], article: Arrival) -> list[Likeness]:
        """One `Likeness` for each strand."""
        if not strands:
            return []
        dense = article.shown.dense
        usage = self._terms.usage(article.shown)
        self._title.load(article.weighed.title)
        self._names.load(article.weighed.names)
        nearest, centroids = self._against_members(strands, dense)
        nearer = article.ordinary.nearer(nearest, [strand.storyline for strand in strands])
        return [
            self._likeness(strand, _nearness(strand, centroid, near, dense), crowd, article, usage)
            for strand, centroid, near, crowd in zip(strands, centroids, nearest, nearer, strict=True)
        ]

    def _against_members(
        self, strands: Sequence[Strand], dense: Vector | None
    ) -> tuple[list[float], list[float | None]]:
        """Best vector cosine among each strand's recent members, and the centroid's cosine."""
        if dense is None:
            return [-1.0] * len(strands), [None] * len(strands)
        counts = [len(strand.rows) for strand in strands]
        rows = np.fromiter((row for strand in strands for row in strand.rows), np.intp, sum(counts))
        ends = np.cumsum(counts)[:-1]
        nearest = [float(n.max(initial=-1.0)) for n in np.split(self._members.vectors(rows, dense), ends)]
        return nearest, self._index.cosines([strand.storyline for strand in strands], dense)

    def _likeness(
        self,
        strand: Strand,
        nearness: float | None,
        nearer: int,
        article: Arrival,
        usage: Usage,
    ) -> Likeness:
        shown = article.shown
        title, names = strand.title.cosine(self._title), strand.names.cosine(self._names)
        if strand.seed is not None:
            seed = self._terms.weigh(strand.seed, counted=False)
            title, names = max(title, self._title.dot(seed.title)), max(names, self._names.dot(seed.names))
        members = strand.counted()
        told, named = strand.standing(shown.body.ids, shown.names.ids)
        return Likeness(
            storyline=strand.storyline,
            nearness=nearness,
            title=title,
            names=names if len(article.weighed.names) else None,
            silence=self._silence(strand, article.written),
            pause=self._pause(strand, article.written),
            returns=self._rhythm.returns() if article.outlet in strand.outlets else 0.0,
            nearer=nearer,
            own_names=hallmarks(named, *usage[1], members, best=NAMES),
            own_words=hallmarks(told, *usage[0], members, best=WORDS),
            headline=headline_told(strand, shown.body),
            cohesion=strand.cohesion() if nearness is not None else None,
            doubt=strand.doubt(),
            terms=len(shown.body),
        )

    def _silence(self, strand: Strand, written: float | None) -> float:
        """Hours between the article and the storyline's span; 0 inside it, a usual gap where either is undated."""
        if strand.seed is not None:
            return self._options.declared_silence_hours
        pause = strand.pause(written)
        return self._options.undated_silence_hours if pause is None else pause

    def _pause(self, strand: Strand, written: float | None) -> float:
        """How much more usual such a pause is here than elsewhere, a logarithm; 0 where nothing can be said."""
        pause = None if strand.seed is not None else strand.pause(written)
        return 0.0 if pause is None else self._rhythm.pause(pause)


def _nearness(strand: Strand, centroid: float | None, member: float, dense: Vector | None) -> float | None:
    """Mean of the cosines to the centroid and to the nearest member, the seed being one."""
    if dense is None or centroid is None:
        return None
    if strand.seed is not None and strand.seed.dense is not None:
        member = max(member, float(strand.seed.dense @ dense))
    return (centroid + member) / 2 if member > -1.0 else centroid
