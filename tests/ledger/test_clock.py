"""A clock that was ahead and is set right must not leave the wire waiting for as long as it was ahead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.alerts.delivery import wanted
from pipeline.ledger import Ledger, clock, deliveries, events, hosts, roles, sinks, work
from pipeline.ledger.schema import articles as article_rows
from pipeline.ledger.schema import feeds as feed_rows
from pipeline.ledger.schema import roles as role_rows
from tests.ledger.making import LEASE, START, at, claimed, feed, host, queued, row

AHEAD = 900.0  # seconds
CLAIM = timedelta(seconds=LEASE)


def set_back(ledger: Ledger) -> int:
    """The clock was `AHEAD` until now, which is `START`."""
    with ledger.write() as tx:
        clock.note(tx, "here", at(AHEAD))
        by = clock.note(tx, "here", START)
        assert by is not None
        return clock.bring_forward(tx, START, by, CLAIM)


def test_a_machine_that_got_earlier_is_told_by_how_much(ledger: Ledger) -> None:
    with ledger.write() as tx:
        assert clock.note(tx, "a", at(AHEAD)) is None
        assert clock.note(tx, "b", START) is None, "another machine's clock is its own"
        assert clock.note(tx, "a", START) == timedelta(seconds=AHEAD)
        assert clock.note(tx, "a", START) is None
        assert clock.note(tx, "a", at(-2)) is None, "so little is waited out"


def test_notes_of_machines_that_are_gone_go_as_well(ledger: Ledger) -> None:
    with ledger.write() as tx:
        clock.note(tx, "gone", START)
        clock.note(tx, "here", at(8 * 86_400))
        kept = tx.execute(select(role_rows.c.name)).scalars().all()
    assert kept == ["clock of here"]


def test_what_was_due_by_the_wrong_clock_is_due_by_the_right_one(ledger: Ledger) -> None:
    now, later = queued(ledger, "https://a.example/1", "https://a.example/2")
    with ledger.write() as tx:
        feed(tx)
        for article, due in ((now, AHEAD - 5), (later, AHEAD + 60)):
            tx.execute(article_rows.update().where(article_rows.c.id == article).values(due=at(due)))
        tx.execute(feed_rows.update().values(due=at(AHEAD + 300.25)))
    assert set_back(ledger) == 3
    assert row(ledger, now)["due"] == START
    assert row(ledger, later)["due"] == at(60)
    with ledger.read() as tx:
        assert tx.execute(select(feed_rows.c.due)).scalar() == at(300.25)


def test_what_has_ended_stays_as_it_is(ledger: Ledger) -> None:
    (article,) = queued(ledger, "https://a.example/1")
    with ledger.write() as tx:
        tx.execute(article_rows.update().values(state="dead", due=at(AHEAD)))
    assert set_back(ledger) == 0
    assert row(ledger, article)["due"] == at(AHEAD)


def test_a_booked_host_is_free_again(ledger: Ledger) -> None:
    with ledger.write() as tx:
        host(tx)
        assert hosts.reserve_request(tx, "paper.example", at(AHEAD), 1.0, 3.0) == 0
    set_back(ledger)
    with ledger.write() as tx:
        assert hosts.reserve_request(tx, "paper.example", START, 1.0, 3.0) == pytest.approx(1.0)


def test_claims_do_not_outlast_a_lease(ledger: Ledger) -> None:
    ids = queued(ledger, "https://a.example/1")
    claimed(ledger, *ids, seconds=AHEAD)
    with ledger.write() as tx:
        assert roles.take(tx, "relay", "one", at(AHEAD), 6.0) is not None
        assert roles.take(tx, "relay", "two", START, 6.0) is None
    set_back(ledger)
    with ledger.write() as tx:
        assert not work.stale(tx, at(LEASE - 1), 10)
        assert [one.id for one in work.stale(tx, at(LEASE + 1), 10)] == ids
        assert roles.take(tx, "relay", "two", at(LEASE + 1), 6.0) is not None


def test_a_sink_rests_no_longer_and_what_waits_for_it_is_due(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = sinks.add(tx, "desk", "webhook", "https://desk.example", at(AHEAD))
        events.append(tx, "storyline.grew", "storyline/1", 1, at(AHEAD), {})
        events.number(tx, 1)
        deliveries.fill(tx, sinks.need(tx, "desk"), at(AHEAD), wanted)
        sinks.save(tx, made.id, {"rest_until": at(AHEAD + 30)})
    set_back(ledger)
    with ledger.read() as tx:
        assert sinks.need(tx, "desk").rest_until == at(30)
        assert deliveries.next_due(tx, made.id) == (START, at(AHEAD))
