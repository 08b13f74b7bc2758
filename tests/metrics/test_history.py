"""The last hour, step by step: bounded, noted once, and honest about gaps and resets."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline import history, metrics, queues, tally
from pipeline.errors import RedisError
from pipeline.history import STEP, STEPS, Sample
from pipeline.tally import Tally

NOW = datetime(2026, 11, 29, 14, 5, 1, tzinfo=UTC).timestamp()
NONE = dict.fromkeys(history.DONE, 0)


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    with contextlib.closing(redis.Redis.from_url(valkey)) as made:
        yield made


def noted(steps_ago: int, filed: int, waiting: int = 0, failed: int = 0) -> Sample:
    counts = {"fetch/network": failed} if failed else {}
    return Sample(NOW - steps_ago * STEP, NONE | {"file": filed}, counts, {"seen": [filed, 0, 0]}, waiting)


def test_what_was_counted_becomes_rates_a_minute(client: redis.Redis) -> None:
    counted = Tally()
    counted.count(metrics.TAKEN_IN, 4, by="poll")
    counted.count(metrics.FETCHES, 3, outcome="fetched")
    counted.count(metrics.FETCHES, 1, outcome="rejected")
    counted.count(metrics.FETCHES, 5, outcome="host-booked")  # put back: nothing was done
    counted.count(metrics.EMBEDS, 2, outcome="embedded")
    counted.count(metrics.FILED, 1, kind="original")
    counted.count(metrics.FETCH_FAILURES, 6, class_="network")
    counted.observe(metrics.JOURNEY_SECONDS, 1.5, 4, since="seen")
    history.keep(client, history.sample(tally.read(client), 9, NOW - STEP))
    counted.send(client)
    current = history.sample(tally.read(client), 3, NOW)
    history.keep(client, current)
    series, waiting = history.charted(history.recent(client), NOW)
    last = {name: values[-1] for name, values in series.items()}
    assert last == {"poll": 0, "intake": 8, "look": 8, "fetch": 6, "embed": 4, "file": 2, "publish": 0}
    assert waiting[-2:] == [9, 3]
    assert series["file"][:-1] == [None] * (STEPS - 1)
    samples = history.recent(client)
    assert history.present(samples, current) == last
    assert history.failures(samples, current) == {"fetch": {"network": 6}}
    hits = history.journeys(samples, current)["seen"]
    assert history.percentile(hits, metrics.JOURNEY_SECONDS.buckets, 0.5) == 1.5


def test_a_step_counts_once_and_an_hour_is_all_that_is_kept(client: redis.Redis) -> None:
    for ago in range(3 * STEPS, -1, -1):
        history.keep(client, noted(ago, filed=3 * STEPS - ago))
    history.keep(client, noted(0, filed=10_000))  # another janitor, a moment later
    assert client.hlen(queues.HISTORY) == STEPS + 1
    assert client.ttl(queues.HISTORY) > 0
    series, _ = history.charted(history.recent(client), NOW)
    assert series["file"] == [2.0] * STEPS


def test_a_gap_and_a_new_beginning_are_no_rates() -> None:
    samples = [noted(9, 100), noted(8, 110), noted(3, 200), noted(2, 210), noted(1, 4), noted(0, 5)]
    series, _ = history.charted(samples, NOW)
    assert series["file"][-9:] == [20.0, None, None, None, None, None, 20.0, None, 2.0]
    assert history.journeys(samples, samples[-1]) == {"seen": [1, 0, 0]}


def test_failures_are_those_of_the_last_hour() -> None:
    samples = [noted(3, 1, failed=40), noted(2, 2, failed=41), noted(1, 3, failed=45)]
    assert history.failures(samples, noted(0, 4, failed=47)) == {"fetch": {"network": 7}}
    assert history.failures([], noted(0, 4, failed=47)) == {}


def test_rates_of_now_are_of_the_last_minutes() -> None:
    samples = [noted(40, 0), noted(10, 1000), noted(5, 1025), noted(1, 1045)]
    assert history.present(samples, noted(0, 1050))["file"] == 10.0
    assert history.present([noted(40, 0)], noted(0, 1050)) == {}
    assert history.present([], noted(0, 1050)) == {}
    assert "file" not in history.present([noted(4, 2000)], noted(0, 1050))


@pytest.mark.parametrize(
    ("hits", "share", "seconds"),
    [
        ((10, 0, 0), 0.5, 0.5),
        ((10, 10, 0), 0.75, 1.5),
        ((0, 4, 0), 0.9, 1.9),
        ((1, 0, 9), 0.5, math.inf),
        ((0, 0, 0), 0.5, None),
    ],
)
def test_percentiles_come_from_buckets(hits: tuple[int, ...], share: float, seconds: float | None) -> None:
    assert history.percentile(hits, (1.0, 2.0), share) == seconds


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
