"""Storylines by what they mean: the mean vector of each one's coverage, kept in memory by whoever answers questions.

It follows the ledger: before each question it reads what was filed and what was changed since the last one. Vectors are
kept as float16, so that 50,000 storylines take some 40 MB.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline import embedding
from pipeline.errors import ModelError
from pipeline.ledger import Ledger, meanings
from pipeline.records import Vector

RECENT = 200_000  # originals filed last that are read at the beginning; older storylines are found by words alone
LATEST = 300  # originals by which a storyline is known that was changed
LEAST = 0.3  # cosine; below it a storyline of the same language is about something else
AT_ONCE = 4_096  # rows that are compared at once, so that no second copy of everything is made


@dataclass(frozen=True, slots=True)
class Near:
    """A storyline near a question: the cosine of the two."""

    storyline: int
    likeness: float


@dataclass(slots=True)
class Meaning:
    """Finds storylines near a question. One per process; the model (some 100 MB) is loaded with the first question.

    `model` is as in SLUGLINE_MODEL.
    """

    ledger: Ledger
    model: str
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _embedder: embedding.Embedder | None = None
    _places: dict[int, int] = field(default_factory=dict)
    _owners: list[int] = field(default_factory=list)
    _counts: list[int] = field(default_factory=list)
    _means: npt.NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, 0), np.float16))
    _position: int = -1
    _change: int = 0

    def near(self, question: str, most: int) -> list[Near]:
        """The storylines nearest to a question, the nearest first. Raises ModelError when there is no model for it."""
        with self._lock:
            if self._embedder is None:
                self._embedder = embedding.query_embedder(self.model)
            self._follow(self._embedder.version)
            return self._nearest(self._embedder.encode([question])[0], most)

    def _follow(self, version: str) -> None:
        with self.ledger.read() as tx:
            if self._position < 0:
                self._position = meanings.start(tx, RECENT)
                self._change = meanings.last_change(tx)
                for storyline, vector in meanings.declared(tx, version):
                    self._add(storyline, vector)
            for position, storyline, vector in meanings.filed_after(tx, version, self._position):
                self._position = position
                self._add(storyline, vector)
            changed, self._change = meanings.changed_after(tx, self._change)
            for storyline in changed:
                self._restate(storyline, meanings.of(tx, version, storyline, LATEST))

    def _add(self, storyline: int, vector: Vector) -> None:
        if self._means.shape[1] != len(vector):
            self._places, self._owners, self._counts = {}, [], []
            self._means = np.zeros((0, len(vector)), np.float16)
        place = self._places.get(storyline)
        if place is None:
            place = self._places[storyline] = len(self._owners)
            self._owners.append(storyline)
            self._counts.append(0)
            if place >= len(self._means):
                self._means = np.vstack([self._means, np.zeros((max(256, place // 2), len(vector)), np.float16)])
        count = self._counts[place] = self._counts[place] + 1
        # Later articles weigh no less than a hundredth, or a storyline of thousands would stay what it was at first.
        share = 1.0 / min(count, 100)
        self._means[place] += ((vector - self._means[place]) * share).astype(np.float16)

    def _restate(self, storyline: int, vectors: Iterable[Vector]) -> None:
        place = self._places.get(storyline)
        if place is not None:
            self._means[place], self._counts[place] = 0, 0
        for vector in vectors:
            self._add(storyline, vector)

    def _nearest(self, asked: Vector, most: int) -> list[Near]:
        count = len(self._owners)
        if not count or self._means.shape[1] != len(asked):
            return []
        scores = np.zeros(count, np.float32)
        for first in range(0, count, AT_ONCE):
            rows = self._means[first : min(first + AT_ONCE, count)].astype(np.float32)
            lengths = np.linalg.norm(rows, axis=1)
            scores[first : first + len(rows)] = (rows @ asked) / np.where(lengths > 0, lengths, np.inf)
        best = np.argsort(-scores, kind="stable")[:most]
        return [Near(self._owners[place], float(scores[place])) for place in best if scores[place] >= LEAST]


@dataclass(frozen=True, slots=True)
class Hit:
    """A storyline that was found: by its words, by its meaning (`likeness` is the cosine then), or by both."""

    storyline: int
    words: bool
    likeness: float | None


def together(by_words: Sequence[int], by_meaning: Sequence[Near]) -> list[Hit]:
    """Both lists as one, the best first: by reciprocal rank (Cormack, Clarke, Buettcher, SIGIR 2009), so that neither
    kind of score has to be measured against the other."""
    ranks: dict[int, float] = {}
    for ids in (by_words, [one.storyline for one in by_meaning]):
        for place, storyline in enumerate(ids):
            ranks[storyline] = ranks.get(storyline, 0.0) + 1.0 / (60 + place)
    likeness = {one.storyline: one.likeness for one in by_meaning}
    ordered = sorted(ranks, key=lambda one: (-ranks[one], one))
    return [Hit(one, one in set(by_words), likeness.get(one)) for one in ordered]


def tried(meaning: Meaning, question: str, most: int) -> tuple[list[Near], str]:
    """What is near, and why that could not be found out, if so."""
    try:
        return meaning.near(question, most), ""
    except ModelError as error:
        return [], str(error)
