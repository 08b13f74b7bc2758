"""What is ordinary here: how common each term is, and how near an article is to whatever was written lately.

Both know only what was filed before, and both are kept per language: among English articles the stop words of
Vietnamese are rare, and an English model finds any two Vietnamese texts alike. Measured against articles of other
languages, everything in such a language would look like one story. Words need the measure as much as vectors: where
words are short and few, as syllables are, unrelated texts share more of them.
"""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.records import Vector
from pipeline.storylines.evidence import EMPTY, TERM_SPACE, Ids, SparseVec, Weights
from pipeline.storylines.members import BODY_TERMS, Lookup

_HALVE_AT = 200_000  # articles; from then on old usage fades, and the counts stay exact in float32
_PRIOR_MIDDLE, _PRIOR_SPREAD = 0.05, 0.12  # cosines of unrelated English articles under MiniLM
_SHARE = 20
USUAL_WORDS = 0.10
"""Square root of the cosine of two unrelated English bodies, as the decision's weights know it."""


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
    """How like an article is to unrelated ones: middle and spread of its vector's cosines, and the middle of the
    square roots of its body's cosines."""

    middle: float = _PRIOR_MIDDLE
    spread: float = _PRIOR_SPREAD
    words: float = USUAL_WORDS


class Background:
    """The last articles of each language, which say how near is near.

    A storyline holds a twentieth of it at most. A flood of near-identical pages would else become the measure of all
    things, and nothing would be near to anything, the flood's own next page included.
    """

    def __init__(self, articles: int, prior: float, languages: int) -> None:
        self._size, self._prior, self._languages = articles, prior, languages
        self._recent: dict[str, _Recent] = {}
        self._lookup = Lookup()

    def add(self, vector: Vector | None, body: SparseVec, lang: str, storyline: int) -> None:
        """Remember one article; `body` has at most `members.BODY_TERMS` terms."""
        key = self._key(lang)
        recent = self._recent.setdefault(key, _Recent(self._size))
        if vector is not None:
            recent.vectors.add(vector, storyline)
        ids, weights = np.zeros(BODY_TERMS, np.int32), np.zeros(BODY_TERMS, np.float32)
        ids[: len(body)], weights[: len(body)] = body.ids, body.values
        slot = recent.bodies.add(weights, storyline)
        recent.terms[slot] = ids

    def measure(self, vector: Vector | None, body: SparseVec, lang: str) -> Ordinary:
        """What the article has in common with the recent ones of its language, blended with a prior."""
        recent = self._recent.get(self._key(lang))
        if recent is None:
            return Ordinary()
        middle, spread, words = _PRIOR_MIDDLE, _PRIOR_SPREAD, USUAL_WORDS
        if vector is not None and recent.vectors.count:
            cosines = recent.vectors.rows @ vector
            trust = self._trust(recent.vectors)
            middle = trust * float(np.median(cosines)) + (1 - trust) * _PRIOR_MIDDLE
            spread = trust * float(cosines.std()) + (1 - trust) * _PRIOR_SPREAD
        if len(body):
            self._lookup.load(body)
            weights = recent.bodies.rows
            roots = np.sqrt(np.maximum(0.0, self._lookup.dots(recent.terms[: len(weights)], weights)))
            trust = self._trust(recent.bodies)
            words = trust * float(np.median(roots)) + (1 - trust) * USUAL_WORDS
        return Ordinary(middle, spread, words)

    def _trust(self, ring: _Ring) -> float:
        return 1.0 if ring.count == ring.size else ring.count / (ring.count + self._prior)

    def _key(self, lang: str) -> str:
        return lang if lang in self._recent or len(self._recent) < self._languages else ""


class _Recent:
    """One language's recent articles: `terms` are the ids that belong to the weights in `bodies`."""

    def __init__(self, size: int) -> None:
        self.vectors, self.bodies = _Ring(size), _Ring(max(1, size // 5))
        self.terms = np.zeros((self.bodies.size, BODY_TERMS), np.int32)


class _Ring:
    """The last `size` rows, of which no storyline has more than a twentieth."""

    def __init__(self, size: int) -> None:
        self.size, self.count, self._next = size, 0, 0
        self._most = max(1, size // _SHARE)
        self._rows = np.empty((0, 0), np.float32)
        self._owner: list[int] = []
        self._slots: dict[int, deque[int]] = {}

    @property
    def rows(self) -> npt.NDArray[np.float32]:
        return self._rows[: self.count]

    def add(self, row: npt.NDArray[np.float32], storyline: int) -> int:
        """Keep a row, return where."""
        own = self._slots.setdefault(storyline, deque())
        slot = own.popleft() if len(own) >= self._most else self._oldest()
        own.append(slot)
        self._slots[storyline] = own
        if slot == len(self._owner):
            self._owner.append(storyline)
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
        if slot < len(self._owner):
            owner = self._owner[slot]
            self._slots[owner].remove(slot)
            if not self._slots[owner]:
                del self._slots[owner]
        return slot
