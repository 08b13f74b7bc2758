"""`/metrics` and what `/readyz` says of the services: as declared, whole when something is away, and guarded."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis as redis_client
from prometheus_client.parser import text_string_to_metric_families

from pipeline import metrics
from pipeline.ledger import Ledger, articles, connect, events, feeds
from pipeline.queues import EVENTS
from pipeline.settings import Settings
from pipeline.tally import Tally
from tests.web.newsroom import NOW, served
from workers.web import measure
from workers.web.app import connect_redis


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    return sqlite_ledger


@pytest.fixture
def client(valkey: str) -> Iterator[redis_client.Redis]:
    with contextlib.closing(redis_client.Redis.from_url(valkey)) as made:
        yield made


def samples(site: httpx.Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = site.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_what_was_counted_and_what_waits_is_told(
    settings: Settings, ledger: Ledger, client: redis_client.Redis
) -> None:
    batch = Tally()
    batch.count(metrics.FETCHES, 3, outcome="fetched")
    for seconds in (0.02, 0.3, 900.0):
        batch.observe(metrics.STAGE_SECONDS, seconds, stage="fetch")
    batch.moved("janitor", NOW.timestamp() - 4)
    assert batch.send(client)
    with ledger.write() as tx:
        articles.record_url(tx, "https://outlet.example/1", NOW)
        feeds.add(tx, "https://outlet.example/feed", NOW)
        for number in (1, 2, 3):
            events.append(tx, "storyline.grew", "storyline/1", number, NOW, {})
        events.number(tx, 2)
    client.xadd(EVENTS, {"id": "1"}, id="1-0")
    with served(settings, ledger, client) as site:
        found = samples(site)
    assert found["slugline_fetches_total", (("outcome", "fetched"),)] == 3
    assert found["slugline_fetches_total", (("outcome", "dead"),)] == 0
    buckets = [
        found["slugline_stage_seconds_bucket", (("le", le), ("stage", "fetch"))] for le in ("0.025", "0.5", "+Inf")
    ]
    assert buckets == [1, 2, 3]
    assert found["slugline_stage_seconds_count", (("stage", "fetch"),)] == 3
    assert found["slugline_stage_seconds_sum", (("stage", "fetch"),)] == pytest.approx(900.32)
    assert found["slugline_articles", (("standing", "due"), ("state", "queued"))] == 1
    assert found["slugline_feeds", (("state", "active"),)] == 1
    assert found["slugline_events_unpublished", ()] == 2
    assert found["slugline_progress_timestamp_seconds", (("service", "janitor"),)] == NOW.timestamp() - 4
    assert ("slugline_progress_timestamp_seconds", (("service", "relay"),)) not in found
    assert found["slugline_dependency_up", (("dependency", "redis"),)] == 1
    assert found["slugline_redis_memory_bytes", ()] > 0
    assert found["process_resident_memory_bytes", ()] > 0


def test_every_metric_is_declared_and_every_declared_one_is_there(
    settings: Settings, ledger: Ledger, client: redis_client.Redis
) -> None:
    with served(settings, ledger, client) as site:
        text = site.get("/metrics").text
    types = {family.name: family for family in text_string_to_metric_families(text)}
    ours = {name: family for name, family in types.items() if name.startswith("slugline_")}
    declared = {metric.name.removesuffix("_total") for metric in metrics.EVERY.values()}
    assert set(ours) == declared
    for metric in metrics.EVERY.values():
        family = ours[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.meaning)
    assert sum(len(family.samples) for family in ours.values()) <= metrics.series_count()


def test_when_redis_is_away_the_ledger_is_told_still(settings: Settings, ledger: Ledger, tmp_path: Path) -> None:
    away = connect_redis(settings.model_copy(update={"redis_url": f"unix://{tmp_path}/no.sock"}))
    with served(settings, ledger, away) as site:
        found, ready = samples(site), site.get("/readyz").json()
    away.close()
    assert found["slugline_dependency_up", (("dependency", "redis"),)] == 0
    assert found["slugline_dependency_up", (("dependency", "ledger"),)] == 1
    assert found["slugline_articles", (("standing", "due"), ("state", "queued"))] == 0
    assert ("slugline_jobs", (("queue", "fetch"),)) not in found
    assert ready["progress"] is None


def test_when_the_ledger_is_away_redis_is_told_still(
    settings: Settings, client: redis_client.Redis, tmp_path: Path
) -> None:
    gone = connect(f"sqlite:///{tmp_path}/gone/ledger.db")
    (tmp_path / "gone" / "ledger.db").unlink()
    (tmp_path / "gone").rmdir()
    with served(settings, gone, client) as site:
        found = samples(site)
    gone.close()
    assert found["slugline_dependency_up", (("dependency", "ledger"),)] == 0
    assert found["slugline_jobs", (("queue", "fetch"),)] == 0
    assert ("slugline_expired_leases", ()) not in found


def test_it_is_guarded_like_every_other_page(settings: Settings, ledger: Ledger) -> None:
    locked = settings.model_copy(update={"api_token": "t0ken"})
    with served(locked, ledger) as site:
        assert site.get("/metrics").status_code == 401
        assert site.get("/metrics", headers={"Authorization": "Bearer t0ken"}).status_code == 200
        assert site.get("/metrics", auth=("prometheus", "t0ken")).status_code == 200
    with served(settings, ledger) as site:
        assert site.get("/metrics", headers={"Host": "rebound.example"}).status_code == 400


def test_readyz_says_when_each_service_last_got_on(
    settings: Settings, ledger: Ledger, client: redis_client.Redis
) -> None:
    batch = Tally()
    batch.moved("clusterer", NOW.timestamp() - 90)
    batch.send(client)
    with served(settings, ledger, client) as site:
        answer = site.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["progress"] == {**dict.fromkeys(metrics.SERVICES), "clusterer": 90.0}


def test_many_watchers_cost_the_ledger_as_much_as_one(
    ledger: Ledger, client: redis_client.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = measure.Measure(ledger, client)
    first = look(NOW)
    with ledger.write() as tx:
        articles.record_url(tx, "https://outlet.example/1", NOW)
    assert look(NOW) is first
    kept = time.monotonic() + measure.KEPT_SECONDS + 1
    monkeypatch.setattr(measure.time, "monotonic", lambda: kept)
    fresh = look(NOW)
    assert fresh.ledger is not None
    assert fresh.ledger.articles["queued"]["due"] == 1


def test_a_worker_that_was_killed_is_not_among_the_living(ledger: Ledger, client: redis_client.Redis) -> None:
    for name, state, ago in (("a", "idle", 5), ("b", "idle", 100), ("c", "busy", 100), ("d", "busy", 900)):
        key = f"rq:worker:{name}"
        beat = measure.datetime.fromtimestamp(NOW.timestamp() - ago, measure.UTC)
        client.hset(key, mapping={"state": state, "last_heartbeat": beat.strftime("%Y-%m-%dT%H:%M:%S.%fZ")})
        client.sadd("rq:workers:embed", key)
    found = measure.Measure(ledger, client)(NOW)
    assert found.redis is not None
    assert found.redis.workers == {"fetch": 0, "fetch-backfill": 0, "embed": 2}
