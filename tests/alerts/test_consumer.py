"""The documented consumer against a real Valkey, killed at the worst moment, and with handlers that fail."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis as redis_client

from pipeline.ledger import Ledger, events
from pipeline.settings import Settings
from tests.workers.wire import NOON
from workers.process import now
from workers.relay import Relay

PROGRAM = Path(__file__).resolve().parents[2] / "docs/clients/consumer.py"
KILLED = """
import importlib.util, os, signal, sqlite3, sys
import redis
spec = importlib.util.spec_from_file_location("consumer", sys.argv[1])
consumer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(consumer)
acknowledge = redis.Redis.xack
def third(self, stream, group, entry):
    if entry == b"3-0":
        os.kill(os.getpid(), signal.SIGKILL)  # dealt with, and not acknowledged
    return acknowledge(self, stream, group, entry)
redis.Redis.xack = third
one = consumer.Consumer(redis.Redis.from_url(sys.argv[2]), sqlite3.connect(sys.argv[3]), count)
while True:
    one.step(50)
"""
COUNT = """
def count(db, event):
    db.execute("CREATE TABLE IF NOT EXISTS counted (position INTEGER)")
    db.execute("INSERT INTO counted VALUES (?)", (event["position"],))
"""


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("consumer", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def client(valkey: str) -> Iterator[redis_client.Redis]:
    with contextlib.closing(redis_client.Redis.from_url(valkey)) as made:
        yield made


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(tmp_path / "mine.db")) as made:
        yield made


@pytest.fixture
def relay(sqlite_ledger: Ledger, client: redis_client.Redis) -> Relay:
    return Relay(Settings(), sqlite_ledger, client)


def happen(ledger: Ledger, relay: Relay, count: int) -> None:
    with ledger.write() as tx:
        first = events.last_position(tx) + 1
        for sequence in range(first, first + count):
            told = {"storyline": {"headline": f"After {sequence}", "articles": sequence}, "backfill": False}
            events.append(tx, "storyline.grew", "storyline/1", sequence, NOON, told)
    relay.step(now())


def counting() -> Any:
    space: dict[str, Any] = {}
    exec(COUNT, space)
    return space["count"]


def drain(consumer: Any) -> None:
    for _ in range(20):
        consumer.step(1)


def counted(db: sqlite3.Connection) -> list[int]:
    return [position for (position,) in db.execute("SELECT position FROM counted ORDER BY rowid")]


def pending(client: redis_client.Redis, program: ModuleType) -> int:
    found: Any = client.xpending(program.STREAM, program.GROUP)
    return int(found["pending"])


def test_killed_between_dealing_and_acknowledging_it_loses_and_doubles_nothing(
    sqlite_ledger: Ledger,
    relay: Relay,
    client: redis_client.Redis,
    valkey: str,
    db: sqlite3.Connection,
    tmp_path: Path,
    program: ModuleType,
) -> None:
    happen(sqlite_ledger, relay, 5)
    command = [sys.executable, "-c", COUNT + KILLED, str(PROGRAM), valkey, str(tmp_path / "mine.db")]
    assert subprocess.run(command, timeout=60, check=False).returncode == -signal.SIGKILL
    assert counted(db) == [1, 2, 3]
    assert pending(client, program) == 3, "the third, and those that were in hand behind it"
    drain(program.Consumer(client, db, counting(), idle_ms=0))
    assert counted(db) == [1, 2, 3, 4, 5]
    assert pending(client, program) == 0


def test_an_emptied_redis_repeats_the_log_and_nothing_is_done_twice(
    sqlite_ledger: Ledger, relay: Relay, client: redis_client.Redis, db: sqlite3.Connection, program: ModuleType
) -> None:
    happen(sqlite_ledger, relay, 3)
    consumer = program.Consumer(client, db, counting())
    drain(consumer)
    client.flushall()
    happen(sqlite_ledger, relay, 2)
    drain(consumer)
    assert counted(db) == [1, 2, 3, 4, 5]


def test_what_fails_again_and_again_is_set_aside_and_holds_up_nothing(
    sqlite_ledger: Ledger, relay: Relay, client: redis_client.Redis, db: sqlite3.Connection, program: ModuleType
) -> None:
    happen(sqlite_ledger, relay, 4)
    count = counting()

    def fail_at_two(db: sqlite3.Connection, event: dict[str, Any]) -> None:
        count(db, event)
        if event["position"] == 2:
            raise ValueError("no")

    drain(program.Consumer(client, db, fail_at_two, idle_ms=0))
    assert counted(db) == [1, 3, 4]
    assert db.execute("SELECT count(*) FROM parked").fetchone() == (1,)
    assert pending(client, program) == 0


def test_a_group_that_was_away_for_longer_than_events_are_kept_notices_what_it_missed(
    sqlite_ledger: Ledger,
    relay: Relay,
    client: redis_client.Redis,
    db: sqlite3.Connection,
    program: ModuleType,
    capsys: pytest.CaptureFixture[str],
) -> None:
    happen(sqlite_ledger, relay, 3)
    drain(program.Consumer(client, db, counting()))
    happen(sqlite_ledger, relay, 5)
    again = program.Consumer(client, db, counting())
    drain(again)
    assert again.missed is None, "it was away, and all was kept"
    happen(sqlite_ledger, relay, 5)
    relay.step(now() + timedelta(days=60))
    late = program.Consumer(client, db, counting())
    drain(late)
    assert late.missed == range(9, 13)
    assert "events 9 to 12 are kept no more" in capsys.readouterr().err
    assert counted(db) == [*range(1, 9), 13]


def test_its_own_table_keeps_the_newest_of_each_storyline(
    sqlite_ledger: Ledger, relay: Relay, client: redis_client.Redis, db: sqlite3.Connection, program: ModuleType
) -> None:
    happen(sqlite_ledger, relay, 3)
    drain(program.Consumer(client, db))
    late = {
        "id": "late",
        "subject": "storyline/1",
        "data": {"sequence": 2, "storyline": {"headline": "", "articles": 0}},
    }
    assert program.once(db, late, program.act)
    assert db.execute("SELECT * FROM storylines").fetchall() == [("storyline/1", 3, "After 3", 3)]
