"""What is asked all the time is answered from an index, however many articles there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from pipeline.ledger import Ledger, apart, articles, events, figures, lives, polls, storylines, told, work
from pipeline.ledger.engine import Ledger as Opened
from pipeline.records import ArticleState
from tests.ledger.making import START, VERSION, at, entry

ROWS = 20_000
NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
TIME = "'2026-11-20 11:00:00.000000'"
# A ledger of some age after a flood: a third of the articles wait, most of the others are filed.
FILL = [
    f"INSERT INTO hosts (host_key, next_handout, next_request) {NUMBERS}"
    f" SELECT 'host-' || i, {TIME}, {TIME} FROM n WHERE i <= 500",
    "INSERT INTO articles (url_key, url, canonical_key, host_key, state, due, seen, job_id, lease_owner, lease_until)"
    f" {NUMBERS} SELECT 'key-' || i, 'https://host/' || i, 'key-' || i, 'host-' || (i % 500 + 1),"
    " CASE WHEN i % 3 = 0 THEN 'queued' WHEN i % 50 = 1 THEN 'fetched' WHEN i % 50 = 2 THEN 'embedded'"
    " ELSE 'filed' END,"
    f" {TIME}, {TIME}, CASE WHEN i % 200 = 0 THEN 'job-' || (i % 10) END, NULL,"
    f" CASE WHEN i % 200 = 0 THEN {TIME} END FROM n",
    "INSERT INTO texts (article_id, generation, title, text, created)"
    f" {NUMBERS} SELECT i, 1, 'title', 'text', {TIME} FROM n",
    f"INSERT INTO storylines (state, opened, updated) VALUES ('emerging', {TIME}, {TIME})",
    "INSERT INTO memberships (article_id, generation, storyline_id, kind, position, why, filed)"
    f" {NUMBERS} SELECT i, 1, 1, 'original', i, '{{}}',"
    f" '2026-11-' || (10 + i * 10 / {ROWS}) || ' 11:00:00.000000' FROM n",
    "INSERT INTO events (id, type, subject, sequence, time, data, position)"
    f" {NUMBERS} SELECT 'id-' || i, 'storyline.grew', 'storyline/1', i, {TIME}, '{{}}',"
    f" CASE WHEN i <= {ROWS} - 3000 THEN i END FROM n",
    "INSERT INTO sightings (article_id, feed_id, entry_key, url_key, url, first_seen, last_seen)"
    f" {NUMBERS} SELECT i, NULL, 'key-' || i, 'key-' || i, 'https://host/' || i, {TIME}, {TIME} FROM n",
    "INSERT INTO feeds (url, host_key, due, created, lease_until)"
    f" {NUMBERS} SELECT 'https://host/' || i, 'host-' || (i % 500 + 1), '2026-11-2' || (i % 2) ||"
    f" ' 13:00:00.000000', {TIME}, CASE WHEN i % 100 = 0 THEN {TIME} END FROM n WHERE i <= 10000",
    "UPDATE sightings SET feed_id = article_id % 2000 + 1",
]


def _cast(statement: str, ledger: Opened) -> str:
    """PostgreSQL wants to be told that a text is a time or JSON."""
    if ledger.is_sqlite:
        return statement
    statement = statement.replace(TIME, f"timestamptz {TIME[:-1]}+00'").replace("'{}'", "json '{}'")
    statement = statement.replace("' 11:00:00.000000' FROM", "' 11:00:00+00')::timestamptz FROM")
    statement = statement.replace("'2026-11-' || (10", "('2026-11-' || (10")
    statement = statement.replace("'2026-11-2' ||", "('2026-11-2' ||")
    return statement.replace("' 13:00:00.000000',", "' 13:00:00+00')::timestamptz,")


@pytest.fixture
def full(ledger: Ledger) -> Ledger:
    with ledger.write() as tx:
        for statement in FILL:
            tx.execute(text(_cast(statement, ledger).replace(":00", r"\:00").replace("::", r"\:\:")))
        tx.execute(text("ANALYZE"))
    return ledger


def plans(ledger: Ledger, ask: Callable[[Connection], Any]) -> Iterator[str]:
    """How the database goes about each statement of `ask`."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")) and not many and "pg_advisory" not in statement:
            seen.append((statement, parameters))

    with ledger.write() as tx:
        event.listen(tx, "before_cursor_execute", note)
        ask(tx)
        event.remove(tx, "before_cursor_execute", note)
        explain = "EXPLAIN QUERY PLAN " if ledger.is_sqlite else "EXPLAIN "
        for statement, parameters in seen:
            lines = tx.exec_driver_sql(explain + statement, parameters)
            yield statement + "\n" + "\n".join(str(line[-1]) for line in lines)


