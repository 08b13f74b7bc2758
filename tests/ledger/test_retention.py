"""What goes by age, and what stays whatever its age."""

from __future__ import annotations

import random
from datetime import datetime

import pytest
from sqlalchemy import Table, insert, select, text, update

from pipeline.ledger import Ledger, articles, commands, dead, retention
from pipeline.ledger.schema import articles as article_rows
from pipeline.ledger.schema import memberships, sightings, texts, vectors
from tests.ledger.making import START, at, queued
from tests.workers.changing import Desk

OLD, NEW = at(0), at(1_000)


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """Article 1 was filed as it was first; 2 and 3 in their third version, and 3 is being read for a fourth."""
    made = Desk(ledger)
    for _ in range(3):
        made.file("flood", "Orsel")
    for article_id in (2, 3):
        for generation in (2, 3):
            add_version(ledger, article_id, generation, OLD)
    with ledger.write() as tx:
        for table, column in ((article_rows, article_rows.c.id), (memberships, memberships.c.article_id)):
            tx.execute(update(table).where(column.in_((2, 3))).values(generation=3))
        tx.execute(update(article_rows).where(article_rows.c.id == 3).values(generation=4))
        for table in (texts, vectors):
            tx.execute(update(table).values(created=OLD))
    return made


def add_version(ledger: Ledger, article_id: int, generation: int, made: datetime, words: str = "News.") -> None:
    of = {"article_id": article_id, "generation": generation, "created": made}
    with ledger.write() as tx:
        tx.execute(insert(texts).values(**of, title="Title", text=words))
        tx.execute(insert(vectors).values(**of, version="model/form", vector=b"\0\0"))


def kept(ledger: Ledger) -> list[tuple[int, int]]:
    """Articles and versions that have a text; those that have a vector are the same ones."""
    with ledger.read() as tx:
        found, embedded = (
            [
                (row.article_id, row.generation)
                for row in tx.execute(
                    select(table.c.article_id, table.c.generation).order_by(table.c.article_id, table.c.generation)
                )
            ]
            for table in (texts, vectors)
        )
    assert found == embedded
    return found


def retire(ledger: Ledger, before: datetime, rows: int = 100) -> int:
    """A whole round; how many went."""
    gone, last = 0, 0
    for _ in range(100):
        with ledger.write() as tx:
            found, following = retention.replaced(tx, last, before, rows)
            count = retention.retire_versions(tx, found, before)
        assert (count > 0) == (len(found) > 0)
        gone += count
        if following is None:
            return gone
        last = following
    raise AssertionError("a round does not end")


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_versions_before_the_filed_one_go_when_they_are_old(desk: Desk, rows: int) -> None:
    every = [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3)]
    assert retire(desk.ledger, OLD, rows) == 0
    assert kept(desk.ledger) == every
    assert retire(desk.ledger, NEW, rows) == 8  # texts and vectors
    assert kept(desk.ledger) == [(1, 1), (2, 3), (3, 3)]
    assert retire(desk.ledger, NEW, rows) == 0
    with desk.ledger.read() as tx:
        read = articles.one(tx, 3)
    assert read is not None
    assert read["text"] == "News."  # what stands while a fourth version is looked into


def test_an_article_that_was_never_filed_keeps_what_it_has(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, "https://paper.example/one")
    add_version(ledger, article_id, 1, OLD)
    add_version(ledger, article_id, 2, OLD)
    assert retire(ledger, NEW) == 0
    assert kept(ledger) == [(article_id, 1), (article_id, 2)]


def test_commands_go_when_they_were_done_long_ago(desk: Desk) -> None:
    desk.ask("lock", storyline=1)
    with desk.ledger.write() as tx:
        waiting = commands.put(tx, "unlock", {"storyline": 1}, START)
        applied = tx.execute(text("SELECT max(applied) FROM commands")).scalar_one()
        assert applied is not None
        assert retention.done(tx, START, 10) == []
        old = retention.done(tx, at(10 * 86_400), 10)
        assert retention.retire_commands(tx, old) == 1
        assert commands.outcome(tx, waiting)[0] == "pending"
    desk.step()
    assert not desk.row(1)["locked"]


def give_back(ledger: Ledger) -> int:
    """All that is given back, bit by bit."""
    given = 0
    for _ in range(200):
        pages = retention.give_back(ledger)
        assert pages <= 500
        if not pages:
            return given
        given += pages
    raise AssertionError("it does not end")


