"""Who is at work: RQ's workers with their jobs, and the services with when they last got on. Reads; decides nothing
but whether a sign of life is too old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from redis.exceptions import RedisError as ClientError

from pipeline import metrics, queues, tally
from pipeline.errors import RedisError
from workers.rqworker import BEAT_SECONDS

SILENT = timedelta(seconds=8)
"""Services go round, and workers say that they are there, at least every `BEAT_SECONDS`; who has not for twice that has
stopped. A page that asks every 5 s shows it within 15 s."""
LOOPS = ("poller", "clusterer", "relay", "alerter", "deliverer", "janitor")
"""Services that go round all the time; workers are known by their own signs of life."""
OPTIONAL = ("alerter", "deliverer")
"""Without rules and sinks nobody misses them: they are named once they have been seen."""
TRADES = {
    queues.FETCH: "Fetch worker",
    queues.BACKFILL: "Backfill worker",
    queues.EMBED: "Embed worker",
}
DOES = {
    "poller": "asks the feeds that are due",
    "clusterer": "files articles under storylines",
    "relay": "brings events to the stream",
    "alerter": "rings where rules match",
    "deliverer": "tells sinks of events",
    "janitor": "hands out work, puts back what got stuck",
}
assert SILENT.total_seconds() >= 2 * BEAT_SECONDS


@dataclass(frozen=True, slots=True)
class Hand:
    """A process. `queue` is that of a worker, or empty; `place` is where it runs, as far as that is known; `seen` its
    last sign of life, None when there was none; `since` when it began with what it `does`, `born` when it started, as
    far as that is known."""

    role: str
    queue: str
    place: str
    does: str
    seen: datetime | None
    since: datetime | None
    silent: bool
    born: datetime | None = None


def hands(client: redis.Redis, holders: Mapping[str, str], now: datetime) -> list[Hand]:
    """Services first, then the workers of each queue. `holders` says who holds a role, by its name.

    Raises RedisError when Redis is away.
    """
    moved = tally.progress(client)
    named = [name for name in LOOPS if moved.get(name) or name not in OPTIONAL]
    found = [_loop(name, moved.get(name), holders.get(name, ""), now) for name in named]
    try:
        for queue in queues.QUEUES:
            found += _without_replaced(_workers(client, queue, now))
    except (ClientError, OSError) as error:
        raise RedisError(f"Redis does not say who is at work ({error})") from error
    return found


def _loop(name: str, moved: float | None, holder: str, now: datetime) -> Hand:
    assert name in metrics.SERVICES
    seen = datetime.fromtimestamp(moved, UTC) if moved else None
    silent = seen is None or now - seen > SILENT
    return Hand(name.capitalize(), "", ":".join(holder.split(":")[:2]), DOES[name], seen, None, silent)


def _workers(client: redis.Redis, queue: str, now: datetime) -> list[Hand]:
    members: Any = client.smembers(f"rq:workers:{queue}")
    keys = sorted(key.decode() for key in members)
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.hmget(key, "last_heartbeat", "hostname", "pid", "birth")
            pipe.smembers(f"{key}:executions")
        answers = pipe.execute()
        rows, under_way = answers[::2], [_job(found) for found in answers[1::2]]
        for job in under_way:
            pipe.hmget(f"rq:job:{job}", "description", "started_at")
        jobs = pipe.execute()
    # A worker without a sign of life is a name that RQ has not dropped yet.
    return [
        _worker(queue, row, bool(job), told, now)
        for row, job, told in zip(rows, under_way, jobs, strict=True)
        if row[0]
    ]


def _without_replaced(workers: Sequence[Hand]) -> list[Hand]:
    """Leave out those that were killed and started afresh: RQ keeps their names for another minute. Each worker that
    was born on a machine after one there fell silent has taken its place."""
    heirs = [one for one in workers if not one.silent and one.born is not None]
    kept = []
    for one in workers:
        host = one.place.partition(":")[0]
        heir = next((each for each in heirs if each.place.partition(":")[0] == host and _after(each, one)), None)
        if one.silent and heir is not None:
            heirs.remove(heir)
        else:
            kept.append(one)
    return kept


def _after(heir: Hand, gone: Hand) -> bool:
    return gone.seen is None or (heir.born is not None and heir.born >= gone.seen)


def _job(executions: Any) -> str:
    """The job that a worker is at, of its executions (`JOB:EXECUTION`); empty when there is none."""
    return next((one.decode().partition(":")[0] for one in sorted(executions)), "")


def _worker(queue: str, row: list[bytes | None], busy: bool, told: list[bytes | None], now: datetime) -> Hand:
    seen, description = _time(row[0]), (told[0] or b"").decode("utf-8", "replace")
    kind, _, number = description.partition(" of ")
    does = f"{_DOING.get(kind, 'is at a job')} {number}".strip() if busy else "waits for a job"
    place = ":".join(part.decode("utf-8", "replace") for part in row[1:3] if part)
    silent = seen is None or now - seen > SILENT
    return Hand(TRADES[queue], queue, place, does, seen, _time(told[1]) if busy else None, silent, _time(row[3]))


_DOING = {
    "fetch": "fetches articles:",
    "embed": "embeds articles:",
    "storylines": "embeds storylines:",
    "again": "embeds again:",
}


def _time(text: bytes | None) -> datetime | None:
    """RQ's times, some of them without a zone; None for what is none."""
    try:
        found = datetime.fromisoformat((text or b"").decode())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
