"""A host is asked at its pace, whoever asks; what would have to wait too long is not booked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from pipeline.ledger import Ledger, hosts, work
from tests.ledger.making import START, at, host, queued

SPACING, PATIENCE = 1.0, 3.0


@pytest.fixture
def tx(ledger: Ledger) -> Iterator[Connection]:
    with ledger.write() as opened:
        yield opened


def ask(tx: Connection, seconds: float = 0, key: str = "paper.example") -> float | None:
    return hosts.reserve_request(tx, key, at(seconds), SPACING, PATIENCE)


def test_requests_are_spaced(tx: Connection) -> None:
    host(tx)
    assert [ask(tx) for _ in range(3)] == [0.0, 1.0, 2.0]
    assert ask(tx, 2.5) == pytest.approx(0.5)
    assert ask(tx, 60) == 0.0


def test_beyond_patience_nothing_is_booked(tx: Connection) -> None:
    host(tx)
    assert [ask(tx) for _ in range(5)] == [0.0, 1.0, 2.0, 3.0, None]
    assert ask(tx) is None
    assert ask(tx, 1.0) == 3.0


def test_hosts_are_independent(tx: Connection) -> None:
    host(tx)
    host(tx, "other.example")
    assert (ask(tx), ask(tx, key="other.example")) == (0.0, 0.0)


def test_a_host_that_has_no_row_yet_gets_one(tx: Connection) -> None:
    assert [ask(tx, key="new.example"), ask(tx, key="new.example")] == [0.0, 1.0]


def test_ensuring_again_keeps_what_is_booked(tx: Connection) -> None:
    host(tx)
    ask(tx)
    host(tx)
    assert ask(tx) == 1.0


def test_a_host_that_asked_to_be_left_alone_is(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, "https://paper.example/one")
    with ledger.write() as tx:
        hosts.hold_off(tx, "paper.example", at(120))
        assert ask(tx, 60) is None
        assert work.due_for_fetch(tx, at(119), 10) == []
        assert work.due_for_fetch(tx, at(120), 10) == [(article_id, "paper.example")]


def test_holding_off_never_brings_the_next_moment_nearer(tx: Connection) -> None:
    host(tx)
    hosts.hold_off(tx, "paper.example", at(120))
    hosts.hold_off(tx, "paper.example", at(60))
    assert ask(tx, 118) == 2.0


def test_a_host_that_was_handed_out_is_not_handed_out_again_at_once(ledger: Ledger) -> None:
    queued(ledger, "https://paper.example/one", "https://other.example/two")
    with ledger.write() as tx:
        hosts.reserve_handout(tx, ["paper.example"], at(1))
        hosts.reserve_handout(tx, [], at(100))
        assert [key for _, key in work.due_for_fetch(tx, START, 10)] == ["other.example"]
        assert len(work.due_for_fetch(tx, at(1), 10)) == 2


def test_robots_are_kept_while_they_are_fresh(tx: Connection) -> None:
    assert hosts.robots(tx, "paper.example", START) is None
    host(tx)
    assert hosts.robots(tx, "paper.example", START) is None
    hosts.keep_robots(tx, "paper.example", "", at(60))
    assert hosts.robots(tx, "paper.example", at(59)) == ""  # asked for, and there is none
    hosts.keep_robots(tx, "paper.example", "User-agent: *", at(120))
    assert hosts.robots(tx, "paper.example", at(119)) == "User-agent: *"
    assert hosts.robots(tx, "paper.example", at(120)) is None
