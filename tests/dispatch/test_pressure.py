"""What is short holds the wire back: decided from a reading, told to all processes, heeded by whoever hands out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from rq import Worker
from rq.serializers import JSONSerializer
from sqlalchemy import update

from pipeline import pressure, queues
from pipeline.dispatch import BEHIND, URGENT, dispatch
from pipeline.errors import RedisError
from pipeline.ledger import Ledger, articles, waiting
from pipeline.ledger.schema import articles as table
from pipeline.pressure import Hold, Reading
from pipeline.queues import BACKFILL, EMBED, FETCH
from pipeline.records import Entry
from pipeline.settings import Settings
from tests.ledger.making import START, at, fetched, queued

MINUTE = 60.0


def decided(reading: Reading, settings: Settings) -> dict[str, dict[str, float]]:
    return {hold.limit: dict(hold.stages) for hold in pressure.holds(reading, settings, START)}


def test_nothing_is_held_while_all_is_well(settings: Settings) -> None:
    reading = Reading(ages={"queued": 10 * MINUTE}, memory=0.5, disk=10**12, write=0.01)
    assert decided(reading, settings) == {}
    assert decided(Reading(ages={}), settings) == {}, "what could not be measured holds nothing"


@pytest.mark.parametrize(
    ("reading", "limit", "poll", "fetch", "embed"),
    [
        (Reading(ages={"queued": 30 * MINUTE}), "backlog", 0.129, 0, 0),
        (Reading(ages={"queued": 999 * MINUTE}), "backlog", 0.9, 0, 0),
        (Reading(ages={"fetched": 999 * MINUTE}), "backlog", 0.9, 1, 0),
        (Reading(ages={}, memory=0.825), "redis-memory", 0, 0.5, 0.5),
        (Reading(ages={}, memory=0.95), "redis-memory", 0, 1, 1),
        (Reading(ages={}, disk=750_000_000), "disk", 0.5, 0.5, 0),
        (Reading(ages={}, disk=400_000_000), "disk", 1, 1, 0),
        (Reading(ages={}, write=5.5), "database", 0.45, 0.45, 0),
        (Reading(ages={}, write=60.0), "database", 0.9, 0.9, 0),
    ],
)
def test_each_limit_presses_where_it_helps(
    reading: Reading, limit: str, poll: float, fetch: float, embed: float, settings: Settings
) -> None:
    (found,) = pressure.holds(reading, settings, START)
    assert found.limit == limit
    pressed = [pressure.at([found], stage) for stage in pressure.STAGES]
    assert pressed == [pytest.approx(poll, abs=0.001), pytest.approx(fetch, abs=0.001), pytest.approx(embed, abs=0.001)]


def test_a_hold_keeps_its_beginning(settings: Settings) -> None:
    short = Reading(ages={}, disk=0)
    first = pressure.holds(short, settings, START)
    (again,) = pressure.holds(short, settings, at(60), first)
    assert again.since == START
    assert pressure.holds(Reading(ages={}), settings, at(90), [again]) == []


def test_rooms_and_polls_under_pressure() -> None:
    assert [pressure.room(32, much) for much in (0.0, 0.5, 0.99, 1.0)] == [32, 16, 1, 0]
    assert [pressure.stretched(60, much) for much in (0.0, 0.5, 1.0)] == [60, 120, pytest.approx(600)]


def test_everybody_reads_what_holds(client: redis.Redis) -> None:
    assert pressure.current(client) == []
    held = [Hold("disk", "there is little room", START, {"poll": 1.0, "fetch": 1.0})]
    pressure.keep(client, held)
    assert pressure.current(client) == held
    assert 0 < int(client.ttl(queues.HOLDS)) <= pressure.KEPT_SECONDS, "without a janitor nothing is held for long"


def test_a_reading_of_this_machine(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    found = pressure.measure(ledger, client, settings, START, 0.1)
    assert found.memory is not None
    assert 0 < found.memory < 1
    assert found.disk is not None
    assert found.disk > 0
    assert (found.ages, found.write) == ({}, 0.1)


def test_the_age_of_what_waits(ledger: Ledger) -> None:
    queued(ledger, *(f"https://host-{number}.example/" for number in range(3)))
    with ledger.write() as tx:
        entries = [Entry(key="old", url="https://old.example/"), Entry(key="older", url="https://older.example/")]
        articles.record_entries(tx, entries, at(-3600), backfill=True)
    with ledger.read() as tx:
        assert waiting.ages(tx, at(100), tolerated=0) == {"queued": 100}, "what is no news does not press"
        assert waiting.ages(tx, at(100), tolerated=2) == {"queued": 100}
        assert waiting.ages(tx, at(100), tolerated=3) == {}
        assert waiting.ages(tx, at(-1), tolerated=0) == {}, "what is not due yet does not wait"
    fetched(ledger, "https://read.example/")
    with ledger.read() as tx:
        assert set(waiting.ages(tx, at(500), tolerated=0)) == {"queued", "fetched"}


def test_less_is_handed_out_under_pressure(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    queued(ledger, *(f"https://host-{number}.example/" for number in range(9)))
    pressure.keep(client, [Hold("redis-memory", "full", START, {"fetch": 1.0, "embed": 1.0})])
    assert dispatch(ledger, client, settings, START) == 0
    pressure.keep(client, [Hold("backlog", "long", START, {"fetch": 0.6})])
    assert dispatch(ledger, client, settings, START) == 2, "one job of three"
    pressure.keep(client, [])
    assert dispatch(ledger, client, settings, at(2)) == 4


def test_a_redis_that_is_full_takes_no_jobs_and_nothing_is_lost(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    queued(ledger, "https://one.example/")
    with full(client), pytest.raises(RedisError):
        dispatch(ledger, client, settings, START)
    assert queues.depth(client, FETCH) == 0


@contextmanager
def full(client: redis.Redis) -> Iterator[None]:
    client.config_set("maxmemory", "1")
    try:
        yield
    finally:
        client.config_set("maxmemory", "0")


@contextmanager
def listening(client: redis.Redis, name: str) -> Iterator[None]:
    worker = Worker([queues.queue(client, name)], connection=client, serializer=JSONSerializer)
    worker.register_birth()
    try:
        yield
    finally:
        worker.register_death()


def late(ledger: Ledger, count: int) -> None:
    with ledger.write() as tx:
        entries = [Entry(key=str(number), url=f"https://late-{number}.example/") for number in range(count)]
        articles.record_entries(tx, entries, START, backfill=True)


def test_what_is_no_news_has_its_own_queue(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    late(ledger, 10)
    queued(ledger, "https://one.example/", "https://two.example/")
    with listening(client, BACKFILL):
        assert dispatch(ledger, client, settings, START) == 2 + 6
        assert (queues.depth(client, FETCH), queues.depth(client, BACKFILL)) == (1, 3)
        assert dispatch(ledger, client, settings, at(2), full_only=True) == 0, "that is for the janitor"


def test_without_workers_of_its_own_a_little_of_it_goes_behind_the_news(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    settings = settings.model_copy(update={"queue_jobs": 20})
    late(ledger, 30)
    queued(ledger, "https://one.example/", "https://two.example/")
    assert dispatch(ledger, client, settings, START) == 2 + 2 * (BEHIND - 1)
    assert (queues.depth(client, FETCH), queues.depth(client, BACKFILL)) == (BEHIND, 0)


def test_texts_that_are_no_news_come_behind_the_others(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    settings = settings.model_copy(update={"queue_jobs": 20})
    late(ledger, 40)
    with ledger.write() as tx:
        tx.execute(update(table).values(state="fetched"))
    news = [fetched(ledger, f"https://news-{number}.example/") for number in range(4)]
    assert dispatch(ledger, client, settings, at(5)) == 2 * BEHIND
    assert [job.args[1] for job in queues.queue(client, EMBED).jobs][:2] == [news[:2], news[2:]]


def test_what_is_pushed_goes_to_the_front(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    queued(ledger, *(f"https://host-{number}.example/" for number in range(9)))
    assert dispatch(ledger, client, settings, START) == 6
    with ledger.write() as tx:
        articles.record_entries(
            tx, [Entry(key="now", url="https://pushed.example/", published=START)], START, pushed=True
        )
    assert dispatch(ledger, client, settings, at(1), full_only=True) == 1, "though the queue is full"
    first, *others = queues.queue(client, FETCH).jobs
    assert len(first.args[1]) == 1
    assert len(others) == settings.queue_jobs <= settings.queue_jobs + URGENT
