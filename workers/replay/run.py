"""One replay: the archive copied portion by portion, remembered and filed anew on its own clock, and compared."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from pipeline.errors import InputError
from pipeline.ledger import Ledger, archive, open_ledger, storylines
from pipeline.ledger.archive import Span, Standing
from pipeline.storylines.options import FilingOptions
from workers.clusterer import Clusterer
from workers.replay import report

PORTION = 500  # articles read from the live ledger in one short transaction
CLOCK = timedelta(minutes=1)  # articles filed within it are filed by one step, as the clusterer takes what waits
ONE_OWNER = 1e9  # seconds: nobody else wants the role in a temporary ledger
BEFORE = timedelta(days=1)  # declared storylines count as declared so long before the first article
TELL_EVERY = 5.0  # seconds between two lines of progress
LARGE = 20_000  # articles from which on it is said beforehand what they need
ROW_BYTES = 3_000  # what the database itself adds to an article's text, features, signature and vector
SPARE_BYTES = 200_000_000  # that must stay free on the disk
EVENTS_KEPT = 2_000  # articles between two times that events, which nobody will read, are dropped

Say = Callable[[str], None]


@dataclass(slots=True)
class _Archive:
    """What is read of the live ledger at once, before anything is filed."""

    window: Span
    before: Span | None
    without_text: tuple[int, int]
    """Articles of the window, and of what was filed before, whose texts were retired."""
    standing: Standing
    last_storyline: int
    declared: Sequence[Mapping[Any, Any]]


@dataclass(slots=True)
class Counts:
    """What went through a replay."""

    remembered: int = 0
    copied: int = 0
    without_text: int = 0
    before_without_text: int = 0
    without_vector: int = 0
    declared_within: int = 0
    remembering_seconds: float = 0.0
    filing_seconds: float = 0.0
    disk_bytes: int = 0
    known: set[int] = field(default_factory=set)
    """Storylines that were there before the first article; they have the same id in both ledgers."""


def replay(
    ledger: Ledger,
    version: str,
    *,
    since: datetime,
    until: datetime,
    options: FilingOptions,
    batch: int,
    limit: int,
    say: Say,
) -> dict[str, Any]:
    """File anew what was filed from `since` to before `until`, and compare; `limit` bounds each list of the report.

    What was filed within the horizon before is remembered as it stands, the way a clusterer remembers when it starts;
    declared storylines count as declared beforehand. `version` names the vectors to file by. The live ledger is only
    read. Raises InputError when there is nothing to file, or not enough room on the disk.
    """
    found = _look(ledger, since, until, options)
    with tempfile.TemporaryDirectory(prefix="slugline-replay-") as folder:
        beside = open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True)
        try:
            run = _Run(ledger, beside, version, found, Path(folder), say)
            run.remember()
            run.file(Clusterer(beside, version, options=options, batch=batch, leader_seconds=ONE_OWNER), batch)
            return report.of(ledger, beside, found.window, found.standing, run.counts, options, limit, run.first)
        finally:
            beside.close()


def _look(ledger: Ledger, since: datetime, until: datetime, options: FilingOptions) -> _Archive:
    with ledger.read() as tx:
        window = archive.span(tx, since, until)
        if window is None:
            raise InputError(
                f"no article was filed from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC; choose another time "
                "with --since and --until, `slugline status` shows what waits to be filed"
            )
        before = archive.span(tx, window.began - options.horizon, since)
        lacking = archive.without_text(tx, window)
        if lacking == window.count:
            raise InputError(
                f"the {lacking:,} articles that were filed from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC "
                "have no texts any more (SLUGLINE_TEXT_RETENTION_DAYS); choose a later time with --since"
            )
        return _Archive(
            window=window,
            before=before,
            without_text=(lacking, archive.without_text(tx, before) if before else 0),
            standing=archive.standing(tx, window),
            last_storyline=archive.last_storyline(tx),
            declared=storylines.declared(tx),
        )


class _Run:
    """Copies and files. `first` is the position in the temporary ledger behind all that is only remembered."""

    def __init__(self, live: Ledger, beside: Ledger, version: str, found: _Archive, folder: Path, say: Say) -> None:
        self._live, self._beside, self._version = live, beside, version
        self._found, self._folder, self._say = found, folder, say
        lacking, before = found.without_text
        self.counts = Counts(
            declared_within=sum(row["opened"] >= found.window.since for row in found.declared),
            without_text=lacking,
            before_without_text=before,
        )
        self.first = 1
        self._told = self._began = time.monotonic()
        self._to_file = found.window.count - lacking
        self._to_remember = (found.before.count if found.before else 0) - before
        self._sized = False

    def remember(self) -> None:
        """Lay out declared storylines, and what was filed before as it was filed."""
        before, opened = self._found.before, self._found.window.began - BEFORE
        with self._beside.write() as tx:
            self._open(tx, self._found.declared, opened)
        count = 0
        for rows, homes in self._portions(before) if before else ():
            with self._beside.write() as tx:
                self._open(tx, homes, opened)
                archive.lay_out(tx, rows, self._version, filed=True)
            count += len(rows)
            self.first = rows[-1]["position"] + 1
            self._progress("copied", count, self._to_remember)
        with self._beside.write() as tx:
            archive.count_members(tx)
            archive.number_from(tx, max(self._found.last_storyline, *self.counts.known, 0))
        self.counts.remembered = count

    def file(self, clusterer: Clusterer, batch: int) -> None:
        """File the window anew on the clock of its articles, and let what is then due be done."""
        window, clock = self._found.window, self._found.window.began
        if self.counts.remembered:
            self._say(f"remembering {self.counts.remembered:,} articles that were filed before")
        clusterer.step(clock)  # takes the role, and with it remembers
        self.counts.remembering_seconds = time.monotonic() - self._began
        self._began = self._told = time.monotonic()
        since_dropped = 0
        for rows, _ in self._portions(window):
            for run in runs(rows, batch):
                clock = self._step(clusterer, run, clock)
            self.counts.copied += len(rows)
            self.counts.without_vector += sum(row["vector"] is None for row in rows)
            since_dropped += len(rows)
            if since_dropped >= EVENTS_KEPT:
                since_dropped = 0
                with self._beside.write() as tx:
                    archive.drop_events(tx)
            self._progress("filed", self.counts.copied, self._to_file)
        while clusterer.step(max(clock, window.ended)) or not clusterer.settled:
            pass
        self.counts.filing_seconds = time.monotonic() - self._began
        self.counts.disk_bytes = _used(self._folder)

    def _step(self, clusterer: Clusterer, run: Sequence[Mapping[str, Any]], clock: datetime) -> datetime:
        begins: datetime = run[0]["filed_at"]
        ends: datetime = max(clock, run[-1]["filed_at"])
        if begins - clock > CLOCK:
            clusterer.step(begins)  # what became due in the pause comes before what is filed behind it
        with self._beside.write() as tx:
            archive.lay_out(tx, run, self._version, filed=False)
        while clusterer.step(ends):
            pass
        return ends

    def _portions(self, of: Span) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
        """Articles of a span with the storylines, not known yet, under which they are filed."""
        after = of.first - 1
        while True:
            with self._live.read() as tx:
                rows = archive.portion(tx, of, self._version, after, PORTION)
                homes = archive.homes(tx, {row["storyline_id"] for row in rows} - self.counts.known)
            if not rows:
                return
            self._make_sure_of_room(rows)
            yield rows, homes
            after = rows[-1]["position"]

    def _open(self, tx: Connection, rows: Sequence[Mapping[Any, Any]], before: datetime) -> None:
        fresh = [row for row in rows if row["id"] not in self.counts.known]
        archive.open_homes(tx, fresh, before)
        self.counts.known.update(row["id"] for row in fresh)

    def _make_sure_of_room(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Before the first articles are copied, by their size; later, by what is left."""
        free = shutil.disk_usage(self._folder).free
        need = 0
        if not self._sized:
            self._sized = True
            every = self._to_file + self._to_remember
            need = int(every * (ROW_BYTES + np.mean([_size(row) for row in rows])))
            if every >= LARGE:
                self._say(
                    f"{self._to_file:,} articles to file anew and {self._to_remember:,} before them to "
                    f"remember: about {_giga(need)} in {self._folder.parent}, where {_giga(free)} are "
                    "free; how long it takes is said as soon as it shows, Ctrl-C leaves nothing behind"
                )
        if need + SPARE_BYTES > free:
            raise InputError(
                f"{self._folder.parent} has {_giga(free)} free, and the replay needs "
                f"{_giga(need + SPARE_BYTES)} there: choose a shorter time with --since, or another place with TMPDIR"
            )

    def _progress(self, what: str, done: int, total: int) -> None:
        moment = time.monotonic()
        if moment - self._told < TELL_EVERY or done >= total:
            return
        self._told = moment
        rate = done / (moment - self._began)
        left = max(total - done, 0) / rate
        self._say(f"{what} {done:,} of {total:,}, {rate:,.0f} a second, about {_lasting(left)} left for these")


def runs(rows: Sequence[Mapping[str, Any]], most: int) -> Iterator[list[Mapping[str, Any]]]:
    """Articles cut into what the clusterer takes at once: no more than it does, within a minute, and in the order of
    their ids, since it files what waits by its id."""
    run: list[Mapping[str, Any]] = []
    for row in rows:
        full = len(run) == most or (run and row["filed_at"] - run[0]["filed_at"] > CLOCK)
        if run and (full or row["id"] < run[-1]["id"]):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _size(row: Mapping[str, Any]) -> int:
    parts = (row["signature"], row["packed"], row["vector"])
    return len(row["text"].encode("utf-8", "replace")) + sum(len(part) for part in parts if part is not None)


def _used(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _giga(size: float) -> str:
    return f"{size / 1e9:.1f} GB"


def _lasting(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"
