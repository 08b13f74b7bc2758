"""How common each term is, per language: among English articles the stop words of Vietnamese are rare."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

from pipeline.storylines.evidence import EMPTY, TERM_SPACE, Features, Ids, SparseVec, Weights

BODY_TERMS, TITLE_TERMS, NAME_TERMS = 120, 120, 60
"""The heaviest so many terms of an article are compared."""
_TITLES, _BODIES, _NAMES = 0, TERM_SPACE, 2 * TERM_SPACE  # where each kind's table begins
_HALVE_AT = 200_000  # articles; from then on old usage fades, and the counts stay exact in float32


@dataclass(frozen=True, slots=True)
class Weighed:
    """Two word vectors of length 1 (or empty) at what terms are worth now."""

    title: SparseVec
    names: SparseVec


Usage = tuple[tuple[Weights, Weights], tuple[Weights, Weights]]
"""Of words and of names: in how many articles each stood, and how rare that makes it, both (n,)."""


class Terms:
    """In how many articles each term stood, in titles, bodies and among names: three tables of fixed size
    (`evidence.TERM_SPACE` places of 4 bytes each) in one."""

    def __init__(self) -> None:
        self.table = np.zeros(3 * TERM_SPACE, np.float32)
        self.articles: dict[str, float] = {}
        self.version = 0
        """Grows with every article that is counted."""
        self.halved = 0
        self._all = 0.0

    def restore(self, table: Weights, articles: dict[str, float], version: int) -> None:
        """Go on from these counts."""
        self.table, self.articles, self.version = table, articles, version
        self._all = sum(articles.values())

    def add(self, shown: Features) -> Ids:
        """Count one article; returns the places (n,) of the table at which it is counted."""
        mask = _mask(shown.lang)
        places = np.concatenate(
            (
                (shown.title.ids ^ mask) + np.int32(_TITLES),
                (shown.body.ids ^ mask) + np.int32(_BODIES),
                (shown.names.ids ^ mask) + np.int32(_NAMES),
            )
        )
        self.table[places] += 1
        self.articles[shown.lang] = self.articles.get(shown.lang, 0.0) + 1
        self._all += 1
        self.version += 1
        if self._all >= _HALVE_AT:
            self.table *= 0.5
            self.articles = {key: n / 2 for key, n in self.articles.items() if n >= 1}
            self._all = sum(self.articles.values())
            self.halved += 1
        return places

    def usage(self, shown: Features) -> Usage:
        """For the article's words, then its names: in how many articles each stood, and how rare that makes it,
        log((N + 1.5) / (df + 0.5))."""
        mask, n = _mask(shown.lang), self.articles.get(shown.lang, 0.0) + 1.5
        ids = np.concatenate(((shown.body.ids ^ mask) + np.int32(_BODIES), (shown.names.ids ^ mask) + np.int32(_NAMES)))
        counts, words = self.table[ids], len(shown.body)
        rarity = _rarity(counts, n)
        return (counts[:words], rarity[:words]), (counts[words:], rarity[words:])

    def weigh(self, shown: Features, *, counted: bool) -> Weighed:
        """TF-IDF of length 1 with the heaviest terms: (1 + log tf) * (log((N + 1) / (df + 0.5)) + 0.3).

        `counted` says whether this article is already in the table; where not, it is weighed as if it were, so that
        deciding and filing see the same numbers. The 0.3 keeps terms that every article has from vanishing.
        """
        return Weighed(
            self._weigh(shown.title, shown.lang, _TITLES, TITLE_TERMS, counted=counted),
            self._weigh(shown.names, shown.lang, _NAMES, NAME_TERMS, counted=counted),
        )

    def weigh_body(self, shown: Features) -> SparseVec:
        """TF-IDF of the words of an article that is not counted yet, as `weigh` has it for titles."""
        return self._weigh(shown.body, shown.lang, _BODIES, BODY_TERMS, counted=False)

    def rarity(self, ids: Ids, lang: str) -> Weights:
        """(n,) how rare these words are in bodies of the language, as in `usage`."""
        return _rarity(self.table[(ids ^ _mask(lang)) + _BODIES], self.articles.get(lang, 0.0) + 1.5)

    def _weigh(self, counts: SparseVec, lang: str, table: int, keep: int, *, counted: bool) -> SparseVec:
        if not len(counts):
            return EMPTY
        own = 0.0 if counted else 1.0
        n = self.articles.get(lang, 0.0) + own
        df = self.table[(counts.ids ^ _mask(lang)) + table] + np.float32(own)
        # A place whose count halved, or which two terms share, may stand above N: never below a small weight.
        idf = np.maximum(np.log((n + 1.0) / (df + 0.5)) + 0.3, 0.01)
        values = (1.0 + np.log(counts.values)) * idf
        ids = counts.ids
        if len(ids) > keep:
            top = np.sort(np.argpartition(-values, keep)[:keep])
            ids, values = ids[top], values[top]
        return SparseVec(ids, (values / math.sqrt(float(values @ values))).astype(np.float32))


def _rarity(df: Weights, n: float) -> Weights:
    rarity: Weights = np.maximum(np.log(n / (df + 0.5)), 0.0).astype(np.float32)
    return rarity


def _mask(lang: str) -> np.int32:
    return np.int32(zlib.crc32(lang.encode()) % TERM_SPACE)
