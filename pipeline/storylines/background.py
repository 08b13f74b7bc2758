"""What is ordinary here: how common each term is, and how near an article is to whatever was written lately.

Both know only what was filed before, and both are kept per language: among English articles the stop words of
Vietnamese are rare, and an English model finds any two Vietnamese texts alike. Measured against articles of other
languages, everything in such a language would look like one story.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.records import Vector
from pipeline.storylines.evidence import EMPTY, TERM_SPACE, Ids, SparseVec, Weights

_HALVE_AT = 200_000  # articles; from then on old usage fades, and the counts stay exact in float32
_PRIOR_MIDDLE, _PRIOR_SPREAD = 0.05, 0.12  # cosines of unrelated English articles under MiniLM
_SHARE = 20


class TermFrequencies:
    """In how many articles a term stood, in a table of fixed size (`evidence.TERM_SPACE` places of 4 bytes)."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._table = np.zeros(TERM_SPACE, np.float32)
        self._articles: dict[str, float] = {}

    def add(self, counts: SparseVec, lang: str) -> None:
        """Count one article."""
        self._table[self._places(counts.ids, lang)] += 1
        self._articles[lang] = self._articles.get(lang, 0.0) + 1
        if sum(self._articles.values()) >= _HALVE_AT:
            self._table *= 0.5
            self._articles = {key: n / 2 for key, n in self._articles.items() if n >= 1}

    def usage(self, ids: Ids, lang: str) -> tuple[Weights, Weights]:
        """(n,) in how many articles each of these terms stood, and how rare that is: log((N + 1.5) / (df + 0.5))."""
        df = self._table[self._places(ids, lang)]
        return df, np.maximum(np.log((self._articles.get(lang, 0.0) + 1.5) / (df + 0.5)), 0.0).astype(np.float32)

    def weigh(self, counts: SparseVec, lang: str, *, counted: bool) -> SparseVec:
        """TF-IDF of length 1 with the `keep` heaviest terms: (1 + log tf) * (log((N + 1) / (df + 0.5)) + 0.3).

        `counted` says whether this article is already in the table; where not, it is weighed as if it were, so that
        deciding and filing see the same numbers. The 0.3 keeps terms that every article has from vanishing.
        """
        if not len(counts):
            return EMPTY
        own = 0.0 if counted else 1.0
        n = self._articles.get(lang, 0.0) + own
        df = self._table[self._places(counts.ids, lang)] + own
        # A place whose count halved, or which two terms share, may stand above N: never below a small weight.
        idf = np.maximum(np.log((n + 1.0) / (df + 0.5)) + 0.3, 0.01)
        values = (1.0 + np.log(counts.values)) * idf
        ids = counts.ids
        if len(ids) > self._keep:
            top = np.sort(np.argpartition(-values, self._keep)[: self._keep])
            ids, values = ids[top], values[top]
        return SparseVec(ids, (values / np.linalg.norm(values)).astype(np.float32))

    @staticmethod
    def _places(ids: Ids, lang: str) -> Ids:
        return ids ^ np.int32(zlib.crc32(lang.encode()) % TERM_SPACE)


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
        counts: list[int] = ((self.cosines[None, :] >= best) & others).sum(axis=1).tolist()
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
            middle=trust * float(np.median(cosines)) + (1 - trust) * _PRIOR_MIDDLE,
            spread=trust * float(cosines.std()) + (1 - trust) * _PRIOR_SPREAD,
            cosines=cosines,
            owners=recent.owners,
        )

    def _key(self, lang: str) -> str:
        return lang if lang in self._recent or len(self._recent) < self._languages else ""


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
