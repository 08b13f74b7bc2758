"""What a storyline is made of: sums over all its members for title, names, words and vector, and its last members.

Everything of one storyline lies in a few arrays, since there may be 300,000 of them: its terms of all four kinds in one
sorted array with one of numbers beside it, the vectors of its last members in 16 bits a number.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from sys import intern

import numpy as np
import numpy.typing as npt

from pipeline.records import Vector
from pipeline.storylines.evidence import TERM_SPACE, Features, Ids, SparseVec, Weights

TITLE, NAMES, TOLD, NAMED = range(4)
"""Kinds of terms: titles and names by weight, then in how many members each word and each name stood."""
_MOST_SUM_TERMS = 2_000  # of a kind; a storyline of thousands of articles keeps its heaviest terms
_MOST_OUTLETS = 100  # names of outlets that a storyline remembers; whether the 101st came back matters little
_UNIT = 32_767  # numbers of unit vectors lie in -1..1; in this unit they keep cosines to 1e-5
_NO_TERMS = np.empty(0, np.int32)
_KIND_ENDS = np.arange(1, 4) * TERM_SPACE

(MEMBERS, TITLE_LENGTH, NAMES_LENGTH, TITLE_WEIGHT, COHESION, DOUBT, FIRST, LAST, DECLARED) = range(9)
"""Columns of `Strand.figures`."""
FIGURES = 9

Packed = npt.NDArray[np.int16]


def pack(vector: Vector) -> Packed:
    """A unit vector (d,) in 16 bits a number."""
    packed: Packed = np.rint(vector * np.float32(_UNIT)).astype(np.int16)
    return packed


def unpack(packed: Packed) -> npt.NDArray[np.float32]:
    """Vectors of any shape from `pack`, exact to 2e-5 a number."""
    return packed.astype(np.float32) * np.float32(1 / _UNIT)


@dataclass(slots=True)
class Sums:
    """Growing sums of sparse vectors of four kinds: `keys` (n,) ascending, a term's place plus its kind times
    TERM_SPACE, and `values` (n,)."""

    keys: Ids = field(default_factory=lambda: np.empty(0, np.int32))
    values: Weights = field(default_factory=lambda: np.empty(0, np.float32))
    title_length: float = 0.0
    names_length: float = 0.0
    """Euclidean lengths of the sums of titles and names."""

    @classmethod
    def of(cls, *kinds: SparseVec) -> Sums:
        """One article's, in the order of the kinds; lengths are not taken."""
        keys = np.concatenate([part.ids + np.int32(kind * TERM_SPACE) for kind, part in enumerate(kinds)])
        return cls(keys, np.concatenate([part.values for part in kinds]))

    def kind(self, kind: int) -> SparseVec:
        """The terms of one kind."""
        start, end = self._within(kind)
        return SparseVec(self.keys[start:end] - np.int32(kind * TERM_SPACE), self.values[start:end])

    def add(self, other: Sums) -> Ids:
        """Add what another holds; where a kind has too many terms, the lighter ones go. Returns the title terms that
        went."""
        if not len(self.keys):
            self.keys, self.values = other.keys.copy(), other.values.copy()
        else:
            place = np.searchsorted(self.keys, other.keys)
            known = self.keys[np.minimum(place, len(self.keys) - 1)] == other.keys
            values = self.values.copy()
            values[place[known]] += other.values[known]
            fresh = ~known
            self.keys = np.insert(self.keys, place[fresh], other.keys[fresh])
            self.values = np.insert(values, place[fresh], other.values[fresh])
        lost = self._trim() if len(self.keys) > _MOST_SUM_TERMS else _NO_TERMS
        self.title_length, self.names_length = _length(self.kind(TITLE)), _length(self.kind(NAMES))
        return lost

    def _within(self, kind: int) -> tuple[int, int]:
        start, end = np.searchsorted(self.keys, (kind * TERM_SPACE, (kind + 1) * TERM_SPACE))
        return int(start), int(end)

    def _trim(self) -> Ids:
        ends = [0, *np.searchsorted(self.keys, _KIND_ENDS).tolist(), len(self.keys)]
        kept = np.ones(len(self.keys), np.bool_)
        for start, end in itertools.pairwise(ends):
            if end - start > _MOST_SUM_TERMS:
                kept[start:end] = False
                kept[start + np.argpartition(-self.values[start:end], _MOST_SUM_TERMS // 2)[: _MOST_SUM_TERMS // 2]] = 1
        lost = self.keys[: ends[1]][~kept[: ends[1]]]
        self.keys, self.values = self.keys[kept], self.values[kept]
        return lost


def _length(vector: SparseVec) -> float:
    return math.sqrt(float(vector.values @ vector.values))


@dataclass(slots=True)
class Strand:
    """What is known of one storyline. Times are hours since 1970; `seen` is when its last article came in, `touched`
    the place of its last article in the order of filing."""

    storyline: int
    sums: Sums = field(default_factory=Sums)
    members: int = 0
    dense: Vector | None = None
    """Sum of the members' unit vectors, (d,); None as long as all of them are among `vectors`."""
    recent: list[int] = field(default_factory=list)
    """The last members' articles: those with a vector as they are, those without as their complement (`~id`)."""
    vectors: Packed | None = None
    """(n, d) of those recent members that have one, in their order."""
    first: float | None = None
    last: float | None = None
    seen: float = 0.0
    articles: int = 0
    touched: int = 0
    outlets: tuple[str, ...] = ()
    seed: Features | None = None
    """What a storyline declared beforehand says of itself; compared like a first member, never counted as one."""

    def counted(self) -> int:
        """Members, the seed being one."""
        return self.members + (self.seed is not None)

    def keep(self, article: int, packed: Packed | None, *, most: int) -> list[int]:
        """Hold on to a member; returns the articles of those that are no longer among the last `most`."""
        self.recent.append(article if packed is not None else ~article)
        if packed is not None:
            self.dense = None if self.dense is None else self.dense + unpack(packed)
            self.vectors = packed[None] if self.vectors is None else np.concatenate((self.vectors, packed[None]))
        return self.trim(most)

    def trim(self, most: int) -> list[int]:
        """Let go of the oldest recent members beyond `most`; returns their articles."""
        gone = self.recent[: max(0, len(self.recent) - most)]
        if gone:
            with_vector = sum(mark >= 0 for mark in gone)
            if with_vector and self.vectors is not None:
                self.dense = self.own_sum()
                self.vectors = self.vectors[with_vector:].copy()
            del self.recent[: len(gone)]
        return [mark if mark >= 0 else ~mark for mark in gone]

    def let_go(self, article: int) -> None:
        """One of the recent members stands for another storyline now; the sums keep it."""
        if ~article in self.recent:
            self.recent.remove(~article)
        elif article in self.recent:
            place = sum(mark >= 0 for mark in self.recent[: self.recent.index(article)])
            self.recent.remove(article)
            self.dense = self.own_sum()
            if self.vectors is not None:
                self.vectors = np.delete(self.vectors, place, axis=0)

    def absorb(self, lost: Strand, *, most: int) -> list[int]:
        """Take over all that another storyline knows; returns the articles that are no recent members any more."""
        self.sums.add(lost.sums)
        self.members += lost.members
        if self.dense is not None or lost.dense is not None:
            sums = [total for total in (self.own_sum(), lost.own_sum()) if total is not None]
            self.dense = sums[0] if len(sums) == 1 else sums[0] + sums[1]
        held = [vectors for vectors in (lost.vectors, self.vectors) if vectors is not None]
        self.vectors = np.concatenate(held) if held else None
        for outlet in lost.outlets:
            self.reported_by(outlet)
        self.covers(lost.first)
        self.covers(lost.last)
        self.seen, self.articles = max(self.seen, lost.seen), self.articles + lost.articles
        self.seed = self.seed or lost.seed
        self.recent = lost.recent + self.recent
        return self.trim(most)

    def own_sum(self) -> Vector | None:
        """Sum of the members' unit vectors, (d,)."""
        if self.dense is not None or self.vectors is None or not len(self.vectors):
            return self.dense
        total: Vector = unpack(self.vectors).sum(axis=0)
        return total

    def sum_of_vectors(self) -> Vector | None:
        """Sum of the members' unit vectors and the seed's, (d,)."""
        total = self.own_sum()
        if self.seed is not None and self.seed.dense is not None:
            total = self.seed.dense if total is None else total + self.seed.dense
        return total

    def figures(self, total: Vector | None) -> tuple[float, ...]:
        """What of the storyline is compared as numbers, in the order of `MEMBERS` and so on; `total` is
        `sum_of_vectors`. Cohesion, first and last are NaN where there is none."""
        n = self.counted()
        return (
            n,
            self.sums.title_length,
            self.sums.names_length,
            float(self.sums.kind(TITLE).values.sum(dtype=np.float64)),
            math.nan if n < 2 or total is None else _cohesion(float(total @ total), n),
            # How little the members say of how near to one another they are: 2/3 for two, 0.1 for twenty.
            1.0 if n < 2 or (self.dense is None and self.vectors is None) else 2.0 / (n + 1),
            math.nan if self.first is None else self.first,
            math.nan if self.last is None else self.last,
            self.seed is not None,
        )

    def pause(self, written: float | None) -> float | None:
        """Hours between that time and the storyline's span, 0 inside it; None where either is undated."""
        if written is None or self.first is None or self.last is None:
            return None
        return max(0.0, written - self.last, self.first - written)

    def reported_by(self, outlet: str) -> None:
        """Remember that this outlet has an article here."""
        if outlet and len(self.outlets) < _MOST_OUTLETS and outlet not in self.outlets:
            self.outlets = (*self.outlets, intern(outlet))

    def covers(self, written: float | None) -> None:
        """Widen the span of the storyline by an article of that time."""
        if written is not None:
            self.first = written if self.first is None else min(self.first, written)
            self.last = written if self.last is None else max(self.last, written)


def centroid(total: Vector | None) -> Vector | None:
    """Unit vector (d,) in the direction of a sum."""
    length = 0.0 if total is None else math.sqrt(float(total @ total))
    if total is None or not length:
        return None
    return (total / np.float32(length)).astype(np.float32)


def _cohesion(squared: float, n: int) -> float:
    """Mean cosine between two of n members: the squared length of the sum of n unit vectors is n plus the cosines of
    all ordered pairs."""
    return min(1.0, max(-1.0, (squared - n) / (n * (n - 1))))
