"""Feeds take turns at their hosts, whichever poller asks: one at a time, spaced, none while the host wants peace."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from pipeline.ledger import Ledger, feeds, hosts, polls, work
from pipeline.ledger.polls import Turn
from pipeline.records import ArticleState, Feed
from tests.ledger.making import START, at, feed, queued

LEASE, SPACING = 60.0, 1.0


def claim(ledger: Ledger, seconds: float = 0, limit: int = 10, token: str = "poller") -> list[Turn]:
    with ledger.write() as tx:
        return polls.claim_due(tx, at(seconds), token, LEASE, limit, spacing=SPACING)


def ids(turns: list[Turn]) -> list[int]:
    return [turn.feed.id for turn in turns]


def shown(ledger: Ledger, feed_id: int) -> Feed:
    with ledger.read() as tx:
        found = feeds.find(tx, str(feed_id))
    assert found is not None
    return found


def many(tx: Connection, host: str, count: int, seconds: float = 0) -> list[int]:
    made = [feeds.add(tx, f"https://{host}/{number}.xml", at(seconds)) for number in range(count)]
    return [one for one in made if one is not None]


def test_of_one_host_one_feed_is_asked_at_a_time(ledger: Ledger) -> None:
    with ledger.write() as tx:
        first, second, third = many(tx, "paper.example", 3)
        other = feed(tx, "https://other.example/feed")
    assert ids(claim(ledger)) == [first, other]
    for number, waiting in enumerate((second, third), 1):
        found = shown(ledger, waiting)
        assert found.due_reason == "put off: another feed of its host is being polled"
        assert found.due == at(number * SPACING), "one after the other"
        assert (found.failures, found.error) == (0, "")
    assert claim(ledger, 2, token="another process") == [], "a host that is slow is asked once"
    with ledger.write() as tx:
        polls.record(tx, first, "poller", {"due": at(300)})
    assert ids(claim(ledger, 5)) == [second]


def test_a_host_with_thousands_of_feeds_does_not_hide_the_others(ledger: Ledger) -> None:
    with ledger.write() as tx:
        crowd = many(tx, "platform.example", 1100, seconds=-60)
        small = [feed(tx, f"https://paper-{number}.example/feed") for number in range(3)]
    taken = ids(claim(ledger, limit=4))
    assert taken[0] == crowd[0]
    assert sorted(taken[1:]) == small
    asked = 1
    for second in range(1, 8):  # and they come up one a second, as their host is spaced
        for turn in claim(ledger, second * 2, limit=4):
            asked += 1
            with ledger.write() as tx:
                assert polls.record(tx, turn.feed.id, "poller", {"due": at(7200)})
        with ledger.write() as tx:
            polls.record(tx, crowd[0], "poller", {"due": at(7200)})
    assert asked >= 7


def test_a_host_that_asked_for_a_pause_gets_it_for_all_its_feeds(ledger: Ledger) -> None:
    with ledger.write() as tx:
        first, second = many(tx, "paper.example", 2)
        hosts.hold_off(tx, "paper.example", at(1800))
    assert claim(ledger) == []
    assert shown(ledger, first).due == at(1800)
    assert shown(ledger, second).due == at(1801), "not both in the same moment"
    assert "paper.example asked to be left alone until 2026-11-20 12:30:00 UTC" in shown(ledger, second).due_reason
    assert ids(claim(ledger, 1800)) == [first]


def test_pages_of_a_host_that_are_being_fetched_make_a_feed_wait_but_not_starve(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
        for _ in range(3):
            hosts.reserve_request(tx, "paper.example", START, SPACING, 10.0)
        hosts.reserve_handout(tx, ["paper.example"], at(SPACING))
    (turn,) = claim(ledger)
    assert (turn.feed.id, turn.wait) == (made, 3.0)
    with ledger.write() as tx:
        assert hosts.reserve_request(tx, "paper.example", START, SPACING, 10.0) == 4.0


def test_no_page_is_handed_out_right_after_a_feed_of_its_host(ledger: Ledger) -> None:
    with ledger.write() as tx:
        feed(tx)
    (article,) = queued(ledger, "https://paper.example/one")
    claim(ledger)
    with ledger.write() as tx:
        assert work.due_for_fetch(tx, at(0.9), 10) == []
        assert work.due_for_fetch(tx, at(1.0), 10) == [(article, "paper.example")]


def test_no_more_than_two_pages_of_a_host_are_fetched_at_once(ledger: Ledger) -> None:
    made = queued(ledger, *(f"https://paper.example/{number}" for number in range(4)))
    for number in range(2):
        with ledger.write() as tx:
            assert len(work.due_for_fetch(tx, START, 10)) == 1
            work.hand_out(tx, [made[number]], f"job-{number}", at(20))
            work.claim(tx, [made[number]], ArticleState.QUEUED, f"job-{number}", "worker", START, LEASE)
    with ledger.write() as tx:
        assert work.due_for_fetch(tx, START, 10) == []
        work.extend(tx, ["job-0"], at(20))
    with ledger.write() as tx:
        (done,) = work.claim(tx, [made[0]], ArticleState.QUEUED, "job-0", "other", at(LEASE + 1), LEASE)
        work.give_back(tx, done, ArticleState.QUEUED, at(500))
        assert [article for article, _ in work.due_for_fetch(tx, at(62), 10)] == [made[2]]


def test_what_is_no_url_waits_for_nobody(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = [feeds.add(tx, url, START) for url in ("not a url", "nor this", "https://paper.example/feed")]
    assert ids(claim(ledger)) == made


def test_a_lease_is_kept_while_its_poller_says_so(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = feed(tx)
    claim(ledger)
    with ledger.write() as tx:
        polls.renew(tx, [(made, "somebody else"), (made, "poller")], at(50), LEASE)
    assert claim(ledger, 100, token="second") == []
    assert ids(claim(ledger, 111, token="second")) == [made]
    with ledger.write() as tx:
        polls.renew(tx, [(made, "poller")], at(112), LEASE)
    assert ids(claim(ledger, 172, token="third")) == [made], "a lease that was lost is not renewed"


def test_many_polls_are_written_together_and_each_only_under_its_lease(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = [feed(tx, f"https://paper-{number}.example/feed") for number in range(3)]
    claim(ledger)
    with ledger.write() as tx:
        polls.record(tx, made[2], "poller", {})
    assert ids(claim(ledger, 1, token="second")) == [made[2]]
    with ledger.write() as tx:
        polls.record_all(
            tx,
            [
                (made[2], "poller", {"due": at(300), "failures": 3}),
                (made[0], "poller", {"due": at(400), "failures": 1}),
                (made[1], "poller", {"due": at(500), "etag": '"x"'}),
            ],
        )
    assert [(shown(ledger, one).due, shown(ledger, one).failures) for one in made] == [
        (at(400), 1),
        (at(500), 0),
        (START, 0),
    ]
    assert shown(ledger, made[1]).etag == '"x"'


@pytest.mark.parametrize("count", [0, 1])
def test_there_may_be_nothing_to_take(ledger: Ledger, count: int) -> None:
    with ledger.write() as tx:
        many(tx, "paper.example", count, seconds=10)
        polls.renew(tx, [], START, LEASE)
        polls.record_all(tx, [])
    assert claim(ledger) == []
