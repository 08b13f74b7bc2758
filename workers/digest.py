"""What an analyst is told of a storyline, read from the ledger when somebody asks.

Its articles are read anew each time. What follows from them and takes most of the time (names, parts, key sentences)
may be kept in a `Memory`: it is used only while all that was read is the same to the letter, so that it cannot be
stale. What is related is made anew. Cost is bounded by the figures below; for a storyline of 5,000 articles it is
measured in tests.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from pipeline.ledger import reading
from pipeline.records import Article, Storyline
from pipeline.storylines import tell

MOST_ARTICLES = 5_000  # the latest of a storyline
TEXT_CHARS = 8_000  # of the texts that are read: fifteen sentences lie within
SAMPLE_CHARS = 600  # of the texts by which parts of a storyline are told apart
MOST_UNTITLED, TITLE_CHARS = 300, 200  # the latest without a title, for which the beginning of the text stands
CHOICES = 300  # the latest articles whose runner-up is asked for, in either direction
BESIDE = 300  # other storylines that are looked at to know what is common, and for names in common
KEPT = 128  # storylines; one is 5 kB to 300 kB, by its outlets and days
KEPT_SECONDS = 600.0  # names are weighed against what else is written, which changes slowly


@dataclass(slots=True)
class Memory:
    """What was told of the storylines that were looked at last, each with a hash of all that it follows from."""

    most: int = KEPT
    seconds: float = KEPT_SECONDS
    clock: Callable[[], float] = time.monotonic
    _told: OrderedDict[int, tuple[bytes, float, tell.Digest]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, storyline_id: int, source: bytes) -> tell.Digest | None:
        with self._lock:
            known, made, told = self._told.get(storyline_id, (b"", 0.0, None))
            if known != source or self.clock() - made >= self.seconds:
                return None
            self._told.move_to_end(storyline_id)
            return told

    def put(self, storyline_id: int, source: bytes, told: tell.Digest) -> None:
        """Keep it, and let go of what is too much or too old: what was forgotten leaves this memory as well."""
        now = self.clock()
        with self._lock:
            self._told[storyline_id] = (source, now, told)
            self._told.move_to_end(storyline_id)
            for one in [one for one, (_, made, _) in self._told.items() if now - made > self.seconds]:
                del self._told[one]
            while len(self._told) > self.most:
                self._told.popitem(last=False)

    def __len__(self) -> int:
        return len(self._told)


def of(tx: Connection, found: Storyline, memory: Memory | None = None) -> tell.Digest:
    """All that is told of a storyline beside its headline."""
    originals, reprints = reading.coverage(tx, found.id, MOST_ARTICLES)
    untitled = [a.id for a in originals if not a.title]
    texts = reading.openings(tx, untitled[:MOST_UNTITLED], TITLE_CHARS)
    texts |= reading.openings(tx, [a.id for a in tell.sample(originals)], SAMPLE_CHARS)
    texts |= reading.openings(tx, tell.to_read(originals), TEXT_CHARS)
    others = [one for one in reading.lately(tx, BESIDE) if one.id != found.id]
    backdrop = tell.backdrop_of(f"{one.headline}\n{one.text}" for one in others)
    headline = found.headline or found.title
    source = _source(originals, reprints, texts, headline) if memory is not None else b""
    told = memory.get(found.id, source) if memory is not None else None
    if told is None:
        told = tell.itself(originals, reprints, texts, headline=headline, backdrop=backdrop)
        if memory is not None:
            memory.put(found.id, source, told)
    return tell.beside(told, _neighbours(tx, found.id, others), backdrop)


def _source(
    originals: Sequence[Article], reprints: Sequence[Article], texts: Mapping[int, str], headline: str
) -> bytes:
    """A hash of all that was read: of the fields that `reading.coverage` fills, and of the texts."""
    rows = [
        [(a.id, a.title, a.url, a.outlet, a.lang, a.seen, a.published, a.backfill) for a in articles]
        for articles in (originals, reprints)
    ]
    return hashlib.blake2b(repr((headline, rows, texts)).encode()).digest()


def _neighbours(tx: Connection, storyline_id: int, lately: list[reading.Beside]) -> list[tell.Neighbour]:
    """The storylines that filing met beside this one, and those that changed last; ids of merged ones lead on."""
    here = reading.runners_up(tx, storyline_id, CHOICES)
    there = reading.came_second(tx, storyline_id, CHOICES)
    met = reading.beside(tx, here.keys() | there.keys())
    known = {one.id: one for one in (*met.values(), *lately) if one.id != storyline_id}
    counts = {one: [0, 0] for one in known}
    nearest: dict[int, float] = {}
    for place, found in enumerate((here, there)):
        for asked, times in found.items():
            if asked in met and met[asked].id in known:
                one = met[asked].id
                counts[one][place] += times.times
                nearest[one] = max(nearest.get(one, 0.0), times.nearest)
    return [
        tell.Neighbour(
            id=one.id,
            headline=one.headline,
            text=one.text,
            lang=one.lang,
            articles=one.articles,
            last_article=one.last_article,
            here=counts[one.id][0],
            there=counts[one.id][1],
            nearest=nearest.get(one.id),
        )
        for one in known.values()
    ]
