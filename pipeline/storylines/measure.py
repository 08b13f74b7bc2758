"""An article held against storylines: from what both show to the numbers that the decision weighs."""

from __future__ import annotations

import itertools
import math
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
from pipeline.storylines.members import (
    COHESION,
    DECLARED,
    DOUBT,
    FIRST,
    LAST,
    MEMBERS,
    NAMES_LENGTH,
    TITLE,
    TITLE_LENGTH,
    TITLE_WEIGHT,
    TOLD,
    Strand,
    unpack,
)
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
    (c,) each, in how many members its words (c, n) and names (c, m) stand, and what its text has in common with theirs:
    None where that is not asked for."""

    title: Floats
    names: Floats
    headline: Floats
    told: npt.NDArray[np.float32]
    named: npt.NDArray[np.float32]
    body: Floats | None


class _Lookup:
    """An article's terms of four kinds spread out, so that others are compared with it by indexing: 16 MB, reused.

    Titles and names hold weights; words and names that members told hold their place among both, counted from 1.
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
        told = np.arange(1, len(shown.body) + len(shown.names) + 1)
        self._sieve[self._keys & _SIEVE] = True
        self._flat[self._keys] = np.concatenate((weighed.title.values, weighed.names.values, told))

    def find(self, keys: Ids) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        """Which of these keys the article has, and what it holds there."""
        # Most have none: a small table that stays in the processor's cache says so for nearly all of them.
        maybe = self._sieve.take(keys & _SIEVE).nonzero()[0]
        found = self._flat.take(keys[maybe])
        hit = found.nonzero()[0]
        return maybe[hit], found[hit]

    def tells(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """Which of these terms stand in the article's title or text."""
        told: npt.NDArray[np.bool_] = self._flat.take(ids + np.int32(TOLD * TERM_SPACE)) > 0
        return told

    def dot(self, kind: int, vector: SparseVec) -> float:
        return float(self._flat[vector.ids + np.int32(kind * TERM_SPACE)] @ vector.values)


class Gauge:
    """Measures one article against many storylines."""

    def __init__(self, options: FilingOptions, terms: Terms, rhythm: Rhythm) -> None:
        self._options, self._terms, self._rhythm = options, terms, rhythm
        self._lookup = _Lookup()

    def measure(self, strands: Sequence[Strand], figures: Floats, article: Arrival) -> Likenesses:
        """What was measured for each of the strands, one at least; `figures` (c, FIGURES) are theirs."""
        shown, (words, names) = article.shown, self._terms.usage(article.shown)
        self._lookup.load(shown, article.weighed)
        shared = self._shared(strands, figures, article)
        members = figures[:, MEMBERS]
        storylines = [strand.storyline for strand in strands]
        nearness, nearest = self._nearness(strands, article)
        silence, pause = self._times(figures, article.written)
        returns = self._rhythm.returns() if article.outlet else 0.0
        return Likenesses(
            storylines=storylines,
            nearness=nearness,
            title=shared.title,
            names=shared.names if len(article.weighed.names) else None,
            silence=silence,
            pause=pause,
            returns=np.array([returns if article.outlet in strand.outlets else 0.0 for strand in strands]),
            nearer=article.ordinary.nearer(nearest, storylines).astype(np.float64),
            own_names=hallmarks(shared.named, *names, members, best=NAMES),
            own_words=hallmarks(shared.told, *words, members, best=WORDS),
            headline=shared.headline,
            cohesion=figures[:, COHESION],
            doubt=figures[:, DOUBT],
            body=shared.body,
            terms=len(shown.body),
        )

    def _shared(self, strands: Sequence[Strand], figures: Floats, article: Arrival) -> _Shared:
        shown, c = article.shown, len(strands)
        keys = np.concatenate([strand.sums.keys for strand in strands])
        values = np.concatenate([strand.sums.values for strand in strands])
        owner = np.repeat(np.arange(c), [len(strand.sums.keys) for strand in strands])
        hit, at = self._lookup.find(keys)
        kind, whose, amount = keys[hit] >> 20, owner[hit], values[hit]
        dots = np.bincount(kind * c + whose, amount * at, 4 * c)
        counts = np.zeros((c, len(shown.body) + len(shown.names)), np.float32)
        chosen = (kind >= TOLD).nonzero()[0]
        counts[whose[chosen], at[chosen].astype(np.intp) - 1] = amount[chosen]
        told, named = counts[:, : len(shown.body)], counts[:, len(shown.body) :]
        heads = (keys < TERM_SPACE).nonzero()[0]
        heads = heads[self._lookup.tells(keys[heads])]
        body = None
        if leaning(article.ordinary, self._options):
            texts = np.flatnonzero((keys >= TOLD * TERM_SPACE) & (keys < (TOLD + 1) * TERM_SPACE))
            words = SparseVec(keys[texts] - np.int32(TOLD * TERM_SPACE), values[texts])
            body = self._body(words, owner[texts], shown, told)
        shared = _Shared(
            title=_shares(dots[:c], figures[:, TITLE_LENGTH]),
            names=_shares(dots[c : 2 * c], figures[:, NAMES_LENGTH]),
            headline=_shares(np.bincount(owner[heads], values[heads], c), figures[:, TITLE_WEIGHT]),
            told=told,
            named=named,
            body=body,
        )
        for n in np.flatnonzero(figures[:, DECLARED]).tolist():
            if (seed := strands[n].seed) is not None:
                self._add_seed(shared, n, seed, shown)
        return shared

    def _body(
        self, words: SparseVec, owner: npt.NDArray[np.intp], shown: Features, told: npt.NDArray[np.float32]
    ) -> Floats:
        """(c,) cosines of the article's words with what the members told, both weighed by rarity; `words` are those of
        all storylines, with the number of the storyline of each."""
        mine = self._terms.weigh_body(shown)
        at = np.searchsorted(shown.body.ids, mine.ids)
        dots = (np.log1p(told[:, at]) * self._terms.rarity(mine.ids, shown.lang)) @ mine.values
        weights = np.log1p(words.values) * self._terms.rarity(words.ids, shown.lang)
        return _shares(dots, np.sqrt(np.bincount(owner, weights * weights, len(told))))

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

    def _times(self, figures: Floats, written: float | None) -> tuple[Floats, Floats]:
        """Hours between the article and each storyline's span: 0 inside it, a usual gap where either is undated; and
        how much more usual such a pause is here than elsewhere, a logarithm: 0 where nothing can be said."""
        moment = math.nan if written is None else written
        hours = np.maximum(np.maximum(moment - figures[:, LAST], figures[:, FIRST] - moment), 0.0)  # NaN stays
        declared, undated = figures[:, DECLARED] > 0, np.isnan(hours)
        silence = np.where(undated, self._options.undated_silence_hours, hours)
        pause = np.where(declared | undated, 0.0, self._rhythm.pause(hours))
        return np.where(declared, self._options.declared_silence_hours, silence), pause


def _shares(part: npt.NDArray[Any], whole: Floats) -> Floats:
    """What of each whole is in the part, 1 at most: cosines of sums with a unit vector, where the whole is their
    length; 0 where there is nothing to compare."""
    shares: Floats = np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
    return np.minimum(shares, 1.0, out=shares)


def _against_members(strands: Sequence[Strand], dense: Vector) -> Floats:
    """(c,) the best cosine among each strand's recent members; -1 where none has a vector."""
    best = np.full(len(strands), -1.0)
    held = [(n, len(strand.vectors)) for n, strand in enumerate(strands) if strand.vectors is not None]
    held = [(n, count) for n, count in held if count]
    if held:
        packed = np.concatenate([vectors for n, _ in held if (vectors := strands[n].vectors) is not None])
        starts = [0, *itertools.accumulate(count for _, count in held[:-1])]
        best[[n for n, _ in held]] = np.maximum.reduceat(unpack(packed) @ dense, starts)
    return best
