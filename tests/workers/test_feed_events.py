"""Feeds that fail, fall silent and come back: told once each, with the poll that found it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from pipeline.feeds.schedule import PollOutcome
from pipeline.ledger import Ledger, events, feeds, polls
from pipeline.ledger.schema import feeds as feed_table
from pipeline.ledger.schema import troubles
from pipeline.records import Event, FeedState
from pipeline.settings import Settings
from tests.alerts.schemas import check
from tests.workers.polling import add, one
from workers.poller.outcome import Polled
from workers.poller.record import Job, Recorder
from workers.poller.trouble import heard
from workers.process import now

URL = "https://user:secret@wire.example/feed"


class Wire:
    """A feed in a ledger, polled with the outcomes that a test gives."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        (self.feed,) = add(ledger, URL)
        self.recorder = Recorder(Settings(), ledger, lambda: None)

    def poll(self, outcome: PollOutcome, *, lost: bool = False) -> None:
        with self.ledger.write() as tx:
            tx.execute(update(feed_table).values(lease_token="other" if lost else "mine", lease_until=now()))
        self.recorder.write([Job(one(self.ledger, self.feed), "mine", Polled(asked=now(), outcome=outcome))])

    def told(self) -> list[Event]:
        with self.ledger.write() as tx:
            events.number(tx, 100)
            found = events.after(tx, 0, 100)
        check(found)
        return found


FAILED = PollOutcome(error=f"{URL} answered 500", error_reason="http-500")
WELL = PollOutcome(not_modified=True)


@pytest.fixture
def wire(ledger: Ledger) -> Wire:
    return Wire(ledger)


def test_three_failures_in_a_row_are_told_once_and_so_is_the_recovery(wire: Wire) -> None:
    for _ in range(2):
        wire.poll(FAILED)
    wire.poll(WELL)
    assert wire.told() == []
    for _ in range(5):
        wire.poll(FAILED)
    (failing,) = wire.told()
    assert (failing.type, failing.subject, failing.sequence) == ("feed.failing", f"feed/{wire.feed}", 1)
    assert failing.data["failures"] == 3
    assert "secret" not in str(failing.data)
    for _ in range(2):
        wire.poll(WELL)
    _, recovered = wire.told()
    assert (recovered.type, recovered.sequence, recovered.data["after"]) == ("feed.recovered", 2, "failing")


def test_a_feed_that_says_that_it_is_gone_is_told_at_once(wire: Wire) -> None:
    wire.poll(PollOutcome(error="answered 410", error_reason="gone"))
    (gone,) = wire.told()
    assert gone.data["state"] == FeedState.GONE


def test_a_poller_whose_lease_was_lost_tells_nothing(wire: Wire) -> None:
    for _ in range(2):
        wire.poll(FAILED)
    wire.poll(FAILED, lost=True)
    assert wire.told() == []


def test_silence_and_its_end_are_told(wire: Wire) -> None:
    from workers.poller import trouble

    feed = one(wire.ledger, wire.feed)
    values = {"failures": 0, "silent_since": now() - timedelta(days=3), "entries_per_day": 12.5}
    with wire.ledger.write() as tx:
        for _ in range(2):
            trouble.tell(tx, feed, values, now())
    (silent,) = wire.told()
    assert (silent.type, silent.data["entries_per_day"]) == ("feed.silent", 12.5)
    with wire.ledger.write() as tx:
        for _ in range(2):
            heard(tx, feed, now())
    assert [(event.type, event.data.get("after")) for event in wire.told()[1:]] == [("feed.recovered", "silent")]


def test_a_removed_feed_leaves_nothing_behind(wire: Wire) -> None:
    for _ in range(3):
        wire.poll(FAILED)
    with wire.ledger.write() as tx:
        feeds.remove(tx, wire.feed, now())
        assert polls.held(tx, {wire.feed: "mine"}) == set()
        assert tx.execute(select(troubles)).all() == []
    _, over = wire.told()
    assert (over.type, over.sequence, over.data["after"]) == ("feed.recovered", 2, "failing")
    assert (over.data["ended"], "secret" in str(over.data)) == ("removed", False)


def test_a_paused_feed_is_told_to_be_in_no_trouble_any_more_and_to_be_in_trouble_again_once_resumed(wire: Wire) -> None:
    for _ in range(3):
        wire.poll(FAILED)
    with wire.ledger.write() as tx:
        feeds.set_state(tx, wire.feed, FeedState.PAUSED, now())
        feeds.set_state(tx, wire.feed, FeedState.PAUSED, now())
    wire.poll(FAILED)  # one that was under way
    _, over = wire.told()
    assert (over.type, over.data["after"], over.data["ended"]) == ("feed.recovered", "failing", "paused")
    with wire.ledger.write() as tx:
        feeds.set_state(tx, wire.feed, FeedState.ACTIVE, now())
    assert len(wire.told()) == 2, "that is for the next poll to say"
    wire.poll(FAILED)
    assert [event.type for event in wire.told()[2:]] == ["feed.failing"]
