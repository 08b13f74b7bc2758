"""What lies in Redis: every queue, stream and key name, and how to reach them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError as ClientError
from redis.retry import Retry as ClientRetry
from rq import Queue, Retry, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from pipeline.errors import RedisError
from pipeline.urls import mask

FETCH = "fetch"  # queue of the fetch workers
BACKFILL = "fetch-backfill"  # queue of those that fetch what is no news
EMBED = "embed"  # queue of the embed workers
QUEUES = (FETCH, BACKFILL, EMBED)
EVENTS = "slugline:events"  # stream of published events; the stream id is `POSITION-0`

HOLDS = "slugline:holds"  # what holds the wire back (`pressure`)
TALLIES = "slugline:tallies"  # hash: what all processes have counted (`tally`)
HISTORY = "slugline:history"  # hash: how the last hour went, step by step (`history`)
PROGRESS = "slugline:progress"  # hash: when each service last got on, in seconds since 1970 (`tally`)

JOBS = {
    FETCH: "workers.fetch.fetch_batch",
    EMBED: "workers.embed.embed_batch",
    "storylines": "workers.embed.embed_storylines",
    "again": "workers.embed.embed_again",
}
"""The functions that jobs name. Jobs carry ids only, so that nothing of value is lost with Redis."""

JOB_SECONDS = 180  # a batch takes seconds; RQ ends what takes longer (the parser has its own, far shorter limit)
RESULT_SECONDS = 60  # 0 would make a job that is run again fail
FAILURE_SECONDS = 3 * 86_400
RETRY = Retry(max=3)  # covers the death of a worker only: failures are counted and timed by the ledger


@dataclass(frozen=True, slots=True)
class Task:
    """A job to be enqueued: which of JOBS, its id, the ids it works on; an `urgent` one is done before the others."""

    kind: str
    job_id: str
    ids: Sequence[int]
    urgent: bool = False


def connect(url: str) -> redis.Redis:
    """A client for the Redis or Valkey at `url` that has answered once.

    Raises RedisError naming the URL (without password) and the way out.
    """
    try:
        client = redis.Redis.from_url(
            url,
            socket_connect_timeout=5,
            socket_timeout=30,  # more than RQ's workers wait for a job in one request
            health_check_interval=30,
            retry=ClientRetry(ExponentialBackoff(cap=1.0, base=0.05), 3),
        )
        client.ping()
    except (ClientError, OSError, ValueError) as error:
        raise RedisError(
            f"Redis at {mask(url)} does not answer ({error}); start it, correct SLUGLINE_REDIS_URL, "
            "or unset that to let `slugline up` start the bundled Valkey"
        ) from error
    return client


def queue(client: redis.Redis, name: str) -> Queue:
    return Queue(name, connection=client, serializer=JSONSerializer, default_timeout=JOB_SECONDS)


def enqueue(client: redis.Redis, name: str, tasks: Iterable[Task]) -> int:
    """Put jobs into the queue `name` in one round trip. Returns how many; raises RedisError when Redis is away."""
    made = [
        Queue.prepare_data(
            JOBS[task.kind],
            args=(task.job_id, list(task.ids)),
            job_id=task.job_id,
            timeout=JOB_SECONDS,
            result_ttl=RESULT_SECONDS,
            failure_ttl=FAILURE_SECONDS,
            retry=RETRY,
            description=f"{task.kind} of {len(task.ids)}",
            at_front=task.urgent,
        )
        for task in tasks
    ]
    try:
        if made:
            queue(client, name).enqueue_many(made)
    except ClientError as error:
        raise RedisError(f"Redis took no jobs ({error})") from error
    return len(made)


def depth(client: redis.Redis, name: str) -> int:
    """Jobs waiting in a queue. Raises RedisError when Redis is away."""
    try:
        return int(queue(client, name).count)
    except ClientError as error:
        raise RedisError(f"Redis does not answer ({error})") from error


def manned(client: redis.Redis, name: str) -> bool:
    """Whether any worker listens to a queue. Raises RedisError when Redis is away."""
    try:
        return any(Worker.all(queue=queue(client, name)))
    except ClientError as error:
        raise RedisError(f"Redis does not answer ({error})") from error


def alive(client: redis.Redis, job_ids: Sequence[str]) -> set[str]:
    """Which of these jobs still wait or run in Redis; finished, failed and lost ones are not among them.

    What a job calls itself is not enough: it must lie in a queue or be on RQ's list of those under way, or a job that
    was lost would be waited for without end.
    """
    if not job_ids:
        return set()
    try:
        with client.pipeline() as pipe:
            for line in (queue(client, name) for name in QUEUES):
                pipe.lrange(line.key, 0, -1)
                pipe.lrange(line.intermediate_queue_key, 0, -1)
                pipe.zrange(line.started_job_registry.key, 0, -1)
            answers = pipe.execute()
    except ClientError as error:
        raise RedisError(f"Redis does not answer ({error})") from error
    # Those under way are listed as `job:execution`; job ids have no colon.
    return {entry.decode().partition(":")[0] for entries in answers for entry in entries}.intersection(job_ids)


def orphans(client: redis.Redis) -> set[str]:
    """Jobs that would lie in Redis for ever: they have no time to live, and neither wait nor run.

    A worker that goes on with a job while Redis is emptied leaves the like: RQ notes its heartbeat in a job that is
    gone. Raises RedisError when Redis is away.
    """
    try:
        every = client.scan_iter(match=f"{Job.redis_job_namespace_prefix}*", count=500, _type="HASH")
        keys = [bytes(key) for key in every]
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.ttl(key)
            endless = [key for key, ttl in zip(keys, pipe.execute(), strict=True) if ttl == -1]
    except ClientError as error:
        raise RedisError(f"Redis does not answer ({error})") from error
    names = {key.decode().removeprefix(Job.redis_job_namespace_prefix) for key in endless}
    return names - alive(client, sorted(names))


def bury(client: redis.Redis, job_ids: Iterable[str]) -> None:
    """Let these jobs run out soon. Raises RedisError when Redis is away."""
    try:
        with client.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.expire(Job.key_for(job_id), RESULT_SECONDS)
            pipe.execute()
    except ClientError as error:
        raise RedisError(f"Redis does not answer ({error})") from error
