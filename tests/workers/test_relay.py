"""The relay: positions without gaps, stream ids that are positions, nothing lost or doubled, one at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.alerts.delivery import wanted
from pipeline.errors import RedisError
from pipeline.ledger import Ledger, cursors, deliveries, events, held, roles, sinks
from pipeline.ledger.deliveries import Outcome
from pipeline.ledger.schema import events as rows
from pipeline.queues import EVENTS
from pipeline.records import Attempt
from pipeline.settings import Settings
from tests.workers.wire import NOON, at, event_count, running
from workers.process import now
from workers.relay import BATCH, ROLE, Relay, last_published

DAY = 86_400


@pytest.fixture
def settings() -> Settings:
    return Settings(leader_seconds=10, event_retention_days=30)


def happen(ledger: Ledger, count: int, *, subject: str = "storyline/1", first: int = 1, seconds: float = 0) -> None:
    """Put events into the outbox, as the clusterer does."""
    with ledger.write() as tx:
        for sequence in range(first, first + count):
            events.append(tx, "storyline.grew", subject, sequence, at(seconds), {"number": sequence, "word": "città"})


def stream(client: redis.Redis) -> list[tuple[str, dict[str, str]]]:
    rows: Any = client.xrange(EVENTS)
    return [
        (stream_id.decode(), {name.decode(): value.decode() for name, value in entry.items()})
        for stream_id, entry in rows
    ]


def test_events_get_positions_without_gaps_and_go_out_under_them(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    happen(ledger, 2)
    happen(ledger, 1, subject="storyline/2")
    relay = Relay(settings, ledger, client)
    assert relay.step(NOON) == 3
    happen(ledger, 1, first=3)
    assert relay.step(at(1)) == 1
    assert relay.step(at(2)) == 0
    found = stream(client)
    assert [stream_id for stream_id, _ in found] == ["1-0", "2-0", "3-0", "4-0"]
    with ledger.read() as tx:
        kept = events.after(tx, 0, 10)
    assert [event.position for event in kept] == [1, 2, 3, 4]
    assert [entry["id"] for _, entry in found] == [event.id for event in kept]
    assert found[0][1] == {
        "id": kept[0].id,
        "type": "storyline.grew",
        "time": NOON.isoformat(),
        "subject": "storyline/1",
        "data": '{"number": 1, "word": "città", "sequence": 1}',
    }
    of_one = [json.loads(entry["data"])["sequence"] for _, entry in found if entry["subject"] == "storyline/1"]
    assert of_one == [1, 2, 3]


def test_more_than_a_batch_goes_out_in_order(sqlite_ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    happen(sqlite_ledger, BATCH + 20)
    relay = Relay(settings, sqlite_ledger, client)
    assert [relay.step(at(second)) for second in range(3)] == [BATCH, 20, 0]
    assert [stream_id for stream_id, _ in stream(client)] == [f"{n}-0" for n in range(1, BATCH + 21)]


def test_an_emptied_redis_gets_the_log_again_under_the_same_ids(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    happen(sqlite_ledger, 5)
    relay = Relay(settings, sqlite_ledger, client)
    relay.step(NOON)
    before = stream(client)
    client.flushall()
    happen(sqlite_ledger, 1, first=6)
    assert relay.step(at(1)) == 6
    assert stream(client)[:5] == before
    assert stream(client)[5][0] == "6-0"


def test_a_relay_killed_between_numbering_and_publishing_loses_and_doubles_nothing(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    happen(ledger, 3)
    with ledger.write() as tx:  # all that the killed one had committed
        roles.take(tx, ROLE, "killed", NOON, 10)
        events.number(tx, BATCH)
    happen(ledger, 1, first=4)
    following = Relay(settings, ledger, client)
    assert following.step(at(5)) == 0, "the claim of the killed one has not run out"
    assert following.step(at(11)) == 4
    assert following.step(at(12)) == 0
    assert [json.loads(entry["data"])["number"] for _, entry in stream(client)] == [1, 2, 3, 4]


def test_a_relay_killed_after_publishing_a_part_goes_on_behind_it(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    happen(sqlite_ledger, 4)
    Relay(settings, sqlite_ledger, client).step(NOON)
    whole = stream(client)
    client.delete(EVENTS)
    for stream_id, entry in whole[:2]:
        client.xadd(EVENTS, entry, id=stream_id)  # type: ignore[arg-type]
    assert Relay(settings, sqlite_ledger, client).step(at(11)) == 2
    assert stream(client) == whole


def test_one_is_active_and_the_other_takes_over_after_its_silence(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    first, second = Relay(settings, ledger, client), Relay(settings, ledger, client)
    happen(ledger, 1)
    assert first.step(NOON) == 1
    happen(ledger, 1, first=2)
    assert second.step(at(1)) == 0
    assert second.step(at(9.9)) == 0
    assert second.step(at(11)) == 1
    happen(ledger, 1, first=3)
    assert first.step(at(2)) == 0, "it still believes in its claim, but the numbering is fenced"
    assert first.step(at(12)) == 0
    with ledger.read() as tx:
        assert events.waiting(tx) == 1
    assert second.step(at(12)) == 1
    assert [stream_id for stream_id, _ in stream(client)] == ["1-0", "2-0", "3-0"]


def test_the_active_one_renews_its_claim(sqlite_ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    first, second = Relay(settings, sqlite_ledger, client), Relay(settings, sqlite_ledger, client)
    first.step(NOON)
    for second_passed in range(1, 40):
        first.step(at(second_passed))
        second.step(at(second_passed))
    happen(sqlite_ledger, 1)
    assert second.step(at(40)) == 0
    assert first.step(at(40)) == 1


def test_a_refused_batch_goes_out_when_the_reason_is_gone(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    happen(sqlite_ledger, 2)
    client.set(EVENTS, "somebody's key")
    relay = Relay(settings, sqlite_ledger, client)
    with pytest.raises(RedisError, match="slugline:events"):
        relay.step(NOON)
    client.delete(EVENTS)
    assert relay.step(at(1)) == 2


def test_the_stream_of_another_ledger_is_told_and_left_alone(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    client.xadd(EVENTS, {"id": "of another"}, id="7-0")
    happen(sqlite_ledger, 2)
    relay = Relay(settings, sqlite_ledger, client)
    with pytest.raises(RedisError, match=r"ends at 7, the ledger's events at 2: .*DEL slugline:events"):
        relay.step(NOON)
    assert len(stream(client)) == 1
    client.delete(EVENTS)
    assert relay.step(at(1)) == 2


def set_back(ledger: Ledger, position: int) -> None:
    """As a stand-by is that took over without the last transactions, or a backup that was put back."""
    with ledger.write() as tx:
        tx.execute(rows.delete().where(rows.c.position > position))


def test_a_ledger_that_was_set_back_gives_no_position_twice_and_loses_nothing_that_it_has(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    happen(ledger, 10)
    with ledger.write() as tx:
        desk = sinks.add(tx, "desk", "webhook", "https://desk.example", NOON)
        cursors.begin(tx, cursors.RULES)
    assert Relay(settings, ledger, client).step(NOON) == 10
    with ledger.write() as tx:
        cursors.move(tx, cursors.RULES, 9)
        deliveries.fill(tx, sinks.need(tx, "desk"), NOON, wanted)
    published = stream(client)
    set_back(ledger, 6)
    happen(ledger, 3, first=7, seconds=60)
    with ledger.write() as tx:
        events.number(tx, 2)  # an older release would have: 7 and 8 are in the stream as something else
    relay = Relay(settings, ledger, client)
    assert relay.step(at(60)) == 3
    assert relay.step(at(61)) == 0
    found = stream(client)
    assert found[:10] == published
    assert [stream_id for stream_id, _ in found[10:]] == ["11-0", "12-0", "13-0"]
    assert [json.loads(entry["data"])["sequence"] for _, entry in found[10:]] == [7, 8, 9]
    with ledger.write() as tx:
        assert cursors.position(tx, cursors.RULES) == 10
        deliveries.fill(tx, sinks.need(tx, "desk"), at(61), wanted)
        held = [one.event.position for one in deliveries.queue(tx, desk.id)]
    assert held == [1, 2, 3, 4, 5, 6, 11, 12, 13]


def test_what_was_held_back_for_a_sink_is_told_in_order_after_its_ledger_was_set_back(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    with ledger.write() as tx:
        desk = sinks.add(tx, "desk", "webhook", "https://desk.example", NOON)
    happen(ledger, 10)
    Relay(settings, ledger, client).step(NOON)
    with ledger.write() as tx:
        deliveries.fill(tx, desk, NOON, wanted)
        refused = Attempt(status=500, error="it answered 500")
        deliveries.record(tx, desk.id, [Outcome(deliveries.queue(tx, desk.id)[0], refused, "waiting", NOON)], NOON)
        deliveries.fill(tx, sinks.need(tx, "desk"), NOON, wanted)
        assert [(one.position, one.events) for one in held.listed(tx, desk.id)] == [(6, 5)]
    set_back(ledger, 8)
    happen(ledger, 2, first=9, seconds=60)
    assert Relay(settings, ledger, client).step(at(60)) == 2
    with ledger.read() as tx:
        assert [(one.position, one.events) for one in held.listed(tx, desk.id)] == [(6, 3)]
    told: list[int] = []
    while True:
        with ledger.write() as tx:
            deliveries.fill(tx, sinks.need(tx, "desk"), at(61), wanted)
            waiting = deliveries.queue(tx, desk.id)
            if not waiting:
                break
            deliveries.record(tx, desk.id, [Outcome(waiting[0], Attempt(status=204), "done", at(61))], at(61))
        told.append(waiting[0].event.position or 0)
    assert told == [1, 2, 3, 4, 5, 6, 7, 8, 11, 12]
    with ledger.read() as tx:
        assert held.listed(tx, desk.id) == []


def test_one_that_was_set_back_and_has_nothing_new_yet_remembers_where_to_go_on(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    happen(ledger, 5)
    Relay(settings, ledger, client).step(NOON)
    set_back(ledger, 2)
    relay = Relay(settings, ledger, client)
    assert relay.step(at(60)) == 0
    happen(ledger, 1, first=3)
    assert relay.step(at(61)) == 1
    assert [stream_id for stream_id, _ in stream(client)][-1] == "6-0"


def test_what_was_withdrawn_from_the_end_of_the_stream_is_no_ledger_that_was_set_back(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    happen(sqlite_ledger, 3)
    Relay(settings, sqlite_ledger, client).step(NOON)
    client.xdel(EVENTS, "3-0")
    happen(sqlite_ledger, 1, first=4)
    assert Relay(settings, sqlite_ledger, client).step(at(60)) == 1
    assert [stream_id for stream_id, _ in stream(client)] == ["1-0", "2-0", "4-0"]


def test_old_events_leave_the_ledger_and_the_stream(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    relay = Relay(settings, ledger, client)
    happen(ledger, 3, seconds=0)
    happen(ledger, 2, first=4, seconds=20 * DAY)
    relay.step(at(20 * DAY))
    assert len(stream(client)) == 5
    relay.step(at(31 * DAY))
    assert [stream_id for stream_id, _ in stream(client)] == ["4-0", "5-0"]
    assert event_count(ledger) == 2
    relay.step(at(90 * DAY))
    assert event_count(ledger) == 1, "the newest holds the numbering"
    happen(ledger, 1, first=6, seconds=90 * DAY)
    assert relay.step(at(90 * DAY + 1)) == 1
    assert stream(client)[-1][0] == "6-0"


def test_expiry_goes_on_at_once_while_there_is_more_than_a_batch_of_it(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    happen(sqlite_ledger, 2 * BATCH + 1)
    relay = Relay(settings, sqlite_ledger, client)
    for second in range(3):
        relay.step(at(second))
    for second in range(3):
        relay.step(at(40 * DAY + second))
    assert event_count(sqlite_ledger) == 1
    assert len(stream(client)) == 1


def test_the_end_of_the_stream_is_known_after_everything_in_it_was_trimmed(client: redis.Redis) -> None:
    assert last_published(client) == 0
    client.xadd(EVENTS, {"id": "x"}, id="12-0")
    client.xtrim(EVENTS, maxlen=0, approximate=False)
    assert last_published(client) == 12


def test_an_idle_relay_writes_nothing(sqlite_ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    relay = Relay(settings, sqlite_ledger, client)
    with sqlite_ledger.read():  # so that two connections are open: a new one would need the write lock once
        relay.step(NOON)
    with sqlite_ledger.write():  # a step that wanted the write lock would wait for this for half a minute
        assert relay.step(at(1)) == 0


def test_run_waits_out_a_dead_redis_and_hands_the_role_over_when_it_stops(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings, tmp_path: Path
) -> None:
    happen(sqlite_ledger, 1)
    dead = redis.Redis(unix_socket_path=str(tmp_path / "nobody"), retry=Retry(NoBackoff(), 0))
    with running(Relay(settings, sqlite_ledger, dead).run):
        for _ in range(2000):
            with sqlite_ledger.read() as tx:
                if not events.waiting(tx):
                    break
        else:
            pytest.fail("it numbered nothing")
    assert Relay(settings, sqlite_ledger, client).step(now()) == 1, "the role was handed over at once"


def test_a_stream_that_is_emptied_in_the_wrong_moment_is_filled_from_its_beginning(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay(settings, sqlite_ledger, client)
    happen(sqlite_ledger, 3)
    assert relay.step(at(0)) == 3
    happen(sqlite_ledger, 2, first=4)
    after = events.after

    def emptied(*given: Any) -> Any:
        monkeypatch.setattr(events, "after", after)
        client.flushall()  # between the look at the stream's end and what is added to it
        return after(*given)

    monkeypatch.setattr(events, "after", emptied)
    assert relay.step(at(1)) == 0
    assert relay.step(at(2)) == 5
    assert [stream_id for stream_id, _ in stream(client)] == [f"{position}-0" for position in range(1, 6)]
