"""The ledger's gauges: right in every standing, and answered from indexes however much is in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, text

from pipeline.ledger import Ledger, articles, events, feeds, figures, work
from pipeline.ledger.schema import articles as article_table
from pipeline.ledger.schema import feeds as feed_table
from pipeline.ledger.schema import storylines as storyline_table
from pipeline.records import ArticleState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def article(number: int, state: str, due: float = 0.0, **more: Any) -> dict[str, Any]:
    url = f"https://outlet{number % 50}.example/{number}"
    row = {"url_key": url, "url": url, "host_key": "outlet.example", "state": state, "due": at(due), "seen": NOON}
    return {**row, "priority": 0, "job_id": None, "lease_owner": None, "lease_until": None, "reason": None, **more}


def put(tx: Connection, *rows: dict[str, Any]) -> None:
    tx.execute(insert(article_table), list(rows))


def test_an_empty_ledger_has_nothing_waiting(ledger: Ledger) -> None:
    with ledger.read() as tx:
        found = figures.figures(tx, NOON)
    nothing = {"due": 0, "put-off": 0, "handed-out": 0, "in-work": 0}
    assert found.articles == {"queued": nothing, "fetched": nothing, "embedded": nothing}
    assert found.oldest == {"queued": 0.0, "fetched": 0.0, "embedded": 0.0}
    assert (found.outbox, found.outbox_since, found.last_position, found.commands) == (0, None, 0, 0)
    assert sum(found.dead.values()) == sum(found.feeds.values()) == found.overdue == 0


def test_every_article_that_waits_is_counted_by_its_standing(ledger: Ledger) -> None:
    held = {"job_id": "fetch-1", "lease_until": at(20)}
    with ledger.write() as tx:
        put(
            tx,
            article(1, "queued", -30),
            article(2, "queued", -700, priority=1),
            article(3, "queued", 60, reason="timeout"),
            article(4, "queued", -90, **held),
            article(5, "queued", -10, **held | {"lease_owner": "w", "lease_until": at(-1)}),
            article(6, "fetched", -5, job_id="embed-1", lease_until=at(20)),
            article(7, "embedded", -2),
            article(8, "filed", -9000),
        )
    with ledger.read() as tx:
        found = figures.figures(tx, NOON)
    assert found.articles["queued"] == {"due": 2, "put-off": 1, "handed-out": 1, "in-work": 1}
    assert found.articles["fetched"] == {"due": 0, "put-off": 0, "handed-out": 1, "in-work": 0}
    assert found.articles["embedded"]["due"] == 1
    assert found.oldest == {"queued": 700.0, "fetched": 5.0, "embedded": 2.0}
    assert found.expired == 1


def test_what_lies_in_redis_gets_old_as_well(ledger: Ledger) -> None:
    """With all workers gone everything may be handed out: a line that looks empty is then no good news."""
    with ledger.write() as tx:
        (made,) = [articles.record_url(tx, "https://outlet.example/1", NOON)[0]]
        work.hand_out(tx, [made], "fetch-1", at(20))
    with ledger.read() as tx:
        assert figures.figures(tx, at(600)).oldest["queued"] == 600.0


def test_the_dead_are_told_by_class(ledger: Ledger) -> None:
    with ledger.write() as tx:
        reasons = ("timeout", "dns", "server-error", "worker-died", "something new", None)
        put(tx, *(article(number, "dead", reason=reason) for number, reason in enumerate(reasons)))
    with ledger.read() as tx:
        found = {name: count for name, count in figures.figures(tx, NOON).dead.items() if count}
    assert found == {"network": 2, "host": 1, "worker": 1, "other": 2}


def test_feeds_in_trouble_are_counted_among_the_active(ledger: Ledger) -> None:
    with ledger.write() as tx:
        for number in range(5):
            feeds.add(tx, f"https://outlet{number}.example/feed", NOON)
        of = feed_table.c.url.contains
        tx.execute(feed_table.update().values(due=at(300)))
        tx.execute(feed_table.update().where(of("outlet0")).values(failures=2, due=at(-90)))
        tx.execute(feed_table.update().where(of("outlet1")).values(silent_since=NOON))
        tx.execute(feed_table.update().where(of("outlet2")).values(state="paused", failures=9, due=at(-9000)))
    with ledger.read() as tx:
        found = figures.figures(tx, NOON)
    assert found.feeds == {"active": 4, "paused": 1}
    assert (found.failing, found.silent, found.overdue, found.feed_lateness) == (1, 1, 1, 90.0)


def test_the_outbox_says_since_when_it_waits(ledger: Ledger) -> None:
    with ledger.write() as tx:
        for number in range(1, 5):
            events.append(tx, "storyline.grew", "storyline/1", number, at(number), {})
        events.number(tx, 2)
    with ledger.read() as tx:
        found = figures.figures(tx, NOON)
        assert (found.outbox, found.outbox_since, found.last_position) == (2, at(3), 2)
        assert figures.time_of(tx, 1) == at(2)
        assert figures.time_of(tx, 2) is None


@contextmanager
def told(ledger: Ledger) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are run meanwhile, with their parameters."""
    said: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    event.listen(ledger.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(ledger.engine, "before_cursor_execute", note)


HARMLESS = ("SCAN anon", "SCAN feeds", "SCAN CONSTANT ROW")  # feeds are few; the last reads no table


def test_nothing_but_the_feeds_is_read_from_one_end_to_the_other(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.write() as tx:
        put(tx, *(article(number, "filed") for number in range(300)), article(301, "queued", -1))
        events.append(tx, "storyline.grew", "storyline/1", 1, NOON, {})
        tx.execute(text("ANALYZE"))
    with told(sqlite_ledger) as said, sqlite_ledger.read() as tx:
        figures.figures(tx, NOON)
        figures.time_of(tx, 0)
    asked = [(statement, parameters) for statement, parameters in said if statement.startswith("SELECT")]
    assert len(asked) > 15
    with sqlite_ledger.read() as tx:
        for statement, parameters in asked:
            plan = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [str(row[3]) for row in plan]
            whole = [step for step in steps if step.startswith("SCAN") and not step.startswith(HARMLESS)]
            assert whole == [], statement


def test_it_takes_no_longer_with_much_that_is_done(sqlite_ledger: Ledger) -> None:
    """Rows that are looked at, not seconds: SQLite counts the steps of its machine."""

    def steps() -> int:
        counted = 0

        def tick() -> int:
            nonlocal counted
            counted += 1
            return 0

        with sqlite_ledger.read() as tx:
            raw: Any = tx.connection.driver_connection
            raw.set_progress_handler(tick, 100)
            figures.figures(tx, NOON)
            raw.set_progress_handler(None, 0)
        return counted

    with sqlite_ledger.write() as tx:
        put(tx, *(article(number, "queued", -number) for number in range(20)))
    few = steps()
    with sqlite_ledger.write() as tx:
        put(tx, *(article(number, str(state)) for number, state in enumerate([ArticleState.FILED] * 5000, start=100)))
        row = {"state": "closed", "opened": NOON, "updated": NOON}
        tx.execute(insert(storyline_table), [row] * 2000)
    assert steps() <= few + 5


@pytest.mark.parametrize("most", [5])
def test_counts_end_somewhere(sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(figures, "MOST", most)
    with sqlite_ledger.write() as tx:
        put(tx, *(article(number, "queued", -number) for number in range(20)))
        put(tx, *(article(number, "dead") for number in range(100, 120)))
    with sqlite_ledger.read() as tx:
        found = figures.figures(tx, NOON)
    assert found.articles["queued"]["due"] == most
    assert sum(found.dead.values()) == most
