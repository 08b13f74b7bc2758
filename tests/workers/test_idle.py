"""What `up --until-idle` waits for beside articles: looks at a storyline's pace, and sinks that answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from sqlalchemy import update

from pipeline import queues
from pipeline.alerts.delivery import BREAKER, wanted
from pipeline.ledger import Ledger, deliveries, events, sinks
from pipeline.ledger.deliveries import Outcome
from pipeline.ledger.schema import storylines
from pipeline.ledger.sinktables import deliveries as rows
from pipeline.records import Attempt
from tests.workers.wire import NOON, VERSION, embedded
from workers import idle
from workers.clusterer import Clusterer
from workers.idle import Standing
from workers.process import now


@pytest.fixture
def client(valkey: str) -> redis.Redis:
    return queues.connect(valkey)


@pytest.mark.parametrize(("seconds", "looks"), [(-1, 1), (2, 1), (600, 0)])
def test_a_look_that_comes_in_seconds_is_waited_for(
    ledger: Ledger, client: redis.Redis, seconds: int, looks: int
) -> None:
    embedded(ledger, 1, "flood", "Orsel")
    Clusterer(ledger, VERSION).step(NOON)
    with ledger.write() as tx:
        tx.execute(update(storylines).values(state_due=now() + timedelta(seconds=seconds)))
    assert idle.standing(ledger, client, NOON).looks == looks


def test_a_sink_is_waited_for_while_it_answers(ledger: Ledger, client: redis.Redis) -> None:
    with ledger.write() as tx:
        sink = sinks.add(tx, "desk", "webhook", "https://desk.example", NOON)
        events.append(tx, "storyline.grew", "storyline/1", 1, NOON, {})
        events.number(tx, 10)
    assert idle.standing(ledger, client, NOON).untold == 1, "not looked at yet"
    with ledger.write() as tx:
        deliveries.fill(tx, sinks.need(tx, "desk"), NOON, wanted)
    assert idle.standing(ledger, client, NOON).untold == 1, "waits to be sent"
    with ledger.write() as tx:
        sinks.save(tx, sink.id, {"failures": BREAKER})
    assert idle.standing(ledger, client, NOON).untold == 0, "nobody waits for one that does not answer"
    with ledger.write() as tx:
        sinks.save(tx, sink.id, {"failures": 0})
        tx.execute(update(rows).values(attempts=BREAKER))
    assert idle.standing(ledger, client, NOON).untold == 0, "nor for what is refused again and again"
    with ledger.write() as tx:
        tx.execute(update(rows).values(attempts=1))
        assert deliveries.hopeful(tx, sink.id, BREAKER) == 1
        done = [Outcome(one, Attempt(status=200), "done", NOON) for one in deliveries.queue(tx, sink.id)]
        deliveries.record(tx, sink.id, done, NOON)
    assert idle.standing(ledger, client, NOON).untold == 0


def test_idle_is_when_nothing_is_left_of_any_kind() -> None:
    names = ("feeds", "articles", "commands", "events", "unread", "looks", "untold")
    nothing = dict.fromkeys(names, 0)
    assert Standing(**nothing).idle
    assert [name for name in names if Standing(**{**nothing, name: 1}).idle] == []
