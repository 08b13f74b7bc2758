"""An article held against storylines: from what both show to the numbers that the decision weighs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.records import Vector
from pipeline.storylines.background import Ordinary
from pipeline.storylines.decide import Likenesses, leaning
from pipeline.storylines.evidence import TERM_SPACE, Features, Ids, SparseVec
from pipeline.storylines.hallmarks import NAMES, WORDS, hallmarks
from pipeline.storylines.members import NAMED, TITLE, TOLD, Strand, unpack
from pipeline.storylines.members import NAMES as NAMES_KIND
from pipeline.storylines.options import FilingOptions
from pipeline.storylines.rhythm import Rhythm
from pipeline.storylines.terms import Terms, Weighed

Floats = npt.NDArray[np.float64]
_SIEVE = 0x7FFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An article as it is measured: what it shows, its weighed terms, when it was written (hours since 1970), which
    outlet it is from, what is ordinary for it, and the cosines (c,) of storylines' centroids with its vector, NaN where
    there is none."""

    shown: Features
    weighed: Weighed
    written: float | None
    outlet: str
    ordinary: Ordinary
    centroids: Floats


@dataclass(frozen=True, slots=True)
class _Shared:
    """What an article shares with c storylines: cosines of titles and names, the share of their titles that it tells,
    (c,) each, and in how many members its words (c, n) and names (c, m) stand."""

    title: Floats
    names: Floats
    headline: Floats
    told: npt.NDArray[np.float32]
    named: npt.NDArray[np.float32]


