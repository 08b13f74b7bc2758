"""Redis may lose everything and workers may die: every article comes back, or ends with a reason."""

from __future__ import annotations

import redis
from rq.job import Job

from pipeline import queues
from pipeline.dispatch import HANDOUT_SECONDS, Recovery, dispatch, recover
from pipeline.ledger import Ledger, work
from pipeline.queues import FETCH
from pipeline.records import ArticleState
from pipeline.settings import Settings
from tests.ledger.making import LEASE, START, at, queued, row

LATER = at(HANDOUT_SECONDS + 1)
URLS = [f"https://host-{number}.example/page" for number in range(4)]


def claim_all(ledger: Ledger, client: redis.Redis, owner: str, seconds: float = 0) -> list[work.Claim]:
    claims = []
    for job in queues.queue(client, FETCH).jobs:
        with ledger.write() as tx:
            claims += work.claim(tx, job.args[1], ArticleState.QUEUED, job.id, owner, at(seconds), LEASE)
    return claims


def test_nothing_is_recovered_before_its_time(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    queued(ledger, *URLS)
    dispatch(ledger, client, settings, START)
    client.flushall()
    assert recover(ledger, client, settings, at(HANDOUT_SECONDS)) == Recovery(0, 0)


def test_what_redis_lost_is_dispatched_again(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    ids = queued(ledger, *URLS)
    assert dispatch(ledger, client, settings, START) == 4
    client.flushall()
    assert recover(ledger, client, settings, LATER) == Recovery(returned=4, dead=0)
    assert dispatch(ledger, client, settings, LATER) == 4
    assert sorted(claim.id for claim in claim_all(ledger, client, "worker")) == ids
    assert {row(ledger, article)["attempts"] for article in ids} == {1}


def test_what_still_waits_in_redis_stays_there(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    ids = queued(ledger, *URLS)
    dispatch(ledger, client, settings, START)
    before = queues.queue(client, FETCH).job_ids
    assert recover(ledger, client, settings, LATER) == Recovery(0, 0)
    assert {row(ledger, article)["lease_until"] for article in ids} == {at(2 * HANDOUT_SECONDS + 1)}
    assert dispatch(ledger, client, settings, LATER) == 0
    assert queues.queue(client, FETCH).job_ids == before
    assert len(claim_all(ledger, client, "worker")) == 4


def test_only_the_jobs_that_are_gone_come_back(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    ids = queued(ledger, *URLS)
    dispatch(ledger, client, settings, START)
    first, _ = queues.queue(client, FETCH).jobs
    first.delete()
    assert recover(ledger, client, settings, LATER) == Recovery(returned=2, dead=0)
    assert [row(ledger, article)["job_id"] is None for article in ids] == [True, True, False, False]


def test_a_job_that_calls_itself_queued_but_lies_in_no_queue_is_lost(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    queued(ledger, *URLS[:1])
    dispatch(ledger, client, settings, START)
    client.delete(queues.queue(client, FETCH).key)
    assert recover(ledger, client, settings, LATER) == Recovery(returned=1, dead=0)


def test_a_job_on_its_way_to_a_worker_or_running_is_waited_for(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    queued(ledger, *URLS)
    dispatch(ledger, client, settings, START)
    line = queues.queue(client, FETCH)
    client.lmove(line.key, line.intermediate_queue_key, "LEFT", "LEFT")
    started = line.jobs[0]
    client.lpop(line.key)
    under_way = line.started_job_registry.key
    client.zadd(under_way, {f"{started.id}:execution": 9e9})  # as RQ lists it
    assert recover(ledger, client, settings, LATER) == Recovery(0, 0)
    client.delete(under_way)
    client.delete(line.intermediate_queue_key)
    assert recover(ledger, client, settings, at(3 * HANDOUT_SECONDS)) == Recovery(returned=4, dead=0)


def test_the_articles_of_a_dead_worker_come_back_and_the_attempt_counts(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    (article,) = queued(ledger, *URLS[:1])
    dispatch(ledger, client, settings, START)
    (claim,) = claim_all(ledger, client, "dies")
    assert recover(ledger, client, settings, at(LEASE)) == Recovery(0, 0)
    assert recover(ledger, client, settings, at(LEASE + 1)) == Recovery(returned=1, dead=0)
    found = row(ledger, article)
    assert (found["state"], found["attempts"], found["job_id"], claim.attempts) == ("queued", 1, None, 1)
    client.flushall()
    assert dispatch(ledger, client, settings, at(LEASE + 1)) == 1


def test_what_kills_its_workers_is_parked_with_a_reason(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    (article,) = queued(ledger, *URLS[:1])
    outcomes = []
    for attempt in range(settings.max_attempts):
        moment = 100.0 * attempt
        assert dispatch(ledger, client, settings, at(moment)) == 1
        assert len(claim_all(ledger, client, f"worker-{attempt}", moment)) == 1
        client.flushall()
        outcomes.append(recover(ledger, client, settings, at(moment + LEASE + 1)))
    assert outcomes == [Recovery(returned=1, dead=0), Recovery(returned=0, dead=1)]
    found = row(ledger, article)
    assert (found["state"], found["reason"]) == ("dead", "worker-died")
    assert "2 workers died" in found["error"]
    assert dispatch(ledger, client, settings, at(10_000)) == 0


def test_a_worker_that_keeps_its_lease_is_left_alone(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    queued(ledger, *URLS[:1])
    dispatch(ledger, client, settings, START)
    (claim,) = claim_all(ledger, client, "slow")
    with ledger.write() as tx:
        work.renew(tx, claim.job_id, "slow", at(LEASE - 1), LEASE)
    client.flushall()
    assert recover(ledger, client, settings, at(LEASE + 1)) == Recovery(0, 0)


def test_a_job_that_runs_twice_does_its_work_once(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    queued(ledger, *URLS[:1])
    dispatch(ledger, client, settings, START)
    assert len(claim_all(ledger, client, "first")) == 1
    assert claim_all(ledger, client, "second", 1) == []


def test_a_job_that_calls_itself_started_and_is_on_no_list_is_lost(client: redis.Redis) -> None:
    queues.enqueue(client, FETCH, [queues.Task("fetch", "fetch-1", [1]), queues.Task("fetch", "fetch-2", [2])])
    client.hset(Job.key_for("fetch-1"), "status", "started")
    client.lrem(queues.queue(client, FETCH).key, 1, "fetch-1")
    assert queues.alive(client, ["fetch-1", "fetch-2", "fetch-3"]) == {"fetch-2"}
    client.zadd(queues.queue(client, FETCH).started_job_registry.key, {"fetch-1:execution": 9e9})
    assert queues.alive(client, ["fetch-1", "fetch-2"]) == {"fetch-1", "fetch-2"}


def test_what_rq_leaves_of_a_job_runs_out(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    queues.enqueue(client, FETCH, [queues.Task("fetch", "fetch-1", [1])])
    client.hset(Job.key_for("fetch-2"), "last_heartbeat", "2026-11-20T12:00:00Z")  # of a job that was flushed away
    assert queues.orphans(client) == {"fetch-2"}
    queues.bury(client, ["fetch-2"])
    assert 0 < int(client.ttl(Job.key_for("fetch-2"))) <= queues.RESULT_SECONDS
    assert client.ttl(Job.key_for("fetch-1")) == -1
    assert queues.orphans(client) == set()
