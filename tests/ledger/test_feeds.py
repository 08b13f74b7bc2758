"""Which feeds are due, and that one poller at a time asks each."""

from __future__ import annotations

import pytest

from pipeline.ledger import Ledger, feeds, polls
from pipeline.records import FeedState
from tests.ledger.making import START, at, feed

LEASE = 45.0


def claim(ledger: Ledger, token: str, seconds: float = 0, limit: int = 10) -> list[int]:
    with ledger.write() as tx:
        return [one.feed.id for one in polls.claim_due(tx, at(seconds), token, LEASE, limit)]


def test_a_url_is_a_feed_once(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feeds.add(tx, "https://paper.example/feed", START, title="Paper", tags=["world", "news"])
        assert made is not None
        assert feeds.add(tx, "https://paper.example/feed", START) is None
        (found,) = feeds.every(tx)
    assert (found.id, found.title, found.tags, found.state) == (made, "Paper", ("world", "news"), FeedState.ACTIVE)
    assert (found.due, found.due_reason, found.first_polled) == (START, "new", None)


@pytest.mark.parametrize("reference", ["{id}", "https://paper.example/feed"])
def test_a_feed_is_found_by_id_or_url(ledger: Ledger, reference: str) -> None:
    with ledger.write() as tx:
        made = feed(tx)
        found = feeds.find(tx, reference.format(id=made))
    assert found is not None
    assert found.id == made


@pytest.mark.parametrize("reference", ["99", "https://other.example", "", "9" * 40, "-1"])
def test_what_is_no_feed_is_not_found(ledger: Ledger, reference: str) -> None:
    with ledger.read() as tx:
        assert feeds.find(tx, reference) is None


def test_one_poller_at_a_time(ledger: Ledger) -> None:
    with ledger.write() as tx:
        ids = [feed(tx, f"https://{name}.example/feed") for name in "abc"]
    assert claim(ledger, "first", limit=2) == ids[:2]
    assert claim(ledger, "second") == ids[2:]
    assert claim(ledger, "third") == []


def test_a_poller_that_died_loses_its_feeds(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
    claim(ledger, "first")
    assert claim(ledger, "second", LEASE) == []
    assert claim(ledger, "second", LEASE + 1) == [made]
    with ledger.write() as tx:
        assert polls.record(tx, made, "first", {"etag": '"late"'}) is False
        assert polls.record(tx, made, "second", {"etag": '"new"', "due": at(300)}) is True
        (found,) = feeds.every(tx)
    assert (found.etag, found.due) == ('"new"', at(300))


def test_a_feed_is_due_again_when_it_said(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
    claim(ledger, "first")
    with ledger.write() as tx:
        polls.record(tx, made, "first", {"due": at(300), "last_polled": at(1)})
    assert claim(ledger, "second", 299) == []
    assert claim(ledger, "second", 300) == [made]


@pytest.mark.parametrize("state", [FeedState.PAUSED, FeedState.GONE])
def test_only_active_feeds_are_polled(ledger: Ledger, state: FeedState) -> None:
    with ledger.write() as tx:
        made = feed(tx)
        feeds.set_state(tx, made, state, START)
    assert claim(ledger, "first") == []
    with ledger.write() as tx:
        feeds.set_state(tx, made, FeedState.ACTIVE, at(5))
    assert claim(ledger, "first", 5) == [made]


def test_asked_for_now(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
    claim(ledger, "first")
    with ledger.write() as tx:
        polls.record(tx, made, "first", {"due": at(300), "last_polled": at(1)})
        assert (feeds.not_polled_since(tx, at(1)), feeds.not_polled_since(tx, at(2))) == (0, 1)
        feeds.make_due(tx, at(10))
    assert claim(ledger, "first", 10) == [made]


def test_the_one_that_waited_longest_comes_first(ledger: Ledger) -> None:
    with ledger.write() as tx:
        late = feeds.add(tx, "https://late.example/feed", at(10))
        early = feeds.add(tx, "https://early.example/feed", at(5))
    assert claim(ledger, "first", 20) == [early, late]


def test_a_removed_feed_is_gone(ledger: Ledger) -> None:
    with ledger.write() as tx:
        feeds.remove(tx, feed(tx), START)
        assert feeds.every(tx) == []
