"""How memory is stored in the ledger, so that a start need not read again what was filed within the last month."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from pipeline.errors import InputError
from pipeline.ledger import Ledger, snapshots, storylines
from pipeline.ledger.snapshots import Header
from pipeline.storylines.filing import Filing, FilingOptions
from workers import logs

log = logs.get("clusterer")
KEEP_EVERY = 500  # articles filed: at most so many are replayed at a start, which takes a second or two
KEEP_AFTER = timedelta(minutes=1)  # an idle clusterer stores what fewer articles changed
_PARTS_AT_ONCE = 250  # in one transaction while all is written: others wait for the write lock no longer than that
_PAUSE_SECONDS = 0.02  # then, since SQLite gives the lock to whoever asks in the right moment
_LOOK_EVERY = 500  # parts read between two looks at the claim

Part = tuple[str, bytes | None]
Guard = Callable[[Connection], None]


class Snapshot:
    """Which snapshot memory goes on from, and what has happened since."""

    def __init__(self) -> None:
        self.stamp: str | None = None
        """None: there is none of this memory."""
        self.changed = False
        """Something happened that reading again what was filed would not repeat."""
        self.articles = 0
        """Filed since."""
        self._made: datetime | None = None

    def resume(self, header: Header) -> None:
        """Memory is what this snapshot says."""
        self.stamp, self.changed, self.articles, self._made = header.stamp, False, 0, header.made

    def due(self, moment: datetime, every: int, *, idle: bool) -> bool:
        """Whether to write it now: for the sake of a quick start, or since it ought to have been."""
        if self.changed or not self.articles or self.stamp is None:
            return self.changed
        rested = self._made is None or abs(moment - self._made) >= KEEP_AFTER
        return self.articles >= every or (idle and rested)

    def write(self, tx: Connection, filing: Filing, header: Header, changed: Iterable[Part] | None = None) -> None:
        """Store what has changed since the last time: `changed`, if it was dumped before the transaction began.

        Should the transaction fail, memory has to be rebuilt: filing takes for stored what it dumped.
        """
        stored = snapshots.header(tx)
        if stored is None or stored.stamp != self.stamp:  # somebody took it away
            snapshots.void(tx)
            while snapshots.clear(tx):
                pass
            changed = filing.dump(whole=True)
        snapshots.put(tx, filing.dump() if changed is None else changed)
        snapshots.finish(tx, header)
        self.resume(header)

    def write_whole(
        self, ledger: Ledger, guard: Guard, filing: Filing, header: Header, still: Callable[[], None]
    ) -> None:
        """Store all, in many short transactions; nothing may be filed meanwhile. What was stored before is worth
        nothing from the first one on."""
        take_away(ledger, guard, still)
        parts = filing.dump(whole=True)
        while some := list(islice(parts, _PARTS_AT_ONCE)):
            with ledger.write() as tx:
                guard(tx)
                snapshots.put(tx, some)
            _make_way(still)
        with ledger.write() as tx:
            guard(tx)
            snapshots.finish(tx, header)
        self.resume(header)


def take_away(ledger: Ledger, guard: Guard, still: Callable[[], None]) -> None:
    """Leave nothing of a snapshot in the ledger."""
    with ledger.write() as tx:
        guard(tx)
        snapshots.void(tx)
    some = 1
    while some:
        with ledger.write() as tx:
            guard(tx)
            some = snapshots.clear(tx)
        if some:
            _make_way(still)


def _make_way(still: Callable[[], None]) -> None:
    time.sleep(_PAUSE_SECONDS)
    still()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Without looking for garbage, of which there is none: each look goes through all that has been loaded."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def load(
    tx: Connection, version: str, options: FilingOptions, still: Callable[[], None]
) -> tuple[Filing, Header] | None:
    """Filing as it was stored, with the header; None where there is nothing that can be gone on from."""
    header = snapshots.header(tx)
    if header is None:
        return None
    against = _against(tx, header, version, options)
    if against is None:
        try:
            with _undisturbed(), contextlib.closing(snapshots.parts(tx)) as parts:
                return Filing.load(_watched(parts, still), options), header
        except InputError as error:
            against = str(error)
    log.warning("snapshot not used, what was filed is read again", reason=against)
    return None


def hours(options: FilingOptions) -> float:
    """How long filing remembers with these options."""
    return options.horizon.total_seconds() / 3600.0


def _against(tx: Connection, header: Header, version: str, options: FilingOptions) -> str | None:
    if header.version != version:
        return "its vectors are of another model or preparation"
    if header.horizon != hours(options):
        return f"it remembers {header.horizon:.0f} hours"
    if header.position > storylines.last_position(tx):
        return "it knows articles that are not filed any more"
    return None


def _watched(parts: Iterable[tuple[str, bytes]], still: Callable[[], None]) -> Iterator[tuple[str, bytes]]:
    for number, part in enumerate(parts, start=1):
        if not number % _LOOK_EVERY:
            still()
        yield part
    still()
