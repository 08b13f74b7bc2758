"""An empty database becomes one of this release, once, whoever else tries at the same time."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, bindparam, inspect, select, text

from pipeline import urls
from pipeline.errors import LedgerError
from pipeline.ledger import connect, intake, migrations, open_ledger, polls, work
from pipeline.ledger.columns import UtcDateTime
from pipeline.ledger.schema import memberships, metadata, storylines, words
from tests.ledger.making import START, entry, processes


def test_an_empty_database_is_refused_until_it_is_upgraded(empty_url: str) -> None:
    with pytest.raises(LedgerError, match="slugline db upgrade"):
        open_ledger(empty_url)
    open_ledger(empty_url, upgrade=True).close()
    ledger = open_ledger(empty_url)
    with ledger.read() as tx:
        assert migrations.current(tx) == migrations.head()
    ledger.close()


def test_the_migrations_make_what_the_schema_says(empty_url: str) -> None:
    ledger = open_ledger(empty_url, upgrade=True)
    with ledger.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx, opts={"compare_type": True}), metadata) == []
    ledger.close()


def test_the_migrations_make_the_same_defaults_and_conditions_as_the_schema(tmp_path: Path) -> None:
    """What compare_metadata does not look at: server defaults and the conditions of partial indexes."""
    migrated = open_ledger(f"sqlite:///{tmp_path / 'migrated.db'}", upgrade=True)
    direct = connect(f"sqlite:///{tmp_path / 'direct.db'}")
    with direct.write() as tx:
        metadata.create_all(tx)
    found = []
    for ledger in (migrated, direct):
        with ledger.read() as tx:
            columns = [
                (table, *column[1:])
                for table in sorted(metadata.tables)
                for column in tx.exec_driver_sql(f"PRAGMA table_xinfo({table})")
            ]
            indexes = tx.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
            found.append((sorted(map(str, columns)), sorted(map(str, indexes))))
        ledger.close()
    assert found[0] == found[1]


def test_a_newer_schema_is_refused_with_or_without_upgrade(empty_url: str) -> None:
    ledger = open_ledger(empty_url, upgrade=True)
    with ledger.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ledger.close()
    for upgrade in (False, True):
        with pytest.raises(LedgerError, match=r"newer release \(schema 9999\)"):
            open_ledger(empty_url, upgrade=upgrade)


def test_an_upgrade_that_is_cut_short_leaves_nothing_behind(empty_url: str) -> None:
    ledger = connect(empty_url)

    def cut_short() -> None:
        with ledger.write() as tx:
            command.upgrade(migrations.config(tx), "head")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_short()
    with ledger.read() as tx:
        assert inspect(tx).get_table_names() == []
    ledger.close()


def test_a_ledger_of_the_release_before_keeps_its_feeds_and_its_work(empty_url: str) -> None:
    """Feeds get the host whose politeness they are under, and what waits is handed out."""
    ledger = connect(empty_url)
    with ledger.write() as tx:
        command.upgrade(migrations.config(tx), "0001")
        values = {"when": START, "url": "https://paper.example/feed"}
        tx.execute(
            text("INSERT INTO feeds (url, etag, due, created) VALUES (:url, '\"1\"', :when, :when)").bindparams(
                bindparam("when", type_=UtcDateTime())
            ),
            values,
        )
        tx.execute(
            text(
                "INSERT INTO articles (url_key, url, host_key, feed_id, state, due, seen)"
                " VALUES (:key, :page, 'paper.example', 1, 'queued', :when, :when)"
            ).bindparams(bindparam("when", type_=UtcDateTime())),
            {"when": START, "key": urls.key("https://paper.example/1"), "page": "https://paper.example/1"},
        )
    ledger.close()
    ledger = open_ledger(empty_url, upgrade=True)
    with ledger.write() as tx:
        (turn,) = polls.claim_due(tx, START, "token", 60.0, 10)
        assert (turn.feed.host_key, turn.feed.etag, turn.feed.pace, turn.feed.problems) == (
            "paper.example",
            '"1"',
            {},
            (),
        )
        known = entry("https://paper.example/1")
        found = intake.record_entries(tx, [known], START, feed_id=1)
        assert (found.articles, found.sightings) == (0, 1)
        assert work.due_for_fetch(tx, START, 10) == [(1, "paper.example")]
    ledger.close()


RUNNERS_UP = [  # the reason as the release before wrote it; the runner-up and its share of the threshold as stored now
    ({}, None, None),
    ({"runner_up": None, "runner_up_score": None, "threshold": 4.0}, None, None),
    ({"runner_up": 3, "runner_up_score": 2.0, "threshold": 4.0}, 3, 0.5),
    ({"runner_up": 3, "runner_up_score": 2, "threshold": 4}, 3, 0.5),
    ({"runner_up": 3, "runner_up_score": 2.0, "threshold": 0}, 3, None),
    ({"runner_up": 3, "runner_up_score": None, "threshold": 4.0}, 3, None),
    ({"summary": "put here by hand"}, None, None),
]


def _write(tx: Connection, statement: str, **values: Any) -> None:
    tx.execute(text(statement).bindparams(bindparam("at", type_=UtcDateTime())), {"at": START, **values})


def _fill(tx: Connection) -> None:
    """Storylines as the second schema knew them: one with articles, one merged into it, one that is empty."""
    opened = "INSERT INTO storylines (state, opened, updated, merged_into) VALUES (:state, :at, :at, :into)"
    for state, into in (("emerging", None), ("emerging", 1), ("empty", None)):
        _write(tx, opened, state=state, into=into)
    for number, (why, _, _) in enumerate(RUNNERS_UP, start=1):
        page = (
            "INSERT INTO articles (url_key, url, host_key, state, due, seen) VALUES (:key, 'u', 'h', 'filed', :at, :at)"
        )
        _write(tx, page, key=f"key {number}")
        filed = (
            "INSERT INTO memberships (article_id, generation, storyline_id, kind, position, why, filed)"
            " VALUES (:number, 1, 1, 'original', :number, :why, :at)"
        )
        _write(tx, filed, number=number, why=json.dumps(why))


def test_a_ledger_of_the_second_schema_keeps_its_storylines_and_knows_their_runners_up(empty_url: str) -> None:
    ledger = connect(empty_url)
    with ledger.write() as tx:
        command.upgrade(migrations.config(tx), "0002")
        _fill(tx)
    ledger.close()
    ledger = open_ledger(empty_url, upgrade=True)
    with ledger.read() as tx:
        rows = tx.execute(select(memberships).order_by(memberships.c.position)).mappings().all()
        assert [(row["runner_up"], row["runner_up_share"]) for row in rows] == [
            (found, share) for _, found, share in RUNNERS_UP
        ]
        assert {(row["pinned"], row["filed_under"]) for row in rows} == {(False, None)}
        told = tx.execute(select(storylines).order_by(storylines.c.id)).mappings().all()
        assert [(row["state_since"], row["state_due"]) for row in told] == [(START, START), (None, None), (None, None)]
        assert {(row["locked"], row["renamed"]) for row in told} == {(False, False)}
    ledger.close()


def test_storylines_of_more_than_one_part_get_their_pace_and_words(empty_url: str) -> None:
    """The tenth schema fills what lists and searches are made of, a thousand storylines at a time."""
    covered = {1: 2, 1_000: 1, 1_001: 3, 1_005: 1}  # articles by storyline
    ledger = connect(empty_url)
    with ledger.write() as tx:
        command.upgrade(migrations.config(tx), "0009")
        opened = "INSERT INTO storylines (state, opened, updated, headline) VALUES ('emerging', :at, :at, :headline)"
        for number in range(1, 1_006):
            _write(tx, opened, headline=f"Harbour {number}x")
        page = (
            "INSERT INTO articles (url_key, url, host_key, state, due, seen) VALUES (:key, 'u', 'h', 'filed', :at, :at)"
        )
        filed = (
            "INSERT INTO memberships (article_id, generation, storyline_id, kind, position, why, filed)"
            " VALUES (:number, 1, :storyline, 'original', :number, '{}', :at)"
        )
        for number, storyline in enumerate((one for one, many in covered.items() for _ in range(many)), start=1):
            _write(tx, page, key=f"key {number}")
            _write(tx, filed, number=number, storyline=storyline)
    ledger.close()
    ledger = open_ledger(empty_url, upgrade=True)
    with ledger.read() as tx:
        told = {row["id"]: row for row in tx.execute(select(storylines)).mappings()}
        assert {one for one, row in told.items() if row["momentum"] > 0} == covered.keys()
        assert told[1_001]["momentum"] > told[1]["momentum"] > told[1_000]["momentum"] == told[1_005]["momentum"]
        for number in (1, 1_000, 1_001, 1_005):
            found = select(words.c.storyline_id).where(words.c.word == f"{number}x")
            assert tx.execute(found).scalars().all() == [number]
    ledger.close()


def _upgrade(url: str) -> str:
    ledger = open_ledger(url, upgrade=True)
    with ledger.read() as tx:
        revision = migrations.current(tx)
    ledger.close()
    return str(revision)


def test_ten_processes_that_upgrade_at_once_make_one_schema(empty_url: str) -> None:
    with ProcessPoolExecutor(10, mp_context=processes()) as pool:
        revisions = list(pool.map(_upgrade, [empty_url] * 10, timeout=120))
    assert set(revisions) == {migrations.head()}
    ledger = open_ledger(empty_url)
    with ledger.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    ledger.close()


def test_a_new_sqlite_file_can_give_pages_back_and_has_a_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "ledger.db"
    open_ledger(f"sqlite:///{path}", upgrade=True).close()
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)  # 2: incremental
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        connection.close()
