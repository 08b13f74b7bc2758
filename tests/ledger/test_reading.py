"""What is read of a storyline to tell of it: its articles, their beginnings, and the storylines beside it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text, update

from pipeline.ledger import Ledger, reading
from pipeline.ledger.schema import changes, memberships
from pipeline.ledger.schema import storylines as table
from tests.ledger.test_plans import plans
from tests.web.newsroom import NOW, Newsroom

HOW = ("SCAN", "Seq Scan on")
BIG = ("articles", "memberships", "storylines")
migration = importlib.import_module("pipeline.ledger.migrations.versions.0003_storylines_that_live")


@pytest.fixture
def newsroom(ledger: Ledger) -> Newsroom:
    return Newsroom(ledger)


def second(storyline: int | None, runner_up: int | None, score: float | None) -> Mapping[str, Any]:
    why = {"score": 5.0, "threshold": 4.0, "evidence": [], "copy_of": None}
    return {**why, "storyline": storyline, "runner_up": runner_up, "runner_up_score": score}


def merge(tx: Connection, gone: int, into: int) -> None:
    tx.execute(update(table).where(table.c.id == gone).values(merged_into=into))
    values = {"kind": "merge", "storyline_id": gone, "other_id": into, "payload": {}, "why": {}, "made": NOW}
    tx.execute(insert(changes), values)


def test_originals_and_reprints_come_without_their_texts(ledger: Ledger, newsroom: Newsroom) -> None:
    story = newsroom.open()
    first = newsroom.file(story, title="The call", url="https://user:secret@outlet.example/1")
    bare = newsroom.file(story, title="", text="Water was seen below the dam. More follows.")
    copy = newsroom.file(story, title="The call", copy_of=first)
    newsroom.file(newsroom.open(), title="Something else")
    with ledger.read() as tx:
        originals, reprints = reading.coverage(tx, story, 10)
        assert [one.id for one in reading.coverage(tx, story, 2)[0]] == [bare]
        beginnings = reading.openings(tx, [first, bare, 999], 9)
    assert [one.id for one in originals] == [bare, first]
    assert [one.id for one in reprints] == [copy]
    assert originals[1].url == "https://outlet.example/1"
    assert not any(one.text for one in (*originals, *reprints))
    assert beginnings == {first: "The call.", bare: "Water was"}


def test_who_came_second_is_found_from_both_sides(ledger: Ledger, newsroom: Newsroom) -> None:
    call, oil = newsroom.open(), newsroom.open()
    newsroom.file(call, title="A", why=second(None, None, None))
    newsroom.file(call, title="B", why=second(call, oil, 3.0))
    newsroom.file(call, title="C", why=second(call, oil, 2.0))
    newsroom.file(oil, title="D", why=second(None, call, 3.6))
    with ledger.read() as tx:
        assert reading.runners_up(tx, call, 10) == {oil: reading.Met(2, 0.75)}
        assert reading.runners_up(tx, call, 1) == {oil: reading.Met(1, 0.5)}
        assert reading.came_second(tx, call, 10) == {oil: reading.Met(1, 0.9)}
        assert reading.came_second(tx, oil, 10) == {call: reading.Met(2, 0.75)}


@pytest.mark.parametrize("why", [{}, {"runner_up": 3}, {"runner_up": 3, "runner_up_score": 1.0, "threshold": 0}])
def test_reasons_that_say_less_are_filed_all_the_same(
    ledger: Ledger, newsroom: Newsroom, why: Mapping[str, Any]
) -> None:
    newsroom.file(newsroom.open(), title="A", why=why)
    with ledger.read() as tx:
        row = tx.execute(select(memberships.c.runner_up, memberships.c.runner_up_share)).one()
    assert tuple(row) == (why.get("runner_up"), None)


def test_ids_of_merged_storylines_lead_on(ledger: Ledger, newsroom: Newsroom) -> None:
    kept, middle, gone = (newsroom.open(title=name, text="x", declared=True) for name in ("Kept", "Middle", "Gone"))
    newsroom.file(kept, title="A", why=second(kept, 77, 3.0))
    other = newsroom.open()
    newsroom.file(other, title="B", why=second(other, gone, 3.0))
    with ledger.write() as tx:
        merge(tx, gone, middle)
        merge(tx, middle, kept)
    with ledger.read() as tx:
        found = reading.beside(tx, [gone, middle, kept, 77])
        assert {asked: one.id for asked, one in found.items()} == dict.fromkeys((gone, middle, kept), kept)
        assert {one.id for one in reading.lately(tx, 10)} == {other, kept}
        assert reading.came_second(tx, middle, 10) == {other: reading.Met(1, 0.75)}, "what it took in was its own"


def test_declared_ones_are_known_by_their_text_and_others_by_their_lead(ledger: Ledger, newsroom: Newsroom) -> None:
    declared = newsroom.open(title="The call", text="Two presidents spoke.", declared=True)
    found = newsroom.open()
    newsroom.file(found, title="Oil up", lead="A letter was read.")
    with ledger.read() as tx:
        known = reading.beside(tx, [declared, found])
    assert (known[declared].headline, known[declared].text) == ("The call", "Two presidents spoke.")
    assert (known[found].headline, known[found].text, known[found].articles) == ("Oil up", "A letter was read.", 1)


def test_no_question_reads_a_whole_table(ledger: Ledger) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
    time = "'2026-11-20 11:00:00'" if ledger.is_sqlite else "timestamptz '2026-11-20 11\\:00\\:00+00'"
    empty = "'{}'" if ledger.is_sqlite else "json '{}'"
    fill = (
        f"INSERT INTO storylines (state, opened, updated) {numbers} SELECT 'emerging', {time}, {time} FROM n",
        "INSERT INTO articles (url_key, url, host_key, state, due, seen)"
        f" {numbers} SELECT 'key-' || i, 'https\\://host/' || i, 'host', 'filed', {time}, {time} FROM n",
        "INSERT INTO memberships (article_id, generation, storyline_id, kind, position, why, filed, runner_up)"
        f" {numbers} SELECT i, 1, i % 500 + 1, 'original', i, {empty}, {time}, i % 700 + 1 FROM n",
    )
    with ledger.write() as tx:
        for statement in fill:
            tx.execute(text(statement))
        tx.execute(text("ANALYZE"))
    for ask in (
        lambda tx: reading.coverage(tx, 7, 50),
        lambda tx: reading.runners_up(tx, 7, 50),
        lambda tx: reading.came_second(tx, 7, 50),
        lambda tx: reading.beside(tx, [1, 2, 3]),
        lambda tx: reading.lately(tx, 50),
    ):
        for plan in plans(ledger, ask):
            whole = [line for line in plan.splitlines() if "USING" not in line]  # an index may be read in its order
            assert not any(f"{how} {name}" in line for line in whole for how in HOW for name in BIG), plan


def test_the_runner_up_of_what_was_filed_before_is_copied(newsroom: Newsroom, ledger: Ledger) -> None:
    """As the migration does it, on whatever the ledger holds."""
    story = newsroom.open()
    newsroom.file(story, title="A", why=second(story, 9, 3.0))
    newsroom.file(story, title="B", why=second(None, None, None))
    newsroom.file(story, title="C", why={})
    with ledger.write() as tx:
        tx.execute(update(memberships).values(runner_up=None, runner_up_share=None))
        tx.execute(migration.copied_runners_up())
        rows = tx.execute(
            select(memberships.c.runner_up, memberships.c.runner_up_share).order_by(memberships.c.position)
        )
        assert [tuple(row) for row in rows] == [(9, 0.75), (None, None), (None, None)]
