"""What hubs sent waits in a bounded line, is read once and in order, and never blocks what comes after it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, select, update

from pipeline.ledger import Ledger, feeds, pushes
from pipeline.ledger.schema import feeds as feed_table
from pipeline.ledger.schema import pushes as table
from pipeline.records import Feed, FeedState
from tests.ledger.making import LEASE, START, at, feed


def waiting(tx: Connection) -> list[bytes]:
    return list(tx.execute(select(table.c.body).order_by(table.c.id)).scalars())


def one(tx: Connection, feed_id: int) -> Feed:
    found = feeds.find(tx, str(feed_id))
    assert found is not None
    return found


def rest(tx: Connection, feed_id: int) -> None:
    """It was polled at the start and is due in a day."""
    values = {"due": at(86_400), "last_polled": START}
    tx.execute(update(feed_table).where(feed_table.c.id == feed_id).values(**values))


def test_only_the_newest_are_kept_and_the_same_but_once(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made, other = feed(tx), feed(tx, "https://other.example/feed")
        pushes.put(tx, other, None, b"0", START)
        ids = [pushes.put(tx, made, "text/xml", b"%d" % number, at(number)) for number in range(pushes.KEPT + 4)]
        assert pushes.put(tx, made, "text/xml", b"7", at(99)) is None
        assert None not in ids
        assert waiting(tx) == [b"0", *(b"%d" % number for number in range(4, pushes.KEPT + 4))]


def test_they_are_handed_out_one_of_each_feed_the_oldest_first(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made, other = feed(tx), feed(tx, "https://other.example/feed")
        for body in (b"first", b"second"):
            pushes.put(tx, made, "text/xml", body, START)
        pushes.put(tx, other, None, b"", START)
        taken = pushes.claim(tx, START, "me", LEASE, 10)
        assert [(one.feed_id, one.body, one.content_type, one.attempts) for one in taken] == [
            (made, b"first", "text/xml", 1),
            (other, b"", None, 1),
        ]
        assert pushes.claim(tx, START, "you", LEASE, 10) == []
        assert not pushes.settle(tx, taken[0].id, "you")
        assert pushes.settle(tx, taken[0].id, "me")
        assert [one.body for one in pushes.claim(tx, START, "you", LEASE, 10)] == [b"second"]


def test_what_is_being_read_is_not_dropped_for_what_comes(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
        pushes.put(tx, made, None, b"held", START)
        (held,) = pushes.claim(tx, START, "me", LEASE, 1)
        for number in range(pushes.KEPT + 1):
            pushes.put(tx, made, None, b"%d" % number, START)
        assert pushes.put(tx, made, None, b"held", START), "what is being read may be read by another in vain"
        assert pushes.settle(tx, held.id, "me")
        assert len(waiting(tx)) == pushes.KEPT


def test_many_readers_read_each_once(ledger: Ledger) -> None:
    with ledger.write() as tx:
        for number in range(20):
            made = feed(tx, f"https://paper.example/{number}")
            for body in (b"1", b"2"):
                pushes.put(tx, made, None, body, START)

    def read(owner: int) -> list[tuple[int, bytes]]:
        found = []
        for _ in range(20):
            with ledger.write() as tx:
                taken = pushes.claim(tx, START, f"reader {owner}", LEASE, 3)
            with ledger.write() as tx:
                found += [(one.feed_id, one.body) for one in taken if pushes.settle(tx, one.id, f"reader {owner}")]
        return found

    with ThreadPoolExecutor(4) as pool:
        found = [one for many in pool.map(read, range(4)) for one in many]
    assert len(found) == len(set(found)) == 40


def test_a_reader_that_died_is_replaced_and_what_kills_them_is_dropped(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
        rest(tx, made)
        pushes.put(tx, made, None, b"deadly", START)
        for attempt in range(1, pushes.MAX_ATTEMPTS + 1):
            (taken,) = pushes.claim(tx, at(attempt * 100), "me", LEASE, 1)
            assert taken.attempts == attempt
            assert pushes.claim(tx, at(attempt * 100 + LEASE), "you", LEASE, 1) == []
        assert pushes.claim(tx, at(1000), "me", LEASE, 1) == []
        assert waiting(tx) == []
        assert (one(tx, made).due, one(tx, made).due_reason) == (at(1000), pushes.UNREADABLE)


def test_what_cannot_be_read_is_tried_again_later_and_given_up(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
        rest(tx, made)
        pushes.put(tx, made, None, b"broken", START)
        seconds, given_up = 0.0, []
        for _ in range(pushes.MAX_ATTEMPTS):
            (taken,) = pushes.claim(tx, at(seconds), "me", LEASE, 1)
            given_up.append(pushes.fail(tx, taken, "me", at(seconds)))
            assert pushes.claim(tx, at(seconds + 1), "me", LEASE, 1) == []
            seconds += 1000
        assert given_up == [False] * (pushes.MAX_ATTEMPTS - 1) + [True]
        assert waiting(tx) == []
        assert one(tx, made).due_reason == pushes.UNREADABLE


def test_what_is_put_off_has_not_been_attempted(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
        pushes.put(tx, made, None, b"", START)
        for number in range(10):
            (taken,) = pushes.claim(tx, at(number * 100), "me", LEASE, 1)
            assert taken.attempts == 1
            pushes.postpone(tx, taken, "me", at(number * 100 + 50))
            assert pushes.claim(tx, at(number * 100 + 49), "me", LEASE, 1) == []


def test_a_feed_that_is_not_polled_is_not_pushed_to(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
        pushes.put(tx, made, None, b"news", START)
        feeds.set_state(tx, made, FeedState.PAUSED, START)
        assert pushes.claim(tx, START, "me", LEASE, 1) == []
        assert pushes.sweep(tx, at(pushes.STALE_SECONDS)) == 0
        assert pushes.sweep(tx, at(pushes.STALE_SECONDS + 1)) == 1
        pushes.put(tx, made, None, b"news", START)
        feeds.remove(tx, made, START)
        assert waiting(tx) == []


def test_a_ping_makes_a_feed_due_but_never_sooner_than_it_may_be_polled(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
        rest(tx, made)
        assert pushes.make_due(tx, made, at(60), "pinged", 300)
        assert (one(tx, made).due, one(tx, made).due_reason) == (at(300), "pinged")
        assert pushes.make_due(tx, made, at(400), "again", 300)
        assert one(tx, made).due == at(300), "due already"
        rest(tx, made)
        assert pushes.make_due(tx, made, at(400), "again", 300)
        assert one(tx, made).due == at(400)
        rest(tx, made)
        tx.execute(update(feed_table).values(lease_token="a poll", lease_until=at(500)))
        assert not pushes.make_due(tx, made, at(450), "in vain", 300)
        assert one(tx, made).due == at(86_400)
        assert pushes.make_due(tx, made + 1, at(450), "no such feed")
