"""A ledger carried from SQLite to PostgreSQL: all of it or nothing, and the clusterer goes on where it was."""

from __future__ import annotations

import contextlib

import pytest
from sqlalchemy import func, select

from pipeline.errors import InputError
from pipeline.ledger import Ledger, articles, commands, connect, events, moving
from pipeline.ledger.schema import articles as article_rows
from pipeline.ledger.schema import metadata
from pipeline.ledger.schema import storylines as storyline_rows
from pipeline.records import Event
from tests.ledger.making import START, queued
from tests.workers.changing import ALONE, Desk
from tests.workers.wire import VERSION, at, embedded, filed
from workers.clusterer import Clusterer


def counts(ledger: Ledger) -> dict[str, int]:
    with ledger.read() as tx:
        return {
            table.name: tx.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def log(ledger: Ledger) -> list[Event]:
    """All events as they were written; nothing has published them."""
    with ledger.write() as tx:
        events.number(tx, 1_000)
        return events.after(tx, 0, 1_000)


@pytest.fixture
def desk(sqlite_ledger: Ledger) -> Desk:
    """Three storylines of which one was merged, a reprint, an article that is gone, and a command that waits."""
    made = Desk(sqlite_ledger)
    made.file("flood", "Orsel")
    made.file("flood", "Orsel")
    made.file("trial", "Marven")
    made.dispatch("strike", "Tolen", "Outlet A")
    made.dispatch("strike", "Tolen", "Outlet B")
    made.ask("merge", storyline=2, into=1)
    queued(sqlite_ledger, "https://paper.example/last")
    with sqlite_ledger.write() as tx:
        tx.execute(article_rows.delete().where(article_rows.c.url == "https://paper.example/last"))
        commands.put(tx, "lock", {"storyline": 1}, START)
    return made


def test_every_row_arrives_and_filing_goes_on(desk: Desk, postgres_url: str) -> None:
    with contextlib.closing(connect(postgres_url)) as target:
        told: dict[str, int] = {}
        moved = moving.move(desk.ledger, target, told.__setitem__)
        assert counts(target) == counts(desk.ledger)
        assert moved == sum(counts(target).values()) == sum(told.values())
        assert told["articles"] == 5
        assert filed(target) == filed(desk.ledger)
        assert log(target) == log(desk.ledger)
        with target.read() as tx:
            assert tx.execute(select(article_rows.c.original_id).where(article_rows.c.id == 5)).scalar_one() == 4
            merged = tx.execute(select(storyline_rows.c.merged_into).where(storyline_rows.c.id == 2)).scalar_one()
            assert merged == 1
        # Both take in the same article now and file it alike, under the same number: none comes back that was deleted.
        after = [embedded(ledger, 77, "flood", "Orsel") for ledger in (desk.ledger, target)]
        assert after[0] == after[1] == 7
        for ledger in (desk.ledger, target):
            clusterer = Clusterer(ledger, VERSION, options=ALONE, leader_seconds=5)
            assert clusterer.step(at(1_000)) == 2  # and the command that waited
        assert filed(target) == filed(desk.ledger)
        assert log(target)[-1].sequence == log(desk.ledger)[-1].sequence


def test_a_database_that_holds_something_is_refused(desk: Desk, postgres_url: str) -> None:
    with contextlib.closing(connect(postgres_url)) as target:
        with target.write() as tx:
            articles.record_url(tx, "https://paper.example/here", START)
        before = counts(target)
        with pytest.raises(InputError, match="already holds"):
            moving.move(desk.ledger, target)
        assert counts(target) == before


def test_a_move_that_breaks_off_leaves_nothing_and_can_be_begun_again(desk: Desk, postgres_url: str) -> None:
    def break_off(table: str, _rows: int) -> None:
        if table == "memberships":
            raise KeyboardInterrupt

    with contextlib.closing(connect(postgres_url)) as target:
        with pytest.raises(KeyboardInterrupt):
            moving.move(desk.ledger, target, break_off)
        assert not sum(counts(target).values())
        assert moving.move(desk.ledger, target) == sum(counts(desk.ledger).values())
