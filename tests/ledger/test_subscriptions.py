"""Every feed with a hub has one subscription, each request goes to one process, and what is unwanted is parted from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from pipeline.ledger import Ledger, feeds, subscriptions
from pipeline.ledger.schema import feeds as feed_table
from pipeline.ledger.schema import subscriptions as table
from pipeline.records import FeedState, Subscription
from tests.ledger.making import START, at, feed

HUB = "https://hub.example/"
BASE = "https://news.example"


def offered(tx: Connection, url: str, hub: str | None = HUB, topic: str | None = None) -> int:
    """A feed that names a hub."""
    made = feed(tx, url)
    values = {"hub_url": hub, "topic_url": url if topic is None else topic}
    tx.execute(update(feed_table).where(feed_table.c.id == made).values(**values))
    return made


def every(tx: Connection) -> list[Subscription]:
    return subscriptions.due(tx, at(10**9), 1000)


def test_every_active_feed_with_a_hub_gets_one_and_only_one(ledger: Ledger) -> None:
    with ledger.write() as tx:
        wanted = [offered(tx, f"https://paper.example/{number}") for number in range(2)]
        offered(tx, "https://paper.example/none", hub=None)
        offered(tx, "https://paper.example/empty", hub="")
        offered(tx, "https://paper.example/topicless", topic="")
        feeds.set_state(tx, offered(tx, "https://paper.example/paused"), FeedState.PAUSED, START)
    for changed in (2, 0):
        with ledger.write() as tx:
            assert subscriptions.align(tx, BASE, START) == changed
    with ledger.read() as tx:
        found = subscriptions.of_feeds(tx)
        assert set(found) == set(wanted)
        assert subscriptions.of_feed(tx, wanted[0]) == found[wanted[0]]
        assert subscriptions.by_token(tx, found[wanted[1]].token) == found[wanted[1]]
        assert subscriptions.by_token(tx, "") is None
    one, other = found.values()
    assert (one.hub, one.topic, one.state, one.due) == (HUB, "https://paper.example/0", "pending", START)
    assert len({one.token, other.token, one.secret, other.secret}) == 4
    assert all(len(each) == 43 for each in (one.token, one.secret))


@pytest.mark.parametrize("change", ["removed", "paused", "gone", "no-hub", "other-hub", "other-topic"])
def test_what_is_wanted_no_more_is_parted_from_but_not_forgotten(ledger: Ledger, change: str) -> None:
    with ledger.write() as tx:
        made = offered(tx, "https://paper.example/feed")
        subscriptions.align(tx, BASE, START)
        (before,) = every(tx)
        subscriptions.save(tx, before, {"state": "active", "due": at(10**6), "expires": at(10**6), "failures": 2})
    with ledger.write() as tx:
        if change == "removed":
            feeds.remove(tx, made, START)
        elif change in ("paused", "gone"):
            feeds.set_state(tx, made, FeedState(change), at(1))
        else:
            values = {"no-hub": {"hub_url": None}, "other-hub": {"hub_url": "https://new.example/"}}
            tx.execute(update(feed_table).values(**values.get(change, {"topic_url": "https://paper.example/new"})))
    with ledger.write() as tx:
        subscriptions.align(tx, BASE, at(2))
        rows = {row.token: row for row in every(tx)}
    left = rows.pop(before.token)
    assert (left.feed_id, left.state, left.due, left.failures) == (None, "leaving", at(2), 0)
    assert left.expires == at(10**6), "the hub still knows it"
    assert [row.feed_id for row in rows.values()] == ([made] if change.startswith("other") else [])
    with ledger.write() as tx:
        assert subscriptions.align(tx, BASE, at(3)) == 0
        subscriptions.forget(tx, before.token)
        assert subscriptions.by_token(tx, before.token) is None


def test_another_public_url_means_other_subscriptions(ledger: Ledger) -> None:
    with ledger.write() as tx:
        offered(tx, "https://paper.example/feed")
        subscriptions.align(tx, BASE, START)
        assert subscriptions.align(tx, BASE + "/below", at(1)) == 2
        assert {(row.base, row.state) for row in every(tx)} == {(BASE, "leaving"), (BASE + "/below", "pending")}


def test_many_feeds_are_taken_in_over_some_rounds(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "NEW_AT_ONCE", 2)
    with ledger.write() as tx:
        for number in range(5):
            offered(tx, f"https://paper.example/{number}")
        assert [subscriptions.align(tx, BASE, START) for _ in range(4)] == [2, 2, 1, 0]


def test_what_is_due_is_handed_to_one_process(ledger: Ledger) -> None:
    with ledger.write() as tx:
        for number in range(40):
            offered(tx, f"https://paper.example/{number}")
        subscriptions.align(tx, BASE, START)
        assert subscriptions.any_due(tx, START)

    def take(_: int) -> list[str]:
        taken = []
        for _ in range(5):
            with ledger.write() as tx:
                for held in subscriptions.due(tx, START, 5):
                    assert subscriptions.save(tx, held, {"requested": START, "due": at(3600)})
                    taken.append(held.token)
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [token for tokens in pool.map(take, range(4)) for token in tokens]
    assert len(taken) == len(set(taken)) == 40
    with ledger.read() as tx:
        assert not subscriptions.any_due(tx, at(3599))


def test_what_changed_since_it_was_read_is_not_overwritten(ledger: Ledger) -> None:
    with ledger.write() as tx:
        offered(tx, "https://paper.example/feed")
        subscriptions.align(tx, BASE, START)
        (read,) = every(tx)
        assert subscriptions.save(tx, read, {"requested": at(1)})
        asked = replace(read, requested=at(1))
        assert subscriptions.save(tx, asked, {"state": "active", "verified": at(2)}), "the hub came back"
        assert not subscriptions.save(tx, asked, {"state": "failed", "error": "its answer did not come in time"})
        (now,) = every(tx)
        assert (now.state, now.error, now.verified) == ("active", "", at(2))
        assert subscriptions.save(tx, now, {"requested": at(10)}), "a renewal"
        asked = replace(now, requested=at(10))
        assert subscriptions.save(tx, asked, {"verified": at(11)})
        assert not subscriptions.save(tx, asked, {"error": "its answer did not come in time"})


def test_pushes_are_counted_and_make_up_for_missed_ones(ledger: Ledger) -> None:
    with ledger.write() as tx:
        offered(tx, "https://paper.example/feed")
        subscriptions.align(tx, BASE, START)
        (held,) = every(tx)
        subscriptions.set_missed(tx, held.token, 2)
        for second in range(3):
            subscriptions.count_push(tx, held.token, at(second))
        subscriptions.count_refused(tx, held.token)
        (held,) = every(tx)
    assert (held.pushes, held.pushed, held.missed, held.refused) == (3, at(2), 0, 1)


def test_a_token_is_one_feeds_alone(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = offered(tx, "https://paper.example/feed")
        subscriptions.align(tx, BASE, START)
        (held,) = every(tx)
        again = {
            "token": held.token,
            "secret": "s",
            "feed_id": made,
            "hub": HUB,
            "base": BASE,
            "topic": "t",
            "state": "pending",
        }
        for row in (again, again | {"token": "another"}):
            with pytest.raises(IntegrityError), tx.begin_nested():
                tx.execute(table.insert(), row | {"due": START})
