"""What is ordinary here: how near an article is to whatever was written lately.

It knows only what was filed before, and is kept per language: an English model finds any two Vietnamese texts alike.
Measured against articles of other languages, everything in such a language would look like one story.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.records import Vector
from pipeline.storylines.members import pack, unpack

_PRIOR_MIDDLE, _PRIOR_SPREAD = 0.05, 0.12  # cosines of unrelated English articles under MiniLM
_SHARE = 20
_SEGMENT = 32  # rows that are stored together


@dataclass(frozen=True, slots=True)
class Ordinary:
    """How like an article is to unrelated ones: middle and spread of its vector's cosines. `cosines` (n,) are those
    with each recent article, `owners` (n,) these articles' storylines."""

    middle: float = _PRIOR_MIDDLE
    spread: float = _PRIOR_SPREAD
    cosines: npt.NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32), compare=False)
    owners: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64), compare=False)

    def nearer(self, best: npt.ArrayLike, storylines: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """(c,) for each storyline with its best member's cosine: how many recent articles of others are as near."""
        least = np.asarray(best, np.float32)
        nearer: npt.NDArray[np.int64] = len(self.cosines) - np.searchsorted(np.sort(self.cosines), least)
        whose, own = (self.owners == np.asarray(storylines, np.int64)[:, None]).nonzero()
        return nearer - np.bincount(whose[self.cosines[own] >= least[whose]], minlength=len(least))


class Background:
    """The vectors of each language's last articles, which say how near is near.

    A storyline holds a twentieth of it at most. A flood of near-identical pages would else become the measure of all
    things, and nothing would be near to anything, the flood's own next page included.
    """

    def __init__(self, articles: int, prior: float, languages: int) -> None:
        self._size, self._prior, self._languages = articles, prior, languages
        self._recent: dict[str, _Ring] = {}

    def add(self, vector: Vector | None, lang: str, storyline: int) -> None:
        """Remember one article."""
        recent = self._recent.setdefault(self._key(lang), _Ring(self._size))
        if vector is not None:
            recent.add(vector, storyline)

    def measure(self, vector: Vector | None, lang: str) -> Ordinary:
        """What the article has in common with the recent ones of its language, blended with a prior."""
        recent = self._recent.get(self._key(lang))
        if recent is None or vector is None or not recent.count:
            return Ordinary()
        cosines = recent.rows @ vector
        trust = 1.0 if recent.count == recent.size else recent.count / (recent.count + self._prior)
        return Ordinary(
            middle=trust * _median(cosines) + (1 - trust) * _PRIOR_MIDDLE,
            spread=trust * _spread(cosines) + (1 - trust) * _PRIOR_SPREAD,
            cosines=cosines,
            owners=recent.owners,
        )

    def measure_all(
        self, vectors: npt.NDArray[np.float32], lang: str
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Middle (n,) and spread (n,) of the cosines that recent articles of a language have with each of these vectors
        (n, d) of length 1, as `measure` has them for one."""
        recent = self._recent.get(self._key(lang))
        if recent is None or not recent.count or not len(vectors):
            return np.full(len(vectors), _PRIOR_MIDDLE, np.float32), np.full(len(vectors), _PRIOR_SPREAD, np.float32)
        cosines = vectors @ recent.rows.T
        trust = np.float32(1.0 if recent.count == recent.size else recent.count / (recent.count + self._prior))
        middle = trust * np.median(cosines, axis=1) + (1 - trust) * np.float32(_PRIOR_MIDDLE)
        spread = trust * cosines.std(axis=1) + (1 - trust) * np.float32(_PRIOR_SPREAD)
        return middle.astype(np.float32), spread.astype(np.float32)

    def dump(self, *, whole: bool) -> Iterator[tuple[str, list[npt.NDArray[Any]]]]:
        """What changed since the last time, or everything: keys and arrays."""
        for number, ring in enumerate(self._recent.values()):
            for segment in sorted(range(0, -(-ring.count // _SEGMENT)) if whole else ring.changed):
                yield f"{number}/{segment}", ring.segment(segment)
            ring.changed.clear()

    def outline(self) -> list[tuple[str, int, int, int]]:
        """Of each language in their order: its code, how many articles are held, where the next goes, and how many
        there were."""
        return [(lang, *ring.outline()) for lang, ring in self._recent.items()]

    def restore(
        self, outline: Sequence[tuple[str, int, int, int]], parts: Mapping[str, Sequence[npt.NDArray[Any]]]
    ) -> None:
        """Go on from what was dumped."""
        for number, (lang, count, following, stamp) in enumerate(outline):
            ring = self._recent[lang] = _Ring(self._size)
            segments = [parts[f"{number}/{segment}"] for segment in range(-(-count // _SEGMENT))]
            ring.restore(count, following, stamp, segments)

    def _key(self, lang: str) -> str:
        return lang if lang in self._recent or len(self._recent) < self._languages else ""


def _median(values: npt.NDArray[np.float32]) -> float:
    """As `numpy.median`, which takes three times as long."""
    half = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, half)[half])
    low, high = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    return (float(low) + float(high)) / 2


def _spread(values: npt.NDArray[np.float32]) -> float:
    exact = values.astype(np.float64)
    exact -= exact.mean()
    return math.sqrt(float(exact @ exact) / len(exact))


class _Ring:
    """The last `size` rows, of which no storyline has more than a twentieth."""

    def __init__(self, size: int) -> None:
        self.size, self.count, self._next = size, 0, 0
        self._most = max(1, size // _SHARE)
        self._rows = np.empty((0, 0), np.float32)
        self._owner = np.full(size, -1, np.int64)
        self._stamp = np.zeros(size, np.int64)
        self._stamps = 0
        self._slots: dict[int, deque[int]] = {}
        self.changed: set[int] = set()

    def segment(self, number: int) -> list[npt.NDArray[Any]]:
        """Some rows in 16 bits a number, with their owners and the order in which they came."""
        part = slice(number * _SEGMENT, min(self.count, (number + 1) * _SEGMENT))
        return [pack(self._rows[part]), self._owner[part], self._stamp[part]]

    def outline(self) -> tuple[int, int, int]:
        return self.count, self._next, self._stamps

    def restore(self, count: int, following: int, stamp: int, segments: Sequence[Sequence[npt.NDArray[Any]]]) -> None:
        self.count, self._next, self._stamps = count, following, stamp
        if not segments:
            return
        rows, owners, stamps = (np.concatenate([segment[n] for segment in segments]) for n in range(3))
        self._rows, self._owner[:count], self._stamp[:count] = unpack(rows.reshape(count, -1)), owners, stamps
        for slot in np.argsort(stamps, kind="stable").tolist():
            self._slots.setdefault(int(owners[slot]), deque()).append(slot)

    @property
    def rows(self) -> npt.NDArray[np.float32]:
        return self._rows[: self.count]

    @property
    def owners(self) -> npt.NDArray[np.int64]:
        return self._owner[: self.count]

    def add(self, row: npt.NDArray[np.float32], storyline: int) -> int:
        """Keep a row, return where."""
        own = self._slots.setdefault(storyline, deque())
        slot = own.popleft() if len(own) >= self._most else self._oldest()
        own.append(slot)
        self._slots[storyline] = own
        self._owner[slot] = storyline
        self._stamps += 1
        self._stamp[slot] = self._stamps
        self.changed.add(slot // _SEGMENT)
        if slot >= len(self._rows):
            grown = np.empty((min(self.size, max(64, 2 * len(self._rows))), len(row)), np.float32)
            if self.count:
                grown[: self.count] = self.rows
            self._rows = grown
        self._rows[slot] = row
        self.count = max(self.count, slot + 1)
        return slot

    def _oldest(self) -> int:
        slot, self._next = self._next, (self._next + 1) % self.size
        if slot < self.count:
            owner = int(self._owner[slot])
            self._slots[owner].remove(slot)
            if not self._slots[owner]:
                del self._slots[owner]
        return slot
