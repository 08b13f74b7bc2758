"""Reprints: the same agency text at forty outlets is one piece of coverage with forty copies.

MinHash (Broder 1997) estimates the share of five-word sequences that two texts have in common; bands of its values
(locality-sensitive hashing, Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", ch. 3) find the few articles
worth comparing.
"""

from __future__ import annotations

import itertools
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from datasketch import MinHash

from pipeline.storylines.evidence import plain_tokens
from pipeline.storylines.hours import Hours

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
    return float(np.count_nonzero(np.frombuffer(a, "<u4") == np.frombuffer(b, "<u4"))) / PERMUTATIONS


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
    order: int = 0
    """Its place in the order in which originals came; given by the index."""


class CopyIndex:
    """Originals of the last days by their bands. Reprints are not kept: a copy is compared with originals only, so a
    chain of small changes never leads from one text to another."""

    def __init__(self, *, window_hours: float, most: int, least_similarity: float) -> None:
        self._window, self._most, self._least = window_hours, most, least_similarity
        self._originals: dict[int, Original] = {}
        self._bands: dict[int, int | list[int] | dict[int, None]] = {}
        """Articles of each band: most have one, and no list for it."""
        self._of: dict[int, set[int]] = {}
        self._by_order: dict[int, int] = {}
        self._seen = Hours()
        self._next = 0
        self.changed: set[int] = set()

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
            held = self._bands.get(band)
            if held is not None:
                hits.update((held,) if isinstance(held, int) else _last(held))
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
        original.order, self._next = self._next, self._next + 1
        self._insert(original)
        while len(self._originals) > self._most:
            self._drop(next(iter(self._originals)))

    def move(self, loser: int, winner: int) -> None:
        """Originals of storyline `loser` now belong to `winner`."""
        moved = self._of.pop(loser, set())
        for article in moved:
            self._originals[article].storyline = winner
            self.changed.add(self._originals[article].order)
        if moved:
            self._of.setdefault(winner, set()).update(moved)

    def hold(self, storyline: int, originals: Sequence[Original]) -> None:
        """These are the originals of a storyline, and no others. One that is known keeps its place in their order."""
        wanted = {original.article for original in originals}
        for article in sorted(self._of.get(storyline, set()) - wanted):
            self._drop(article)
        for original in originals:
            known = self._originals.get(original.article)
            if known is None:
                self.add(original)
            elif known.storyline != storyline:
                self._leave(known)
                known.storyline = storyline
                self._of.setdefault(storyline, set()).add(known.article)
                self.changed.add(known.order)

    def forget(self, before: float) -> None:
        """Drop originals first seen before that hour."""
        for article in self._seen.before(before):
            if self._originals[article].seen < before:
                self._drop(article)

    def known(self) -> Iterator[Original]:
        """Every original, the oldest first."""
        return iter(self._originals.values())

    def restore(self, originals: Iterable[Original], following: int) -> None:
        """Go on from these originals, the oldest first, each with its place in the order; `following` is the next."""
        for original in originals:
            self._insert(original)
        self._next = following
        self.changed.clear()

    def between(self, first: int, end: int) -> list[Original]:
        """Originals whose places in the order are `first` to before `end`."""
        articles = (self._by_order.get(order) for order in range(first, end))
        return [self._originals[article] for article in articles if article is not None]

    @property
    def following(self) -> int:
        """The place in the order of the next original."""
        return self._next

    def _insert(self, original: Original) -> None:
        article = original.article
        self._originals[article] = original
        self._by_order[original.order] = article
        self._of.setdefault(original.storyline, set()).add(article)
        self._seen.put(article, original.seen)
        self.changed.add(original.order)
        for band in _bands(original.mark):
            held = self._bands.get(band)
            if held is None:
                self._bands[band] = article
            elif isinstance(held, int):
                self._bands[band] = [held, article]
            elif isinstance(held, dict):
                held[article] = None
            else:
                held.append(article)
                if len(held) > _MOST_COMPARED:  # a flood of one text: from here on leaving must not take its time
                    self._bands[band] = dict.fromkeys(held)

    def _near(self, original: Original, written: float | None) -> bool:
        return written is None or original.written is None or abs(written - original.written) <= self._window

    def _leave(self, original: Original) -> None:
        held = self._of[original.storyline]
        held.discard(original.article)
        if not held:
            del self._of[original.storyline]

    def _drop(self, article: int) -> None:
        original = self._originals.pop(article, None)
        if original is None:
            return
        self._leave(original)
        del self._by_order[original.order]
        self._seen.remove(article, original.seen)
        self.changed.add(original.order)
        for band in _bands(original.mark):
            held = self._bands[band]
            if isinstance(held, list):
                held.remove(article)
            elif isinstance(held, dict):
                del held[article]
            if isinstance(held, int) or not held:
                del self._bands[band]


def _last(held: list[int] | dict[int, None]) -> list[int]:
    return (
        held[-_MOST_COMPARED:]
        if isinstance(held, list)
        else list(itertools.islice(reversed(held), _MOST_COMPARED))[::-1]
    )


def _bands(mark: bytes) -> list[int]:
    step = _ROWS * 4
    return [(band << 32) | zlib.crc32(mark[band * step : (band + 1) * step]) for band in range(_BANDS)]