def test_the_file_does_not_grow_without_bound(sqlite_ledger: Ledger) -> None:
    """Each round brings as many new versions as go: from the second on it takes no more room."""
    desk, random_words = Desk(sqlite_ledger), random.Random(7)
    desk.file("flood", "Orsel")
    sizes = []
    for day in range(4):
        for number in range(60):
            words = random_words.randbytes(150_000).hex()
            add_version(sqlite_ledger, 1, 2 + 60 * day + number, at(day), words)
        with sqlite_ledger.write() as tx:
            tx.execute(update(memberships).values(generation=2 + 60 * (day + 1)))
        assert retire(sqlite_ledger, at(day)) == (120 if day else 0)  # texts and vectors of the day before
        give_back(sqlite_ledger)
        with sqlite_ledger.read() as tx:
            sizes.append(tx.execute(text("PRAGMA page_count")).scalar_one())
    assert max(sizes[2:]) <= sizes[1] * 1.1
    assert retire(sqlite_ledger, at(10)) == 120
    assert give_back(sqlite_ledger) > 1_000
    with sqlite_ledger.read() as tx:
        assert tx.execute(text("PRAGMA page_count")).scalar_one() < sizes[-1] - 1_000


def test_old_texts_and_vectors_of_what_came_to_an_end_go(ledger: Ledger) -> None:
    desk = Desk(ledger)
    for _ in range(3):
        desk.file("flood", "Orsel")
    (waiting,) = queued(ledger, "https://paper.example/one")
    add_version(ledger, waiting, 1, OLD)
    with ledger.write() as tx:
        for table in (texts, vectors):
            tx.execute(update(table).where(table.c.article_id <= 2).values(created=OLD))
            tx.execute(update(table).where(table.c.article_id == 3).values(created=NEW))
    for table in (texts, vectors):
        assert aged(ledger, table, OLD) == []
        assert aged(ledger, table, NEW) == [1, 2], "what is not done yet keeps what it has"
        with ledger.write() as tx:
            assert retention.retire_aged(tx, table, [1, 2, 3, waiting], NEW) == 2
        assert aged(ledger, table, NEW) == []
    assert kept(ledger) == [(3, 1), (waiting, 1)]
    with ledger.read() as tx:
        found = articles.one(tx, 1)
    assert found is not None
    assert (found["state"], found["text"]) == ("filed", "")
    assert found["title"]


def aged(ledger: Ledger, table: Table, before: datetime) -> list[int]:
    """All that is old, looked for in steps of two rows."""
    found, reached = [], 0
    for _ in range(100):
        with ledger.read() as tx:
            part, following = retention.aged(tx, table, reached, before, 2)
        found += part
        if following is None:
            return found
        reached = following
    raise AssertionError("a round does not end")


def test_what_a_feed_said_goes_when_it_shows_it_no_more(ledger: Ledger) -> None:
    gone, shown = queued(ledger, "https://paper.example/gone", "https://paper.example/shown")
    (waiting,) = queued(ledger, "https://paper.example/waiting")
    with ledger.write() as tx:
        tx.execute(update(article_rows).where(article_rows.c.id != waiting).values(state="rejected"))
        tx.execute(update(sightings).where(sightings.c.article_id == shown).values(last_seen=NEW))
    with ledger.read() as tx:
        assert retention.unseen(tx, 0, START, 10)[0] == []
        ids, last = retention.unseen(tx, 0, NEW, 10)
        assert retention.unseen(tx, last or 0, NEW, 10) == ([], None)
    with ledger.write() as tx:
        assert retention.retire_unseen(tx, ids, NEW) == 1
        assert set(tx.execute(select(sightings.c.article_id)).scalars()) == {shown, waiting}
    assert queued(ledger, "https://paper.example/gone") == [gone], "it is still known"


def test_how_pages_answered_goes_and_the_articles_stay_dead(ledger: Ledger) -> None:
    ids = queued(ledger, *(f"https://paper.example/{number}" for number in range(3)))
    answer = dead.Answer(url="https://paper.example/", status=500, content_type=None, head=b"Failed")
    with ledger.write() as tx:
        tx.execute(update(article_rows).values(state="dead", reason="http-5xx"))
        for number, article in enumerate(ids):
            dead.keep_answer(tx, article, answer, NEW if number == 1 else OLD)
    with ledger.read() as tx:
        first, last = retention.answered(tx, 0, NEW, 2)
        second, end = retention.answered(tx, last or 0, NEW, 2)
        assert (first, second) == (ids[:1], ids[2:])
        assert retention.answered(tx, end or 0, NEW, 2) == ([], None)
    with ledger.write() as tx:
        dead.keep_answer(tx, ids[2], answer, NEW)  # tried again meanwhile
        assert retention.retire_answers(tx, first + second, NEW) == 1
        assert set(dead.answered(tx, ids)) == set(ids[1:])
        assert [row["reason"] for row in dead.listed(tx, 10)] == ["http-5xx"] * 3