class _Lookup:
    """An article's terms of four kinds spread out, so that others are compared with it by indexing: 16 MB, reused.

    Titles and names hold weights; words and names that members told hold their place in the article, counted from 1.
    """

    def __init__(self) -> None:
        self._flat = np.zeros(4 * TERM_SPACE, np.float32)
        self._sieve = np.zeros(_SIEVE + 1, np.bool_)
        self._keys = np.empty(0, np.int64)

    def load(self, shown: Features, weighed: Weighed) -> None:
        self._flat[self._keys] = 0.0
        self._sieve[self._keys & _SIEVE] = False
        kinds = (weighed.title.ids, weighed.names.ids, shown.body.ids, shown.names.ids)
        self._keys = np.concatenate([ids.astype(np.int64) + kind * TERM_SPACE for kind, ids in enumerate(kinds)])
        body, names = np.arange(1, len(shown.body) + 1), np.arange(1, len(shown.names) + 1)
        self._sieve[self._keys & _SIEVE] = True
        self._flat[self._keys] = np.concatenate((weighed.title.values, weighed.names.values, body, names))

    def find(self, keys: Ids) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        """Which of these keys the article has, and what it holds there."""
        # Most have none: a small table that stays in the processor's cache says so for nearly all of them.
        maybe = np.flatnonzero(self._sieve[keys & _SIEVE])
        found = self._flat[keys[maybe]]
        hit = np.flatnonzero(found)
        return maybe[hit], found[hit]

    def tells(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """Which of these terms stand in the article's title or text."""
        told: npt.NDArray[np.bool_] = self._flat[ids + np.int32(TOLD * TERM_SPACE)] > 0
        return told

    def dot(self, kind: int, vector: SparseVec) -> float:
        return float(self._flat[vector.ids + np.int32(kind * TERM_SPACE)] @ vector.values)


class Gauge:
    """Measures one article against many storylines."""

    def __init__(self, options: FilingOptions, terms: Terms, rhythm: Rhythm) -> None:
        self._options, self._terms, self._rhythm = options, terms, rhythm
        self._lookup = _Lookup()

    def measure(self, strands: Sequence[Strand], article: Arrival) -> Likenesses:
        """What was measured for each of the strands, one at least."""
        shown, (words, names) = article.shown, self._terms.usage(article.shown)
        self._lookup.load(shown, article.weighed)
        shared = self._shared(strands, article)
        members = np.array([strand.counted() for strand in strands], np.float64)
        storylines = [strand.storyline for strand in strands]
        nearness, nearest = self._nearness(strands, article)
        silence, pause = self._times(strands, article.written)
        returns = self._rhythm.returns() if article.outlet else 0.0
        return Likenesses(
            storylines=storylines,
            nearness=nearness,
            title=shared.title,
            names=shared.names if len(article.weighed.names) else None,
            silence=silence,
            pause=pause,
            returns=np.array([returns if article.outlet in strand.outlets else 0.0 for strand in strands]),
            nearer=np.array(article.ordinary.nearer(nearest.tolist(), storylines), np.float64),
            own_names=hallmarks(shared.named, *names, members, best=NAMES),
            own_words=hallmarks(shared.told, *words, members, best=WORDS),
            headline=shared.headline,
            cohesion=_cohesion(strands),
            doubt=np.array([strand.doubt() for strand in strands]),
            body=self._body(strands, shown, shared.told) if leaning(article.ordinary, self._options) else None,
            terms=len(shown.body),
        )

    def _shared(self, strands: Sequence[Strand], article: Arrival) -> _Shared:
        shown, c = article.shown, len(strands)
        keys = np.concatenate([strand.sums.keys for strand in strands])
        values = np.concatenate([strand.sums.values for strand in strands])
        owner = np.repeat(np.arange(c), [len(strand.sums.keys) for strand in strands])
        hit, at = self._lookup.find(keys)
        kind, whose, amount = keys[hit] >> 20, owner[hit], values[hit]
        told, named = np.zeros((c, len(shown.body)), np.float32), np.zeros((c, len(shown.names)), np.float32)
        for matrix, which in ((told, TOLD), (named, NAMED)):
            chosen = kind == which
            matrix[whose[chosen], at[chosen].astype(np.intp) - 1] = amount[chosen]
        title, names = (
            np.bincount(whose[chosen], amount[chosen] * at[chosen], c) for chosen in (kind == TITLE, kind == NAMES_KIND)
        )
        heads = np.flatnonzero(keys < TERM_SPACE)
        weight, ids, whose = values[heads], keys[heads], owner[heads]
        whole = np.bincount(whose, weight, c)
        headline = np.bincount(whose, weight * self._lookup.tells(ids), c) / np.where(whole > 0, whole, 1.0)
        shared = _Shared(
            title=_cosines(title, [strand.sums.title_length for strand in strands]),
            names=_cosines(names, [strand.sums.names_length for strand in strands]),
            headline=headline,
            told=told,
            named=named,
        )
        for n, strand in enumerate(strands):
            if strand.seed is not None:
                self._add_seed(shared, n, strand.seed, shown)
        return shared

    def _body(self, strands: Sequence[Strand], shown: Features, told: npt.NDArray[np.float32]) -> Floats:
        """(c,) cosines of the article's words with what the members told, both weighed by rarity."""
        mine = self._terms.weigh_body(shown)
        at = np.searchsorted(shown.body.ids, mine.ids)
        dots = (np.log1p(told[:, at]) * self._terms.rarity(mine.ids, shown.lang)) @ mine.values
        lengths = []
        for strand in strands:
            words = strand.sums.kind(TOLD)
            weights = np.log1p(words.values) * self._terms.rarity(words.ids, shown.lang)
            lengths.append(float(np.linalg.norm(weights)))
        return _cosines(np.asarray(dots, np.float64), lengths)

    def _add_seed(self, shared: _Shared, n: int, seed: Features, shown: Features) -> None:
        """What was declared of a storyline counts like one more member."""
        weighed = self._terms.weigh(seed, counted=False)
        shared.title[n] = max(shared.title[n], self._lookup.dot(TITLE, weighed.title))
        shared.names[n] = max(shared.names[n], self._lookup.dot(NAMES_KIND, weighed.names))
        weight = float(seed.title.values.sum())
        if weight:
            told = float(seed.title.values[self._lookup.tells(seed.title.ids)].sum()) / weight
            shared.headline[n] = max(shared.headline[n], told)
        shared.told[n] += seed.body.at(shown.body.ids) > 0
        shared.named[n] += seed.names.at(shown.names.ids) > 0

    def _nearness(self, strands: Sequence[Strand], article: Arrival) -> tuple[Floats, Floats]:
        """Mean of the cosines to the centroid and to the nearest member, the seed being one, NaN where there is none;
        and the cosine to the nearest recent member, -1 where there is none."""
        dense = article.shown.dense
        if dense is None:
            return np.full(len(strands), np.nan), np.full(len(strands), -1.0)
        nearest = _against_members(strands, dense)
        centroids = article.centroids
        member = nearest.copy()
        for n, strand in enumerate(strands):
            if strand.seed is not None and strand.seed.dense is not None:
                member[n] = max(member[n], float(strand.seed.dense @ dense))
        return np.where(member > -1.0, (centroids + member) / 2, centroids), nearest

    def _times(self, strands: Sequence[Strand], written: float | None) -> tuple[Floats, Floats]:
        """Hours between the article and each storyline's span: 0 inside it, a usual gap where either is undated; and
        how much more usual such a pause is here than elsewhere, a logarithm: 0 where nothing can be said."""
        silence, pause = np.empty(len(strands)), np.zeros(len(strands))
        for n, strand in enumerate(strands):
            hours = strand.pause(written)
            if strand.seed is not None:
                silence[n] = self._options.declared_silence_hours
            elif hours is None:
                silence[n] = self._options.undated_silence_hours
            else:
                silence[n], pause[n] = hours, self._rhythm.pause(hours)
        return silence, pause


def _cosines(dots: npt.NDArray[Any], lengths: Sequence[float]) -> Floats:
    """Cosines of sums with a unit vector; 0 where there is nothing to compare."""
    length = np.array(lengths, np.float64)
    return np.minimum(1.0, np.where(length > 0, dots / np.where(length > 0, length, 1.0), 0.0))


def _against_members(strands: Sequence[Strand], dense: Vector) -> Floats:
    """(c,) the best cosine among each strand's recent members; -1 where none has a vector."""
    best = np.full(len(strands), -1.0)
    held = [(n, strand.vectors) for n, strand in enumerate(strands) if strand.vectors is not None]
    held = [(n, vectors) for n, vectors in held if len(vectors)]
    if held:
        near = unpack(np.concatenate([vectors for _, vectors in held])) @ dense
        starts = np.cumsum([0, *(len(vectors) for _, vectors in held[:-1])])
        best[[n for n, _ in held]] = np.maximum.reduceat(near, starts)
    return best


def _cohesion(strands: Sequence[Strand]) -> Floats:
    """(c,) how near each strand's members are to one another; NaN for fewer than two."""
    return np.array([np.nan if (c := strand.cohesion()) is None else c for strand in strands])
