"""What is ordinary here: how near an article is to whatever was written lately.

It knows only what was filed before, and is kept per language: an English model finds any two Vietnamese texts alike.
Measured against articles of other languages, everything in such a language would look like one story.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.records import Vector

_PRIOR_MIDDLE, _PRIOR_SPREAD = 0.05, 0.12  # cosines of unrelated English articles under MiniLM
_SHARE = 20


@dataclass(frozen=True, slots=True)
class Ordinary:
    """How like an article is to unrelated ones: middle and spread of its vector's cosines. `cosines` (n,) are those
    with each recent article, `owners` (n,) these articles' storylines."""

    middle: float = _PRIOR_MIDDLE
    spread: float = _PRIOR_SPREAD
    cosines: npt.NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32), compare=False)
    owners: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64), compare=False)

    def nearer(self, cosines: Sequence[float], storylines: Sequence[int]) -> list[int]:
        """For each storyline with its best member's cosine: how many recent articles of others are as near."""
        best = np.asarray(cosines, np.float32)[:, None]
        others = self.owners[None, :] != np.asarray(storylines, np.int64)[:, None]
        counts: list[int] = np.count_nonzero((self.cosines[None, :] >= best) & others, axis=1).tolist()
        return counts


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
        self._slots: dict[int, deque[int]] = {}

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
