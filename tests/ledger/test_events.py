"""The outbox: numbered without gaps, each subject in its order, replayable from any position."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from pipeline.ledger import Ledger, events
from tests.ledger.making import at


def put(tx: Connection, subject: str, sequence: int, seconds: float = 0) -> None:
    events.append(tx, "storyline.grew", subject, sequence, at(seconds), {"n": sequence, "word": "café"})


def fill(ledger: Ledger, count: int) -> None:
    with ledger.write() as tx:
        for sequence in range(1, count + 1):
            put(tx, "storyline/1", sequence, seconds=sequence)


def positions(ledger: Ledger) -> list[int | None]:
    with ledger.read() as tx:
        return [event.position for event in events.after(tx, 0, 1000)]


def test_positions_have_no_gaps_over_several_rounds(ledger: Ledger) -> None:
    fill(ledger, 7)
    with ledger.write() as tx:
        assert [events.number(tx, 3), events.number(tx, 3), events.number(tx, 3), events.number(tx, 3)] == [3, 3, 1, 0]
    assert positions(ledger) == [1, 2, 3, 4, 5, 6, 7]
    with ledger.read() as tx:
        assert (events.last_position(tx), events.waiting(tx)) == (7, 0)


def test_an_event_that_was_rolled_back_takes_no_position(ledger: Ledger) -> None:
    def interrupted() -> None:
        with ledger.write() as tx:
            put(tx, "storyline/9", 1)
            raise KeyboardInterrupt

    fill(ledger, 2)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with ledger.write() as tx:
        put(tx, "storyline/1", 3)
        events.number(tx, 10)
    assert positions(ledger) == [1, 2, 3]


def test_each_subject_keeps_its_order(ledger: Ledger) -> None:
    with ledger.write() as tx:
        for sequence in (1, 2, 3):
            put(tx, "storyline/1", sequence)
            put(tx, "storyline/2", sequence)
        events.number(tx, 4)
        events.number(tx, 4)
    with ledger.read() as tx:
        published = events.after(tx, 0, 10)
    for subject in ("storyline/1", "storyline/2"):
        assert [event.sequence for event in published if event.subject == subject] == [1, 2, 3]


def test_a_sequence_number_cannot_be_used_twice(ledger: Ledger) -> None:
    fill(ledger, 1)
    with pytest.raises(IntegrityError), ledger.write() as tx:
        put(tx, "storyline/1", 1)


def test_what_is_not_numbered_is_not_published(ledger: Ledger) -> None:
    fill(ledger, 3)
    with ledger.write() as tx:
        events.number(tx, 2)
    with ledger.read() as tx:
        assert len(events.after(tx, 0, 10)) == 2
        assert len(events.latest(tx, 10)) == 2
        assert events.waiting(tx) == 1


def test_reading_on_from_a_position(ledger: Ledger) -> None:
    fill(ledger, 5)
    with ledger.write() as tx:
        events.number(tx, 5)
    with ledger.read() as tx:
        assert [event.position for event in events.after(tx, 2, 2)] == [3, 4]
        assert events.after(tx, 5, 10) == []
        assert [event.position for event in events.latest(tx, 2)] == [4, 5]


def test_an_event_comes_back_as_it_was_put(ledger: Ledger) -> None:
    fill(ledger, 1)
    with ledger.write() as tx:
        events.number(tx, 1)
    with ledger.read() as tx:
        (event,) = events.after(tx, 0, 1)
        assert events.by_id(tx, event.id) == event
        assert events.by_id(tx, "nothing") is None
    assert (event.type, event.subject, event.sequence, event.time) == ("storyline.grew", "storyline/1", 1, at(1))
    assert event.data == {"n": 1, "word": "café"}


def test_old_events_go_but_the_newest_holds_the_numbering(ledger: Ledger) -> None:
    fill(ledger, 5)
    with ledger.write() as tx:
        events.number(tx, 5)
        assert events.expire(tx, at(1000), 2) == 2
        assert events.expire(tx, at(1000), 10) == 2
        assert events.expire(tx, at(1000), 10) == 0
    assert positions(ledger) == [5]
    with ledger.write() as tx:
        put(tx, "storyline/1", 6)
        events.number(tx, 1)
    assert positions(ledger) == [5, 6]


def test_only_old_and_published_events_go(ledger: Ledger) -> None:
    fill(ledger, 4)
    with ledger.write() as tx:
        events.number(tx, 3)
        assert events.expire(tx, at(2), 10) == 1  # the first, at one second; the fourth has no position yet
    assert positions(ledger) == [2, 3]
    with ledger.write() as tx:
        assert events.number(tx, 10) == 1
    assert positions(ledger) == [2, 3, 4]
