"""Counting from many processes at once: nothing lost, only declared series, and no failure that reaches the work."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline import metrics, queues, tally
from pipeline.errors import RedisError
from pipeline.tally import Tally

ROOT = Path(__file__).resolve().parents[2]
COUNTING = """
import os, sys, redis
from pipeline import metrics
from pipeline.tally import Tally
url, children, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for _ in range(children):
    if not os.fork():
        client = redis.Redis.from_url(url)
        for _ in range(jobs):
            batch = Tally()
            batch.count(metrics.FETCHES, 2, outcome="fetched")
            batch.observe(metrics.STAGE_SECONDS, 0.5, stage="fetch")
            assert batch.send(client)
        os._exit(0)
for _ in range(children):
    os.wait()
"""


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    with contextlib.closing(redis.Redis.from_url(valkey)) as made:
        yield made


@pytest.fixture
def away(tmp_path: Path) -> redis.Redis:
    return redis.Redis(unix_socket_path=f"{tmp_path}/none.sock", retry=Retry(NoBackoff(), 0))


def test_forked_processes_lose_nothing(valkey: str, client: redis.Redis) -> None:
    arguments = [sys.executable, "-c", COUNTING, valkey, "4", "25"]
    subprocess.run(arguments, check=True, cwd=ROOT, timeout=60)
    found = tally.read(client)
    assert found.counters[metrics.FETCHES][("fetched",)] == 200
    spread = found.histograms[metrics.STAGE_SECONDS][("fetch",)]
    assert sum(spread.hits) == 100
    assert spread.total == pytest.approx(50.0)


def test_a_batch_is_one_transaction(client: redis.Redis) -> None:
    batch = Tally()
    batch.count(metrics.POLLS, outcome="read")
    batch.observe(metrics.STAGE_SECONDS, 0.02, stage="poll")
    before = client.info("commandstats")
    assert batch.send(client)
    after = client.info("commandstats")

    def calls(stats: object, name: str) -> int:
        assert isinstance(stats, dict)
        return int(stats.get(f"cmdstat_{name}", {}).get("calls", 0))

    assert calls(after, "exec") - calls(before, "exec") == 1
    assert calls(after, "hincrby") - calls(before, "hincrby") == 2
    assert calls(after, "hincrbyfloat") - calls(before, "hincrbyfloat") == 1


def test_a_bound_belongs_to_its_bucket_and_what_is_beyond_to_the_last(client: redis.Redis) -> None:
    batch = Tally()
    for value in (-3.0, 0.005, 0.0051, 20.0, 1e9):
        batch.observe(metrics.STAGE_SECONDS, value, stage="file")
    batch.send(client)
    spread = tally.read(client).histograms[metrics.STAGE_SECONDS][("file",)]
    assert spread.hits[0] == 2
    assert spread.hits[1] == 1
    assert spread.hits[-2:] == (1, 1)
    assert len(spread.hits) == len(metrics.STAGE_SECONDS.buckets) + 1


def test_what_was_not_foreseen_is_other_and_makes_no_series(client: redis.Redis) -> None:
    batch = Tally()
    for number in range(500):
        batch.count(metrics.REJECTED, reason=f"host{number}.example said no")
        batch.count(metrics.DEAD, stage="fetch", class_=f"class {number}")
    batch.send(client)
    assert client.hlen(queues.TALLIES) == 2
    found = tally.read(client)
    assert found.counters[metrics.REJECTED][("other",)] == 500
    assert found.counters[metrics.DEAD][("fetch", "other")] == 500


def test_without_redis_nothing_is_raised_and_nothing_lost(away: redis.Redis, client: redis.Redis) -> None:
    batch = Tally()
    batch.count(metrics.FILED, 3, kind="original")
    batch.observe(metrics.JOURNEY_SECONDS, 4.0, since="seen")
    batch.moved("clusterer", 100.0)
    assert not batch.send(away)
    batch.count(metrics.FILED, kind="original")
    batch.moved("clusterer", 200.0)
    assert batch.send(client)
    assert batch.send(client)  # nothing goes out twice
    found = tally.read(client)
    assert found.counters[metrics.FILED][("original",)] == 4
    assert found.histograms[metrics.JOURNEY_SECONDS][("seen",)].total == 4.0
    assert found.progress == {"clusterer": 200.0}


def test_a_hash_of_somebody_else_does_no_harm(client: redis.Redis) -> None:
    client.set(queues.TALLIES, "no hash at all")
    batch = Tally()
    batch.count(metrics.PUBLISHED)
    assert not batch.send(client)
    with pytest.raises(RedisError, match="does not say what was counted"):
        tally.read(client)
    client.delete(queues.TALLIES)
    client.hset(queues.TALLIES, mapping={"slugline_gone_total": 7, metrics.PUBLISHED.name: "many"})
    assert tally.read(client).counters[metrics.PUBLISHED][()] == 0


def test_after_redis_lost_everything_counting_begins_anew(client: redis.Redis) -> None:
    batch = Tally()
    batch.count(metrics.PUBLISHED, 9)
    batch.send(client)
    client.flushall()
    batch.count(metrics.PUBLISHED, 2)
    batch.send(client)
    assert tally.read(client).counters[metrics.PUBLISHED][()] == 2


def test_reading_raises_without_redis(away: redis.Redis) -> None:
    with pytest.raises(RedisError):
        tally.read(away)
