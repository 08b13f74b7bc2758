"""What is ordinary here: how common each term is, and how near an article is to whatever was written lately.

Both know only what was filed before, and both are kept per language: among English articles the stop words of
Vietnamese are rare, and an English model finds any two Vietnamese texts alike. Measured against articles of other
languages, everything in such a language would look like one story.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.records import Vector
from pipeline.storylines.evidence import EMPTY, TERM_SPACE, SparseVec

_HALVE_AT = 200_000  # articles; from then on old usage fades, and the counts stay exact in float32
_PRIOR_MIDDLE, _PRIOR_SPREAD = 0.05, 0.12  # cosines of unrelated English articles under MiniLM
_LOWER = 0.16  # share of a normal distribution that lies more than one standard deviation below its middle


class TermFrequencies:
    """In how many articles a term stood, in a table of fixed size (`evidence.TERM_SPACE` places of 4 bytes)."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._table = np.zeros(TERM_SPACE, np.float32)
        self._articles: dict[str, float] = {}

    def add(self, counts: SparseVec, lang: str) -> None:
        """Count one article."""
        self._table[self._places(counts, lang)] += 1
        self._articles[lang] = self._articles.get(lang, 0.0) + 1
        if sum(self._articles.values()) >= _HALVE_AT:
            self._table *= 0.5
            self._articles = {key: n / 2 for key, n in self._articles.items() if n >= 1}

    def weigh(self, counts: SparseVec, lang: str, *, counted: bool) -> SparseVec:
        """TF-IDF of length 1 with the `keep` heaviest terms: (1 + log tf) * (log((N + 1) / (df + 0.5)) + 0.3).

        `counted` says whether this article is already in the table; where not, it is weighed as if it were, so that
        deciding and filing see the same numbers. The 0.3 keeps terms that every article has from vanishing.
        """
        if not len(counts):
            return EMPTY
        own = 0.0 if counted else 1.0
        n = self._articles.get(lang, 0.0) + own
        df = self._table[self._places(counts, lang)] + own
        # A place whose count halved, or which two terms share, may stand above N: never below a small weight.
        idf = np.maximum(np.log((n + 1.0) / (df + 0.5)) + 0.3, 0.01)
        values = (1.0 + np.log(counts.values)) * idf
        ids = counts.ids
        if len(ids) > self._keep:
            top = np.sort(np.argpartition(-values, self._keep)[: self._keep])
            ids, values = ids[top], values[top]
        return SparseVec(ids, (values / np.linalg.norm(values)).astype(np.float32))

    @staticmethod
    def _places(counts: SparseVec, lang: str) -> npt.NDArray[np.int32]:
        return counts.ids ^ np.int32(zlib.crc32(lang.encode()) % TERM_SPACE)


@dataclass(frozen=True, slots=True)
class Ordinary:
    """How near an article is to unrelated ones: the middle of its cosines, and how far they scatter below it."""

    middle: float
    spread: float


class RecentVectors:
    """The vectors of the last articles of each language, which say how near is near."""

    def __init__(self, articles: int, prior: float, languages: int) -> None:
        self._size, self._prior, self._languages = articles, prior, languages
        self._rings: dict[str, _Ring] = {}

    def add(self, vector: Vector, lang: str) -> None:
        """Remember one article."""
        key = self._key(lang)
        if key not in self._rings:
            self._rings[key] = _Ring(self._size, len(vector))
        self._rings[key].add(vector)

    def measure(self, vector: Vector, lang: str) -> Ordinary:
        """Middle and spread of the article's cosines to the recent ones, blended with a prior.

        The spread is taken below the median: above it lie the articles of the same story, and the more of those there
        are, the less near they would seem.
        """
        ring = self._rings.get(self._key(lang))
        if ring is None or not ring.count:
            return Ordinary(_PRIOR_MIDDLE, _PRIOR_SPREAD)
        cosines = ring.vectors @ vector
        trust = 1.0 if ring.full else ring.count / (ring.count + self._prior)
        middle, low = float(np.median(cosines)), float(np.quantile(cosines, _LOWER))
        return Ordinary(
            trust * middle + (1 - trust) * _PRIOR_MIDDLE, trust * (middle - low) + (1 - trust) * _PRIOR_SPREAD
        )

    def _key(self, lang: str) -> str:
        return lang if lang in self._rings or len(self._rings) < self._languages else ""


class _Ring:
    def __init__(self, size: int, dimension: int) -> None:
        self._rows = np.empty((min(size, 64), dimension), np.float32)
        self._size, self.count = size, 0

    @property
    def full(self) -> bool:
        return self.count >= self._size

    @property
    def vectors(self) -> npt.NDArray[np.float32]:
        return self._rows[: min(self.count, self._size)]

    def add(self, vector: Vector) -> None:
        at = self.count % self._size
        if at >= len(self._rows):
            grown = np.empty((min(self._size, 2 * len(self._rows)), self._rows.shape[1]), np.float32)
            grown[: len(self._rows)] = self._rows
            self._rows = grown
        self._rows[at] = vector
        self.count += 1
