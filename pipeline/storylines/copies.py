"""Reprints: the same agency text at forty outlets is one piece of coverage with forty copies.

MinHash (Broder 1997) estimates the share of five-word sequences that two texts have in common; bands of its values
(locality-sensitive hashing, Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", ch. 3) find the few articles
worth comparing.
"""

from __future__ import annotations

import zlib
from collections import Counter, OrderedDict
from dataclasses import dataclass

import numpy as np
from datasketch import MinHash

from pipeline.storylines.evidence import plain_tokens

PERMUTATIONS = 128
"""Standard error of the estimate at 0.8: sqrt(0.8 * 0.2 / 128) = 0.035."""
SHINGLE_WORDS = 5
LEAST_WORDS = 30
"""A shorter text (a caption, "Subscribe to read on") says nothing about who copied whom."""
LEAST_DISTINCT = 20
"""Different five-word sequences below which a text is one line repeated."""
MOST_WORDS, _MOST_CHARS = 3_000, 30_000
_BANDS, _ROWS = 20, 6  # found with probability 0.998 at a similarity of 0.8, 0.27 at 0.5
_MOST_COMPARED = 64
_BYTES = PERMUTATIONS * 4

# Seed, hash and scheme are part of the stored signatures' meaning: change either and old signatures compare as noise.
# CRC-32 is five times as fast as the default SHA-1; the scheme mixes its bits before it permutes them.
_BLANK = MinHash(num_perm=PERMUTATIONS, seed=1, scheme="affine32", hashfunc=zlib.crc32)


def signature(text: str) -> bytes | None:
    """MinHash of a text's five-word sequences: 128 little-endian uint32, or None when it is too short to judge."""
    tokens = plain_tokens(text[:_MOST_CHARS], most=MOST_WORDS)
    if len(tokens) < LEAST_WORDS:
        return None
    shingles = {" ".join(tokens[i : i + SHINGLE_WORDS]) for i in range(len(tokens) - SHINGLE_WORDS + 1)}
    if len(shingles) < LEAST_DISTINCT:
        return None
    sketch = _BLANK.copy()
    sketch.update_batch([shingle.encode("utf-8", "replace") for shingle in sorted(shingles)])
    return np.asarray(sketch.hashvalues, dtype="<u4").tobytes()


def comparable(mark: bytes) -> bool:
    """Whether this is a signature of the make in use."""
    return len(mark) == _BYTES


def similarity(a: bytes, b: bytes) -> float:
    """Estimated Jaccard similarity of two texts, 0..1; 0 for a signature of another make."""
    if not (comparable(a) and comparable(b)):
        return 0.0
    return float(np.mean(np.frombuffer(a, "<u4") == np.frombuffer(b, "<u4")))


@dataclass(slots=True)
class Original:
    """A text that was printed first, as far as is known. Times are hours since 1970; `written` None: undated; `told`:
    the text speaks of what its title says (`evidence.tells_of_title`)."""

    article: int
    storyline: int
    url: str
    mark: bytes
    written: float | None
    seen: float
    told: bool = True


class CopyIndex:
    """Originals of the last days by their bands. Reprints are not kept: a copy is compared with originals only, so a
    chain of small changes never leads from one text to another."""

    def __init__(self, *, window_hours: float, most: int, least_similarity: float) -> None:
        self._window, self._most, self._least = window_hours, most, least_similarity
        self._originals: OrderedDict[int, Original] = OrderedDict()
        self._bands: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._originals)

    def find(
        self, article: int, url: str, mark: bytes, written: float | None, *, told: bool = True
    ) -> tuple[Original, float] | None:
        """The original of which this text is a copy, with the similarity; None for an original.

        The same URL is the same article in another version, not a reprint; and what is an original stays one. Where
        the text is not `told` of by its own title, its original's must be: outlets put titles of their own above
        agency copy.
        """
        if article in self._originals:
            return None
        hits: Counter[int] = Counter()
        for band in _bands(mark):
            hits.update(self._bands.get(band, ())[-_MOST_COMPARED:])
        best: tuple[Original, float] | None = None
        for candidate, _ in hits.most_common(_MOST_COMPARED):
            original = self._originals[candidate]
            if (url and url == original.url) or not (told or original.told) or not self._near(original, written):
                continue
            share = similarity(original.mark, mark)
            if share >= self._least and (best is None or (-share, candidate) < (-best[1], best[0].article)):
                best = (original, share)
        return best

    def add(self, original: Original) -> None:
        """Remember an original; the oldest goes when there are too many."""
        self._drop(original.article)
        self._originals[original.article] = original
        for band in _bands(original.mark):
            self._bands.setdefault(band, []).append(original.article)
        while len(self._originals) > self._most:
            self._drop(next(iter(self._originals)))

    def move(self, loser: int, winner: int) -> None:
        """Originals of storyline `loser` now belong to `winner`."""
        for original in self._originals.values():
            if original.storyline == loser:
                original.storyline = winner

    def forget(self, before: float) -> None:
        """Drop originals first seen before that hour."""
        for article in [a for a, o in self._originals.items() if o.seen < before]:
            self._drop(article)

    def _near(self, original: Original, written: float | None) -> bool:
        return written is None or original.written is None or abs(written - original.written) <= self._window

    def _drop(self, article: int) -> None:
        original = self._originals.pop(article, None)
        if original is None:
            return
        for band in _bands(original.mark):
            articles = self._bands.get(band, [])
            if article in articles:
                articles.remove(article)
            if not articles:
                self._bands.pop(band, None)


def _bands(mark: bytes) -> list[int]:
    step = _ROWS * 4
    return [(band << 32) | zlib.crc32(mark[band * step : (band + 1) * step]) for band in range(_BANDS)]
