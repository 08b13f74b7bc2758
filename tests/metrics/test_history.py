"""The last hour, step by step: bounded, noted once, and honest about gaps and resets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline import history, metrics, queues, tally
from pipeline.errors import RedisError
from pipeline.history import STEP, STEPS, Sample
from pipeline.tally import Tally

NOW = datetime(2026, 11, 29, 14, 5, 1, tzinfo=UTC)


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    with contextlib.closing(redis.Redis.from_url(valkey)) as made:
        yield made


def noted(steps_ago: int, filed: int, waiting: int = 0) -> Sample:
    at = NOW.timestamp() - steps_ago * STEP
    return Sample(at, {"intake": 0, "fetch": 0, "embed": 0, "file": filed}, 0, {"queued": waiting})


def test_what_was_counted_becomes_rates_a_minute(client: redis.Redis) -> None:
    counted = Tally()
    counted.count(metrics.TAKEN_IN, 4, by="poll")
    counted.count(metrics.FETCHES, 3, outcome="fetched")
    counted.count(metrics.FETCHES, 5, outcome="host-booked")  # put back: nothing was done
    counted.count(metrics.EMBEDS, 2, outcome="embedded")
    counted.count(metrics.FILED, 1, kind="original")
    counted.count(metrics.FETCH_FAILURES, 6, class_="network")
    earlier = NOW - timedelta(seconds=STEP)
    history.keep(client, history.sample(tally.read(client), {"queued": 9}, earlier))
    counted.send(client)
    history.keep(client, history.sample(tally.read(client), {"queued": 2, "fetched": 1}, NOW))
    found = history.rates(history.recent(client), NOW)
    last = {stage: series[-1] for stage, series in found.done.items()}
    assert last == {"intake": 8.0, "fetch": 6.0, "embed": 4.0, "file": 2.0}
    assert (found.failed[-1], found.waiting[-2:]) == (12.0, [9, 3])
    assert found.done["file"][:-1] == [None] * (STEPS - 1)


def test_a_step_counts_once_and_an_hour_is_all_that_is_kept(client: redis.Redis) -> None:
    for ago in range(3 * STEPS, -1, -1):
        history.keep(client, noted(ago, filed=3 * STEPS - ago))
    history.keep(client, noted(0, filed=10_000))  # another janitor, a moment later
    assert client.hlen(queues.HISTORY) == STEPS + 1
    assert client.ttl(queues.HISTORY) > 0
    found = history.rates(history.recent(client), NOW)
    assert found.done["file"] == [2.0] * STEPS


def test_a_gap_and_a_new_beginning_are_no_rates() -> None:
    samples = [noted(9, 100), noted(8, 110), noted(3, 200), noted(2, 210), noted(1, 4), noted(0, 5)]
    found = history.rates(samples, NOW).done["file"]
    assert found[-9:] == [20.0, None, None, None, None, None, 20.0, None, 2.0]


def test_a_clock_that_is_set_back_leaves_no_steps_of_the_future(client: redis.Redis) -> None:
    history.keep(client, noted(-40, 7))
    history.keep(client, noted(0, 8))
    assert [one.done["file"] for one in history.recent(client)] == [8]


def test_what_others_wrote_there_is_passed_over(client: redis.Redis) -> None:
    client.hset(queues.HISTORY, mapping={"x": "no JSON", "1": '{"another": "release"}'})
    assert history.recent(client) == []
    history.keep(client, noted(0, 1))
    assert client.hlen(queues.HISTORY) == 1
    client.set(queues.HISTORY, "no hash")
    with pytest.raises(RedisError):
        history.keep(client, noted(0, 1))
    with pytest.raises(RedisError):
        history.recent(client)


def test_redis_being_away_is_told(tmp_path: object) -> None:
    away = redis.Redis(unix_socket_path=f"{tmp_path}/none.sock", retry=Retry(NoBackoff(), 0))
    with pytest.raises(RedisError):
        history.recent(away)
