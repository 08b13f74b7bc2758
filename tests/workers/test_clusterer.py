"""The clusterer: choice and event in one transaction, one at a time, fenced, and the same after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError

from pipeline.errors import LedgerError
from pipeline.ledger import Ledger, events, open_ledger, storylines
from pipeline.ledger.schema import roles as role_table
from tests.storylines.wire import about
from tests.workers.wire import (
    NOON,
    VERSION,
    ask,
    at,
    embed,
    embedded,
    event_count,
    filed,
    outcome,
    row,
    running,
    states,
    take_in,
)
from workers.clusterer import Clusterer
from workers.process import now

FULL = OSError("no space left on device")
AWAY = OperationalError("INSERT", {}, Exception("server closed the connection unexpectedly"))
PLACES = ["Orsel", "Marven", "Hexby", "Stellin", "Ostwick", "Cordela"]
EVENTS = ["flood", "trial", "merger", "derby"]


def clusterer(ledger: Ledger, **options: Any) -> Clusterer:
    return Clusterer(ledger, VERSION, **options)


@contextmanager
def failing(ledger: Ledger, statement_part: str, nth: int = 1, error: Exception = FULL) -> Iterator[None]:
    """Have the database fail at the nth statement that contains these words."""
    seen = 0

    def fail(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal seen
        if statement_part in statement:
            seen += 1
            if seen == nth:
                raise error

    event.listen(ledger.engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(ledger.engine, "before_cursor_execute", fail)


def stream(ledger: Ledger, count: int) -> list[int]:
    """Coverage of 24 stories, some of it reprinted word for word."""
    made = []
    for number in range(1, count + 1):
        place, what = PLACES[number % 6], EVENTS[(number // 6) % 4]
        text = f"A {what} in {place} kept people busy. " + " ".join(
            f"{place}{what}{n * number % 17}" for n in range(40)
        )
        reprinted = number % 9 == 0
        if reprinted:
            text = f"A long dispatch on the {what} in {place}. " + " ".join(f"{place}word{n}" for n in range(60))
        made.append(embedded(ledger, number, what, place, title=f"The {what} in {place}", text=text, hours=number / 10))
    return made


def test_an_article_is_filed_with_its_event(ledger: Ledger) -> None:
    first = embedded(ledger, 1, "flood", "Orsel")
    second = embedded(ledger, 2, "flood", "Orsel")
    other = embedded(ledger, 3, "trial", "Marven")
    assert clusterer(ledger).step(NOON) == 3
    where = {article: storyline for article, (storyline, _) in filed(ledger).items()}
    assert where[first] == where[second] != where[other]
    assert states(ledger) == {"filed": 3}
    with ledger.write() as tx:
        events.number(tx, 10)
    with ledger.read() as tx:
        told = [
            (one.type, one.subject, one.sequence, one.data.get("article", {}).get("id"))
            for one in events.after(tx, 0, 10)
        ]
        found = storylines.one(tx, where[first])
    assert told == [
        ("storyline.opened", f"storyline/{where[first]}", 1, first),
        ("storyline.grew", f"storyline/{where[first]}", 2, second),
        ("storyline.opened", f"storyline/{where[other]}", 1, other),
        ("storyline.developing", f"storyline/{where[first]}", 3, None),
    ]
    assert found is not None
    assert (found.articles, found.outlets) == (2, ("Outlet 1", "Outlet 2"))
    assert found.headline in ("The flood Orsel: report 1", "The flood Orsel: report 2")
    assert found.lead.startswith("About the flood Orsel.")


@pytest.mark.parametrize("statement", ["INSERT INTO events", "INSERT INTO storylines"])
def test_a_transaction_that_fails_files_nothing_and_the_next_step_files_it(ledger: Ledger, statement: str) -> None:
    for number in (1, 2, 3):
        embedded(ledger, number, "flood", "Orsel")
    at_work = clusterer(ledger)
    with failing(ledger, statement, nth=2 if "storylines" not in statement else 1):
        at_work.step(NOON)
    assert states(ledger) == {"embedded": 3}
    assert event_count(ledger) == 0
    assert at_work.step(at(1)) == 3
    assert states(ledger) == {"filed": 3}
    assert event_count(ledger) == 4, "opened, grew twice, developing"
    assert len({storyline for storyline, _ in filed(ledger).values()}) == 1


def test_a_ledger_that_goes_away_in_the_middle_costs_nothing(sqlite_ledger: Ledger) -> None:
    for number in (1, 2, 3):
        embedded(sqlite_ledger, number, "flood", "Orsel")
    at_work = clusterer(sqlite_ledger)
    with failing(sqlite_ledger, "INSERT INTO events", nth=2, error=AWAY), pytest.raises(LedgerError, match="closed"):
        at_work.step(NOON)
    assert not at_work.active, "what it remembers is ahead of the ledger"
    assert at_work.step(at(1)) == 3
    assert states(sqlite_ledger) == {"filed": 3}
    assert {storyline for storyline, _ in filed(sqlite_ledger).values()} == {1}
    with sqlite_ledger.read() as tx:
        assert storylines.last_position(tx) == 3


def test_a_reprint_is_a_duplicate_of_its_original(sqlite_ledger: Ledger) -> None:
    dispatch = "The harbour of Orsel was closed on Monday. " + " ".join(f"word{n}" for n in range(60))
    original = embedded(sqlite_ledger, 1, "flood", "Orsel", text=dispatch, title="Harbour of Orsel closed")
    reprint = embedded(sqlite_ledger, 2, "flood", "Orsel", text=dispatch, title="Harbour of Orsel closed")
    clusterer(sqlite_ledger).step(NOON)
    assert states(sqlite_ledger) == {"filed": 1, "duplicate": 1}
    assert row(sqlite_ledger, reprint)["original_id"] == original
    assert row(sqlite_ledger, original)["original_id"] is None
    found = filed(sqlite_ledger)
    assert found[reprint][0] == found[original][0]
    assert found[reprint][1]["copy_of"] == original
    with sqlite_ledger.read() as tx:
        storyline = storylines.one(tx, found[original][0])
    assert storyline is not None
    assert (storyline.articles, storyline.originals) == (2, 1)


def test_a_stand_by_takes_over_after_the_silence_of_the_active_one(ledger: Ledger) -> None:
    active, stand_by = clusterer(ledger, leader_seconds=10), clusterer(ledger, leader_seconds=10)
    embedded(ledger, 1, "flood", "Orsel")
    assert active.step(NOON) == 1
    embedded(ledger, 2, "flood", "Orsel")
    assert stand_by.step(at(1)) == 0
    assert (active.active, stand_by.active) == (True, False)
    assert stand_by.step(at(11)) == 1
    assert stand_by.active
    assert len({storyline for storyline, _ in filed(ledger).values()}) == 1, "it knows what the other one filed"


def test_one_that_was_overtaken_writes_nothing(ledger: Ledger) -> None:
    paused, successor = clusterer(ledger, leader_seconds=10), clusterer(ledger, leader_seconds=10)
    paused.step(NOON)
    successor.step(at(20))
    article = embedded(ledger, 1, "flood", "Orsel")
    command = ask(ledger, "declare", title="The flood", text="Water in Orsel.")
    assert paused.step(at(1)) == 0, "its clock says that its claim still holds"
    assert not paused.active
    assert row(ledger, article)["state"] == "embedded"
    assert outcome(ledger, command)[0] == "pending"
    assert event_count(ledger) == 0
    assert paused.step(at(21)) == 0


def test_the_active_one_renews_its_claim(sqlite_ledger: Ledger) -> None:
    active, stand_by = clusterer(sqlite_ledger), clusterer(sqlite_ledger)
    active.step(NOON)
    for second in range(1, 40):
        active.step(at(second))
        assert stand_by.step(at(second)) == 0
    assert not stand_by.active


def test_a_long_rebuild_renews_the_claim_on_the_way(sqlite_ledger: Ledger) -> None:
    """Else a stand-by would begin a rebuild of its own in the meantime, and the two would take turns for ever."""
    stream(sqlite_ledger, 30)
    clusterer(sqlite_ledger, leader_seconds=10).step(NOON)
    following = clusterer(sqlite_ledger, leader_seconds=0.003)  # a third of it passes within a few articles
    following.step(at(60))
    with sqlite_ledger.read() as tx:
        held = tx.execute(select(role_table).where(role_table.c.name == "clusterer")).one()
    assert following.active
    assert held.until > at(60.003), "renewed after it was taken"


def test_a_restart_changes_no_decision(sqlite_ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = open_ledger(f"sqlite:///{tmp_path_factory.mktemp('other')}/ledger.db", upgrade=True)
    for ledger in (sqlite_ledger, other):
        ask(ledger, "declare", title="The flood in Orsel", text="Water stands in Orsel after the flood.")
        clusterer(ledger).step(NOON)
        with ledger.write() as tx:
            storylines.put_vector(tx, 1, VERSION, storylines.pack(about("flood", "Orsel")))
        stream(ledger, 60)
    steady = clusterer(sqlite_ledger, batch=7)
    for second in range(70, 100):
        steady.step(at(second))
    for second in range(70, 100):
        if second % 3 == 1:
            at_work = clusterer(other, batch=7, leader_seconds=0.5)  # the one before it died without a word
        at_work.step(at(second))
    first, second_run = filed(sqlite_ledger), filed(other)
    other.close()
    assert len(first) == 60
    assert first == second_run, "storylines and reasons, figure by figure"
    assert 1 in {storyline for storyline, _ in first.values()}, "the declared one has coverage"
    assert {why["copy_of"] is not None for _, why in first.values()} == {True, False}
    assert 5 < len({storyline for storyline, _ in first.values()}) < 50


def test_a_declared_storyline_is_opened_and_filing_waits_for_its_vector(sqlite_ledger: Ledger) -> None:
    command = ask(sqlite_ledger, "declare", title="The flood in Orsel", text="Water stands in Orsel.", lang="en")
    article = embedded(sqlite_ledger, 1, "flood", "Orsel")
    at_work = clusterer(sqlite_ledger)
    assert at_work.step(NOON) == 1
    state, result, error = outcome(sqlite_ledger, command)
    assert (state, error) == ("applied", None)
    assert states(sqlite_ledger) == {"embedded": 1}, "its vector is still being made"
    assert event_count(sqlite_ledger) == 1, "a declared storyline is announced at once"
    with sqlite_ledger.write() as tx:
        storylines.put_vector(tx, result["storyline"], VERSION, storylines.pack(about("flood", "Orsel")))
    assert at_work.step(at(1)) == 1
    assert filed(sqlite_ledger)[article][0] == result["storyline"]
    with sqlite_ledger.read() as tx:
        found = storylines.one(tx, result["storyline"])
    assert found is not None
    assert (found.headline, found.declared, found.articles) == ("The flood in Orsel", True, 1)


def test_it_does_not_wait_for_ever_for_a_vector(sqlite_ledger: Ledger) -> None:
    ask(sqlite_ledger, "declare", title="The flood in Orsel", text="Water stands in Orsel.")
    embedded(sqlite_ledger, 1, "trial", "Marven")
    at_work = clusterer(sqlite_ledger)
    at_work.step(NOON)
    at_work.step(at(59))
    assert states(sqlite_ledger) == {"embedded": 1}
    at_work.step(at(61))
    assert states(sqlite_ledger) == {"filed": 1}


def test_commands_that_cannot_be_obeyed_are_refused_with_words(sqlite_ledger: Ledger) -> None:
    good = ask(sqlite_ledger, "declare", title="The flood", text="Water in Orsel.")
    again = ask(sqlite_ledger, "declare", title="The flood", text="Other words.")
    unknown = ask(sqlite_ledger, "explode", storyline=3)
    empty = ask(sqlite_ledger, "declare", text="No title.")
    odd = ask(sqlite_ledger, "declare", title=["a", "list"], text="Text.")
    last = ask(sqlite_ledger, "declare", title="The trial", text="A court in Marven.")
    assert clusterer(sqlite_ledger).step(NOON) == 6
    assert outcome(sqlite_ledger, good)[0] == "applied"
    assert outcome(sqlite_ledger, again) == ("refused", None, "a storyline 'The flood' has been declared already")
    assert outcome(sqlite_ledger, unknown) == ("refused", None, "there is no command 'explode'")
    for command in (empty, odd):
        assert outcome(sqlite_ledger, command) == ("refused", None, "a storyline is declared with a title and a text")
    assert outcome(sqlite_ledger, last)[0] == "applied"
    with sqlite_ledger.read() as tx:
        assert list(storylines.titles(tx)) == ["The flood", "The trial"]


def test_a_command_that_fails_is_refused_and_leaves_nothing_behind(ledger: Ledger) -> None:
    command = ask(ledger, "declare", title="The flood", text="Water in Orsel.")
    article = embedded(ledger, 1, "flood", "Orsel")
    with failing(ledger, "INSERT INTO events"):
        clusterer(ledger).step(NOON)
    state, _, error = outcome(ledger, command)
    assert state == "refused"
    assert error is not None
    assert "no space left on device" in error
    assert row(ledger, article)["state"] == "filed"
    with ledger.read() as tx:
        assert not storylines.titles(tx)


def test_an_article_whose_vector_cannot_be_compared_is_parked_and_the_wire_goes_on(ledger: Ledger) -> None:
    before = embedded(ledger, 1, "flood", "Orsel")
    with ledger.write() as tx:
        odd = take_in(tx, 2, "Of another model", "Its vector is shorter than the others'.")
        embed(tx, odd, about("flood")[:8])
    after = embedded(ledger, 3, "flood", "Orsel")
    at_work = clusterer(ledger)
    assert at_work.step(NOON) == 3
    assert [row(ledger, one)["state"] for one in (before, odd, after)] == ["filed", "dead", "filed"]
    parked = row(ledger, odd)
    assert parked["reason"] == "unfilable"
    assert "8 dimensions" in parked["error"]
    assert at_work.step(at(1)) == 0
    assert at_work.active


def test_an_article_that_the_ledger_refuses_is_parked_after_a_second_try(ledger: Ledger) -> None:
    bad = embedded(ledger, 1, "trial", "Marven")
    good = embedded(ledger, 2, "flood", "Orsel")
    refusal = f"ALTER TABLE memberships ADD CONSTRAINT refused CHECK (article_id <> {bad})"
    if ledger.is_sqlite:
        refusal = (
            f"CREATE TRIGGER refused BEFORE INSERT ON memberships WHEN NEW.article_id = {bad} "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    with ledger.write() as tx:
        tx.execute(text(refusal))
    at_work = clusterer(ledger)
    assert at_work.step(NOON) == 1
    assert states(ledger) == {"embedded": 2}, "it is tried once more, from a rebuilt state"
    assert at_work.step(at(1)) == 1
    assert at_work.step(at(2)) == 1
    assert states(ledger) == {"filed": 1, "dead": 1}
    assert list(filed(ledger)) == [good]
    parked = row(ledger, bad)
    assert parked["reason"] == "unfilable"
    assert "refused" in parked["error"]
    with ledger.write() as tx:  # tests on PostgreSQL take turns in one database
        tx.execute(
            text("DROP TRIGGER refused" if ledger.is_sqlite else "ALTER TABLE memberships DROP CONSTRAINT refused")
        )


def test_what_was_filed_with_another_dimension_does_not_keep_it_from_starting(sqlite_ledger: Ledger) -> None:
    """A model that was exchanged under the same name: its old vectors cannot be compared with the new ones."""
    embedded(sqlite_ledger, 1, "flood", "Orsel")
    clusterer(sqlite_ledger).step(NOON)
    with sqlite_ledger.write() as tx:
        embed(tx, take_in(tx, 2, "The trial in Marven", "A court in Marven."), about("trial")[:8])
        (article,) = storylines.embedded(tx, VERSION, 5)
        other = storylines.open_one(tx, NOON)
        options: dict[str, Any] = {"copy_of": None, "position": 2, "why": {}, "headline": "", "lead": "", "now": NOON}
        storylines.file_article(tx, article, other, **options)
    third = embedded(sqlite_ledger, 3, "flood", "Orsel")
    assert clusterer(sqlite_ledger).step(at(20)) == 1
    assert filed(sqlite_ledger)[third][0] == filed(sqlite_ledger)[1][0]


def test_vectors_of_another_version_are_not_compared(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.write() as tx:
        article = take_in(tx, 1, "The flood in Orsel", "Water stands in Orsel.")
        embed(tx, article, about("flood"), version="another/model")
    assert clusterer(sqlite_ledger).step(NOON) == 1
    (_, why) = filed(sqlite_ledger)[article]
    assert why["storyline"] is None


def test_an_idle_clusterer_writes_nothing(sqlite_ledger: Ledger) -> None:
    at_work = clusterer(sqlite_ledger)
    with sqlite_ledger.read():  # so that two connections are open: a new one would need the write lock once
        at_work.step(NOON)
    with sqlite_ledger.write():  # a step that wanted the write lock would wait for this for half a minute
        assert at_work.step(at(1)) == 0


def test_run_hands_the_role_over_when_it_stops(sqlite_ledger: Ledger) -> None:
    embedded(sqlite_ledger, 1, "flood", "Orsel")
    at_work = clusterer(sqlite_ledger)
    with running(at_work.run):
        for _ in range(5000):
            if states(sqlite_ledger) == {"filed": 1}:
                break
        else:
            pytest.fail("it filed nothing")
    embedded(sqlite_ledger, 2, "flood", "Orsel")
    assert clusterer(sqlite_ledger).step(now()) == 1, "at once, without waiting for the claim to run out"


def test_commands_that_take_long_are_spread_over_steps(sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.clusterer.loop.STRETCH_SECONDS", 0.0)
    put = [ask(sqlite_ledger, "declare", title=f"Story {n}", text="What it is about.") for n in range(3)]
    clusterer = Clusterer(sqlite_ledger, VERSION)
    for done in range(1, 4):
        clusterer.step(at(done))
        assert [outcome(sqlite_ledger, one)[0] == "applied" for one in put] == [n < done for n in range(3)]
