"""The articles that storylines hold on to, and what a storyline is made of, in arrays.

A member is a row: its vector. A storyline keeps its last members' row numbers, and sums over all its members for
title, names and vector.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.records import Vector
from pipeline.storylines.evidence import EMPTY, TERM_SPACE, Features, Ids, SparseVec, Weights

BODY_TERMS, TITLE_TERMS, NAME_TERMS = 120, 120, 60
_MOST_SUM_TERMS = 2_000  # a storyline of thousands of articles keeps its heaviest terms
_FIRST_ROWS = 256
_MOST_OUTLETS = 100  # names of outlets that a storyline remembers; whether the 101st came back matters little


class Lookup:
    """One sparse vector spread out, so that others are compared with it by indexing: 4 MB, reused."""

    def __init__(self) -> None:
        self._flat = np.zeros(TERM_SPACE, np.float32)
        self._ids = EMPTY.ids

    def load(self, vector: SparseVec) -> None:
        self._flat[self._ids] = 0.0
        self._flat[vector.ids] = vector.values
        self._ids = vector.ids

    def dot(self, vector: SparseVec) -> float:
        return float(self._flat[vector.ids] @ vector.values)


class Sum:
    """A growing sum of sparse unit vectors."""

    __slots__ = ("length", "total")

    def __init__(self) -> None:
        self.total, self.length = EMPTY, 0.0

    def add(self, vector: SparseVec) -> None:
        if not len(vector):
            return
        ids, where = np.unique(np.concatenate((self.total.ids, vector.ids)), return_inverse=True)
        weights = np.concatenate((self.total.values, vector.values))
        values = np.bincount(where, weights, len(ids)).astype(np.float32)
        if len(ids) > _MOST_SUM_TERMS:
            top = np.sort(np.argpartition(-values, _MOST_SUM_TERMS // 2)[: _MOST_SUM_TERMS // 2])
            ids, values = ids[top], values[top]
        self.total, self.length = SparseVec(ids, values), float(np.linalg.norm(values))

    def at(self, ids: Ids) -> Weights:
        """(n,) what the sum holds at these terms; 0 where it lacks one."""
        return self.total.at(ids)

    def cosine(self, lookup: Lookup) -> float:
        """Cosine with the unit vector in `lookup`; 0 where there is nothing to compare."""
        return min(1.0, lookup.dot(self.total) / self.length) if self.length else 0.0


@dataclass(slots=True)
class Strand:
    """What is known of one storyline. Times are hours since 1970; `seen` is when its last article came in."""

    storyline: int
    title: Sum = field(default_factory=Sum)
    names: Sum = field(default_factory=Sum)
    told: Sum = field(default_factory=Sum)
    """In how many members' bodies each word stood, and of the names each one:"""
    named: Sum = field(default_factory=Sum)
    members: int = 0
    dense: Vector | None = None
    rows: deque[int] = field(default_factory=deque)
    first: float | None = None
    last: float | None = None
    seen: float = 0.0
    articles: int = 0
    outlets: set[str] = field(default_factory=set)
    seed: Features | None = None
    """What a storyline declared beforehand says of itself; compared like a first member, never counted as one."""

    def counted(self) -> int:
        """Members, the seed being one."""
        return self.members + (self.seed is not None)

    def standing(self, body: Ids, names: Ids) -> tuple[Weights, Weights]:
        """(n,) and (m,): in how many members, the seed being one, each of these words and names stands."""
        told, named = self.told.at(body), self.named.at(names)
        if self.seed is not None:
            told, named = told + (self.seed.body.at(body) > 0), named + (self.seed.names.at(names) > 0)
        return told, named

    def sum_of_vectors(self) -> Vector | None:
        """Sum of the members' unit vectors and the seed's, (d,)."""
        total = self.dense
        if self.seed is not None and self.seed.dense is not None:
            total = self.seed.dense if total is None else total + self.seed.dense
        return total

    def cohesion(self) -> float | None:
        """Mean cosine between two members, the seed being one; None for fewer than two.

        Of n unit vectors the squared length of the sum is n plus the cosines of all ordered pairs.
        """
        total, n = self.sum_of_vectors(), self.counted()
        if total is None or n < 2:
            return None
        return min(1.0, max(-1.0, (float(total @ total) - n) / (n * (n - 1))))

    def doubt(self) -> float:
        """How little the members say of how near to one another members are: 1 for a single one, 2/3 for two, 0.1 for
        twenty."""
        n = self.counted()
        return 1.0 if n < 2 or self.dense is None else 2.0 / (n + 1)

    def centroid(self) -> Vector | None:
        """Unit vector of the members and the seed together, (d,)."""
        total = self.sum_of_vectors()
        if total is None or not (length := float(np.linalg.norm(total))):
            return None
        return (total / length).astype(np.float32)

    def pause(self, written: float | None) -> float | None:
        """Hours between that time and the storyline's span, 0 inside it; None where either is undated."""
        if written is None or self.first is None or self.last is None:
            return None
        return max(0.0, written - self.last, self.first - written)

    def reported_by(self, outlet: str) -> None:
        """Remember that this outlet has an article here."""
        if outlet and len(self.outlets) < _MOST_OUTLETS:
            self.outlets.add(outlet)

    def covers(self, written: float | None) -> None:
        """Widen the span of the storyline by an article of that time."""
        if written is not None:
            self.first = written if self.first is None else min(self.first, written)
            self.last = written if self.last is None else max(self.last, written)


class Members:
    """Rows of recent members, reused when freed."""

    def __init__(self) -> None:
        self._vectors: npt.NDArray[np.float32] | None = None
        self._has_vector = np.zeros(_FIRST_ROWS, np.bool_)
        self._article = [0] * _FIRST_ROWS
        self._row_of: dict[int, int] = {}
        self._free = list(range(_FIRST_ROWS - 1, -1, -1))

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, article: int) -> bool:
        return article in self._row_of

    def add(self, article: int, vector: Vector | None) -> int:
        """Keep a member, return its row."""
        if not self._free:
            self._grow()
        row = self._free.pop()
        self._has_vector[row] = vector is not None
        if vector is not None:
            if self._vectors is None:
                self._vectors = np.zeros((len(self._has_vector), len(vector)), np.float32)
            self._vectors[row] = vector
        self._article[row] = article
        self._row_of[article] = row
        return row

    def free(self, row: int) -> None:
        self._row_of.pop(self._article[row], None)
        self._free.append(row)

    def row_of(self, article: int) -> int:
        return self._row_of[article]

    def vectors(self, rows: npt.NDArray[np.intp], vector: Vector) -> npt.NDArray[np.float32]:
        """(n,) cosines of these members' vectors with `vector`; -1 where a member has none."""
        if self._vectors is None:
            return np.full(len(rows), -1.0, np.float32)
        return np.where(self._has_vector[rows], self._vectors[rows] @ vector, np.float32(-1.0))

    def _grow(self) -> None:
        old = len(self._has_vector)
        self._has_vector = np.concatenate((self._has_vector, np.zeros_like(self._has_vector)))
        if self._vectors is not None:
            self._vectors = np.concatenate((self._vectors, np.zeros_like(self._vectors)))
        self._article += [0] * old
        self._free += range(2 * old - 1, old - 1, -1)