HOT: dict[str, Callable[[Connection], Any]] = {
    "due_for_fetch": lambda tx: work.due_for_fetch(tx, START, 100),
    "due_for_embed": lambda tx: work.due_for_embed(tx, START, 100),
    "renew": lambda tx: work.renew(tx, "job-0", "worker", START, 30.0),
    "extend": lambda tx: work.extend(tx, ["job-0", "job-1"], at(20)),
    "stale": lambda tx: work.stale(tx, START, 100),
    "claim": lambda tx: work.claim(tx, [200, 400], ArticleState.QUEUED, "job-0", "worker", START, 30.0),
    "same_page": lambda tx: work._same_page(tx, work.Claim(**_CLAIM), "https://host/1", "title"),
    "record_entries": lambda tx: articles.record_url(tx, "https://host/1", START),
    "embedded": lambda tx: storylines.embedded(tx, VERSION, 64),
    "record_entries of a feed": lambda tx: articles.record_entries(tx, _ENTRIES, START, feed_id=2),
    "places": lambda tx: storylines.places(tx, [1, 2, 3]),
    "remembered": lambda tx: list(storylines.remembered(tx, VERSION, at(-86_400))),
    "filed_after": lambda tx: list(storylines.filed_after(tx, VERSION, ROWS - 50)),
    "told.originals": lambda tx: told.originals(tx, 1, 20, 1000),
    "number": lambda tx: events.number(tx, 500),
    "after": lambda tx: events.after(tx, 100, 500),
    "expire": lambda tx: events.expire(tx, at(-86_400), 500),
    "waiting": events.waiting,
    "lives due": lambda tx: lives.due(tx, START, 100),
    "arrivals": lambda tx: lives.arrivals(tx, 1, 300),
    "filed_since": lambda tx: lives.filed_since(tx, [at(-86_400), at(-3600)]),
    "figures": lambda tx: figures.figures(tx, START),
    "claim_due": lambda tx: polls.claim_due(tx, START, "poller", 60.0, 32),
}
_ENTRIES = [  # known by key, by URL, and not at all
    entry("https://host/1", key="key-1"),
    entry("https://host/2", key="other"),
    *(entry(f"https://host/new/{number}", title="New", published=START) for number in range(4)),
]
_CLAIM = {
    "id": 1,
    "generation": 1,
    "url": "https://host/1",
    "host_key": "host-1",
    "attempts": 1,
    "job_id": "job",
    "owner": "worker",
}
BIG = ("articles", "memberships", "events", "sightings", "texts")


def test_no_hot_query_reads_a_whole_table(full: Ledger) -> None:
    slow = []
    for name, ask in HOT.items():
        for plan in plans(full, ask):
            whole = [f"SCAN {table}" for table in BIG] if full.is_sqlite else [f"Seq Scan on {table}" for table in BIG]
            slow += [f"{name}:\n{plan}" for line in plan.splitlines() if any(words in line for words in whole)]
    assert not slow, "\n\n".join(slow)


def test_what_people_said_is_found_without_looking_for_it_everywhere(full: Ledger) -> None:
    (of_articles,), (of_storylines,) = plans(full, apart.pinned), plans(full, apart.locked)
    assert "ix_memberships_pinned" in of_articles
    assert "ix_storylines_locked" in of_storylines or not full.is_sqlite  # one row is read faster than an index


def test_the_waiting_lines_are_read_in_their_order_without_sorting(full: Ledger) -> None:
    for name in ("due_for_fetch", "due_for_embed", "after", "claim_due"):
        for plan in plans(full, HOT[name]):
            if "ORDER BY" not in plan or "LIMIT" not in plan:
                continue
            assert "TEMP B-TREE" not in plan, plan
            index = {"after": "position", "claim_due": "ix_feeds_state_due"}.get(name, "ix_articles_waiting")
            assert index in plan, plan


def test_entries_under_new_names_are_not_looked_for_among_all_that_their_feed_ever_had(full: Ledger) -> None:
    """A wire of which each document is half new has shown half a million entries after a year."""
    with full.write() as tx:
        later = "datetime(first_seen, id || ' seconds')" if full.is_sqlite else "first_seen + id * interval '1 second'"
        tx.execute(text(f"UPDATE sightings SET feed_id = 2, published = {later}"))
        tx.execute(text("ANALYZE"))
    found = [plan for plan in plans(full, HOT["record_entries of a feed"]) if "sightings.published IN" in plan]
    assert len(found) == 1
    assert "ix_sightings_feed_id_published" in found[0]
