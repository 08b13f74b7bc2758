"""Reading sees one moment and writes nothing; writing is all or nothing, and waits its turn."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from pipeline.errors import LedgerError
from pipeline.ledger import Ledger, feeds, open_ledger
from tests.ledger.making import START, feed


def test_what_raises_is_rolled_back(ledger: Ledger) -> None:
    with ledger.write() as tx:
        feed(tx, "https://kept.example/feed")

    def interrupted() -> None:
        with ledger.write() as tx:
            feed(tx)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with ledger.read() as tx:
        assert [one.url for one in feeds.every(tx)] == ["https://kept.example/feed"]


def test_reading_sees_one_moment_however_long_it_lasts(ledger: Ledger) -> None:
    with ledger.read() as reading:
        assert feeds.every(reading) == []
        with ledger.write() as tx:
            feed(tx)
        assert feeds.every(reading) == []
    with ledger.read() as tx:
        assert len(feeds.every(tx)) == 1


def test_a_write_where_only_reading_was_asked_for_fails_aloud(ledger: Ledger) -> None:
    with pytest.raises((LedgerError, DBAPIError)), ledger.read() as tx:
        feed(tx)
    with ledger.write() as tx:  # the connection that refused is good for writing again
        feed(tx)


def test_a_sqlite_writer_takes_the_lock_before_it_writes(sqlite_ledger: Ledger) -> None:
    path = sqlite_ledger.engine.url.database
    assert path is not None
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        with sqlite_ledger.write() as tx:
            feeds.every(tx)  # has only read so far
            with pytest.raises(sqlite3.OperationalError, match="database is locked"):
                other.execute("BEGIN IMMEDIATE")
        with sqlite_ledger.read() as tx:
            feeds.every(tx)
            other.execute("BEGIN IMMEDIATE")  # readers keep nobody out
            other.execute("ROLLBACK")
    finally:
        other.close()


def test_references_are_checked(ledger: Ledger) -> None:
    from pipeline.ledger.schema import sightings

    stray = {"article_id": 99, "entry_key": "k", "url_key": "k", "url": "u", "first_seen": START, "last_seen": START}
    with pytest.raises(DBAPIError), ledger.write() as tx:
        tx.execute(sightings.insert(), stray)


def test_times_come_back_aware_and_without_zone_they_are_refused(ledger: Ledger) -> None:
    with ledger.write() as tx:
        feed(tx)
    with ledger.read() as tx:
        assert feeds.every(tx)[0].created == START
    with pytest.raises(Exception, match="without zone"), ledger.write() as tx:
        feeds.add(tx, "https://other.example/feed", START.replace(tzinfo=None))


def test_closing_leaves_one_file(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", upgrade=True)
    with ledger.write() as tx:
        feed(tx)
    ledger.close()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("ledger")] == ["ledger.db"]
