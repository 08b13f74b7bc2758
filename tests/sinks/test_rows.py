"""A sink costs a bounded number of rows, says what it lost, and is told again when its cursor is set back."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import event as listening

from pipeline.alerts.delivery import wanted
from pipeline.ledger import Ledger, connect, deliveries, events, sinks
from pipeline.ledger.deliveries import KEPT_DONE, WINDOW, Outcome
from pipeline.records import Attempt
from tests.ledger.making import START

LATER = START + timedelta(days=40)


def test_rows_are_bounded_lost_events_are_counted_and_a_replay_tells_them_again(ledger: Ledger) -> None:
    with ledger.write() as tx:
        sink = sinks.add(tx, "desk", "webhook", "https://desk.example", START)
        for number in range(1, WINDOW + 101):
            events.append(tx, "storyline.grew", f"storyline/{number % 7}", number, START, {})
        events.number(tx, 10_000)
    with ledger.write() as tx:
        assert deliveries.fill(tx, sink, START, wanted) == (WINDOW, 0)
        assert deliveries.fill(tx, sinks.need(tx, "desk"), START, wanted) == (0, 0)
        held = deliveries.queue(tx, sink.id)
        assert [one.event.position for one in held] == list(range(1, WINDOW + 1))
        done = [Outcome(one, Attempt(status=200), "done", START) for one in held]
        deliveries.record(tx, sink.id, done, START)
        assert deliveries.waiting(tx, sink.id) == 0
        assert len(deliveries.listed(tx, 1000, sink_id=sink.id)) == KEPT_DONE
    with ledger.write() as tx:
        sinks.rewind(tx, sinks.need(tx, "desk"), 10, wanted)
        events.expire(tx, LATER, 20)
        filled, lost = deliveries.fill(tx, sinks.need(tx, "desk"), LATER, wanted)
        assert (filled, lost, sinks.need(tx, "desk").lost) == (WINDOW, 10, 10)
        assert deliveries.give_up(tx, sink.id, LATER, LATER) == WINDOW
        assert deliveries.replay_dead(tx, sink.id, LATER) == WINDOW
        sinks.remove(tx, sink.id)
        assert deliveries.listed(tx, 10) == []


def test_an_event_published_while_a_sink_is_looked_after_is_not_taken_for_dropped(postgres_url: str) -> None:
    """On PostgreSQL each statement of a writer sees what others committed before it."""
    with closing(connect(postgres_url)) as ledger, closing(connect(postgres_url)) as relay:
        numbers = count(1)

        def publish(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if "position >" not in statement:  # the look at the log, which finds nothing
                return
            with relay.write() as tx:
                events.append(tx, "storyline.grew", "storyline/1", next(numbers), START, {})
                events.number(tx, 10)

        with ledger.write() as tx:
            sink = sinks.add(tx, "desk", "webhook", "https://desk.example", START)
            listening.listen(ledger.engine, "after_cursor_execute", publish)
            deliveries.fill(tx, sink, START, wanted)
            listening.remove(ledger.engine, "after_cursor_execute", publish)
        published = next(numbers) - 1
        assert published
        with ledger.write() as tx:
            while deliveries.fill(tx, sinks.need(tx, "desk"), START, wanted)[0]:
                pass
            assert [one.event.position for one in deliveries.queue(tx, sink.id)] == list(range(1, published + 1))
            assert sinks.need(tx, "desk").lost == 0


def test_what_waits_for_a_sink_is_due_as_soon_as_it_is_resumed(ledger: Ledger) -> None:
    with ledger.write() as tx:
        sink = sinks.add(tx, "desk", "webhook", "https://desk.example", START)
        events.append(tx, "storyline.grew", "storyline/1", 1, START, {})
        events.number(tx, 1)
        deliveries.fill(tx, sink, START, wanted)
        (one,) = deliveries.queue(tx, sink.id)
        refused = Outcome(one, Attempt(status=500, error="it answered 500"), "waiting", START + timedelta(hours=1))
        deliveries.record(tx, sink.id, [refused], START)
        sinks.set_state(tx, sink.id, "paused", "")
        assert deliveries.next_due(tx, sink.id) == (START + timedelta(hours=1), START)
        sinks.set_state(tx, sink.id, "active", "")
        assert deliveries.next_due(tx, sink.id) == (START, START)
