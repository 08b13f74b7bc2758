"""Nothing moves although something waits: told once, and once when it is over."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from pipeline.ledger import Ledger, articles, events, hosts
from pipeline.ledger.schema import articles as article_table
from pipeline.records import Event
from tests.alerts.schemas import check
from tests.workers.wire import NOON, at
from workers.stall import Watch

MINUTE = 60


def told(ledger: Ledger) -> list[Event]:
    with ledger.write() as tx:
        events.number(tx, 100)
        found = events.after(tx, 0, 100)
    check(found)
    return found


def wait(watch: Watch, start: float, minutes: float) -> float:
    """Look every 30 seconds; returns the second at which the next look is due."""
    for half in range(int(minutes * 2) + 1):
        watch.look(at(start + half * 30))
    return start + (int(minutes * 2) + 1) * 30


def take_in(ledger: Ledger, number: int, seconds: float = 0) -> int:
    with ledger.write() as tx:
        made, _ = articles.record_url(tx, f"https://host{number}.example/1", at(seconds))
    return made


def set_state(ledger: Ledger, article: int, state: str) -> None:
    with ledger.write() as tx:
        tx.execute(update(article_table).where(article_table.c.id == article).values(state=state))


@pytest.fixture
def watch(ledger: Ledger) -> Watch:
    return Watch(ledger, 10 * MINUTE)


def test_a_stall_is_told_once_and_its_end_too(ledger: Ledger, watch: Watch) -> None:
    article = take_in(ledger, 1)
    second = wait(watch, 0, 9)
    assert told(ledger) == []
    second = wait(watch, second, 20)
    (stalled,) = told(ledger)
    assert (stalled.type, stalled.subject) == ("pipeline.stalled", "pipeline")
    assert stalled.data == {"since": NOON.isoformat(), "waiting": {"queued": 1, "fetched": 0, "embedded": 0}}
    set_state(ledger, article, "fetched")
    wait(watch, second, 5)
    assert [event.type for event in told(ledger)[1:]] == ["pipeline.recovered"]


def test_that_feeds_bring_more_is_no_movement(ledger: Ledger, watch: Watch) -> None:
    take_in(ledger, 1)
    for number in range(25):
        take_in(ledger, number + 2, number * 30)
        watch.look(at(number * 30))
    assert [event.type for event in told(ledger)] == ["pipeline.stalled"]


def test_what_moves_slowly_is_no_stall(ledger: Ledger, watch: Watch) -> None:
    waiting = [take_in(ledger, number) for number in range(5)]
    second = 0.0
    for article in waiting[:4]:
        second = wait(watch, second, 8)
        set_state(ledger, article, "rejected")
    assert told(ledger) == []


def test_an_idle_pipeline_and_one_that_waits_for_hosts_do_not_stall(ledger: Ledger, watch: Watch) -> None:
    second = wait(watch, 0, 15)
    take_in(ledger, 1, second)
    with ledger.write() as tx:
        hosts.hold_off(tx, "host1.example", at(86_400))
    wait(watch, second, 30)
    assert told(ledger) == []


def test_a_machine_that_slept_tells_of_no_stall(ledger: Ledger, watch: Watch) -> None:
    take_in(ledger, 1)
    second = wait(watch, 0, 5)
    second = wait(watch, second + 8 * 3600, 9)
    assert told(ledger) == []
    wait(watch, second, 3)
    assert len(told(ledger)) == 1
