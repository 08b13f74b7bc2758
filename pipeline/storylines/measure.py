"""An article held against storylines: from what both show to the numbers that the decision weighs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.records import Vector
from pipeline.storylines.background import TermFrequencies
from pipeline.storylines.decide import Likeness
from pipeline.storylines.evidence import Features, SparseVec, Weights
from pipeline.storylines.hallmarks import NAMES, WORDS, hallmarks, headline_told
from pipeline.storylines.index import StorylineIndex
from pipeline.storylines.members import BODY_TERMS, NAME_TERMS, TITLE_TERMS, Lookup, Members, Strand
from pipeline.storylines.options import FilingOptions


@dataclass(frozen=True, slots=True)
class Weighed:
    """Three word vectors of length 1 (or empty) at what terms are worth now."""

    title: SparseVec
    body: SparseVec
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
            self._body.weigh(shown.body, shown.lang, counted=counted),
            self._names.weigh(shown.names, shown.lang, counted=counted),
        )


class Gauge:
    """Measures one article against many storylines."""

    def __init__(self, options: FilingOptions, terms: Terms, members: Members, index: StorylineIndex) -> None:
        self._options, self._terms, self._members, self._index = options, terms, members, index
        self._title, self._body, self._names = Lookup(), Lookup(), Lookup()

    def measure(
        self, strands: Sequence[Strand], shown: Features, article: Weighed, written: float | None
    ) -> list[Likeness]:
        """One `Likeness` for each strand. `article` are the weighed terms of `shown`, `written` is in hours since
        1970."""
        if not strands:
            return []
        dense = shown.dense
        usage = self._terms.usage(shown)
        self._title.load(article.title)
        self._body.load(article.body)
        self._names.load(article.names)
        bodies, nearest, centroids = self._against_members(strands, dense)
        return [
            self._likeness(strand, body, _nearness(strand, centroid, near, dense), article, written, shown, usage)
            for strand, body, centroid, near in zip(strands, bodies, centroids, nearest, strict=True)
        ]

    def _against_members(
        self, strands: Sequence[Strand], dense: Vector | None
    ) -> tuple[list[float], list[float], list[float | None]]:
        """Best body and best vector cosine among each strand's recent members, and the centroid's cosine."""
        counts = [len(strand.rows) for strand in strands]
        rows = np.fromiter((row for strand in strands for row in strand.rows), np.intp, sum(counts))
        ends = np.cumsum(counts)[:-1]
        bodies = [float(b.max(initial=0.0)) for b in np.split(self._members.bodies(rows, self._body), ends)]
        if dense is None:
            return bodies, [-1.0] * len(strands), [None] * len(strands)
        nearest = [float(n.max(initial=-1.0)) for n in np.split(self._members.vectors(rows, dense), ends)]
        return bodies, nearest, self._index.cosines([strand.storyline for strand in strands], dense)

    def _likeness(
        self,
        strand: Strand,
        body_of_member: float,
        nearness: float | None,
        article: Weighed,
        written: float | None,
        shown: Features,
        usage: Usage,
    ) -> Likeness:
        title, body = strand.title.cosine(self._title), strand.body.cosine(self._body)
        names = strand.names.cosine(self._names)
        if strand.seed is not None:
            seed = self._terms.weigh(strand.seed, counted=False)
            body_of_seed = self._body.dot(seed.body)
            title, body = max(title, self._title.dot(seed.title)), max(body, body_of_seed)
            names, body_of_member = max(names, self._names.dot(seed.names)), max(body_of_member, body_of_seed)
        members = strand.counted()
        told, named = strand.standing(shown.body.ids, shown.names.ids)
        return Likeness(
            storyline=strand.storyline,
            nearness=nearness,
            title=title,
            body=body,
            member=body_of_member,
            names=names if len(article.names) else None,
            silence=self._silence(strand, written),
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
        if written is None or strand.first is None or strand.last is None:
            return self._options.undated_silence_hours
        return max(0.0, written - strand.last, strand.first - written)


def _nearness(strand: Strand, centroid: float | None, member: float, dense: Vector | None) -> float | None:
    """Mean of the cosines to the centroid and to the nearest member, the seed being one."""
    if dense is None or centroid is None:
        return None
    if strand.seed is not None and strand.seed.dense is not None:
        member = max(member, float(strand.seed.dense @ dense))
    return (centroid + member) / 2 if member > -1.0 else centroid
