"""From the ledger's waiting line to RQ jobs: the only place that enqueues.

The queues in Redis stay short, and shorter under pressure; what waits, waits in the ledger, ordered by priority and due
time. What hubs push goes to the front; what is no news (backfill, edits) has a queue and workers of its own.

An article is marked as handed out before its job is enqueued: if Redis does not take the job, or loses it later, the
mark runs out and `recover` puts the article back.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import redis
from sqlalchemy import Connection

from pipeline import pressure, queues
from pipeline.ledger import Ledger, hosts, reembed, storylines, work
from pipeline.ledger.articles import BACKFILL as LATE
from pipeline.ledger.articles import FRESH, PUSHED, chunks
from pipeline.queues import BACKFILL, EMBED, FETCH, Task
from pipeline.settings import Settings

T = TypeVar("T")
HANDOUT_SECONDS = 20.0  # after this it is checked whether a job that nobody claimed still lies in Redis
AGAIN = ("again-1", "again-2")  # jobs that embed again; so few, because what is new comes behind them
URGENT = 4  # jobs of what was pushed that a full queue still takes, at its front
BEHIND = 4  # jobs of what is no news that may lie in a queue of news: what comes behind them waits for seconds
STALE_LIMIT = 2000  # stale hand-outs looked at in one round


@dataclass(frozen=True, slots=True)
class Recovery:
    """What `recover` did: articles put back into the line, and articles given up."""

    returned: int
    dead: int


def dispatch(ledger: Ledger, client: redis.Redis, settings: Settings, now: datetime, *, full_only: bool = False) -> int:
    """Hand out what is due, as far as the queues have room and nothing holds it back. Returns the number of articles.

    With `full_only` fetch jobs that would not be full, and what is no news, are left for the janitor, which hands out
    twice a second whatever there is: feeds bring articles one by one, and a job of one costs as much as six articles in
    a job of sixteen. Raises RedisError when Redis is away; what had been marked by then comes back through `recover`.
    """
    held = pressure.current(client)
    fetches = pressure.room(settings.queue_jobs, pressure.at(held, pressure.FETCH))
    embeds = pressure.room(settings.queue_jobs, pressure.at(held, pressure.EMBED))
    done = _fetches(ledger, client, settings, now, fetches, full_only=full_only) if fetches else 0
    if fetches and not full_only:
        done += _backfill(ledger, client, settings, now, fetches)
    return done + (_embeds(ledger, client, settings, now, embeds) if embeds else 0)


def _fetches(
    ledger: Ledger, client: redis.Redis, settings: Settings, now: datetime, jobs: int, *, full_only: bool
) -> int:
    waiting = queues.depth(client, FETCH)
    room = jobs - waiting
    if room <= -URGENT:
        return 0
    with ledger.write() as tx:
        tasks = _handed_out(tx, settings, now, PUSHED, room + URGENT, full_only=False)
        if room > 0:
            tasks += _handed_out(tx, settings, now, FRESH, room, full_only=full_only or waiting > 0)
    queues.enqueue(client, FETCH, tasks)
    return sum(len(task.ids) for task in tasks)


def _backfill(ledger: Ledger, client: redis.Redis, settings: Settings, now: datetime, jobs: int) -> int:
    """What is no news: into a queue of its own, or a little of it behind the news where no worker listens to that."""
    line, most = (BACKFILL, jobs) if queues.manned(client, BACKFILL) else (FETCH, min(jobs, BEHIND))
    waiting = queues.depth(client, line)
    if waiting >= most:
        return 0
    with ledger.write() as tx:
        tasks = _handed_out(tx, settings, now, LATE, most - waiting, full_only=waiting > 0)
    queues.enqueue(client, line, tasks)
    return sum(len(task.ids) for task in tasks)


def _handed_out(
    tx: Connection, settings: Settings, now: datetime, priority: int, jobs: int, *, full_only: bool
) -> list[Task]:
    """Mark what is due to be fetched of one priority as handed out, in so many jobs at most."""
    size = settings.fetch_batch
    due = _worthwhile(work.due_for_fetch(tx, now, jobs * size, priority), size, full_only)
    hosts.reserve_handout(tx, [host for _, host in due], now + timedelta(seconds=settings.host_spacing_seconds))
    tasks = [_task(FETCH, part, urgent=priority == PUSHED) for part in chunks((article for article, _ in due), size)]
    _mark(tx, tasks, now)
    return tasks


def _embeds(ledger: Ledger, client: redis.Redis, settings: Settings, now: datetime, jobs: int) -> int:
    waiting, size = queues.depth(client, EMBED), settings.embed_batch
    if waiting >= jobs:
        return 0
    with ledger.write() as tx:
        due = work.due_for_embed(tx, now, (jobs - waiting) * size, PUSHED)
        due += work.due_for_embed(tx, now, (jobs - waiting) * size - len(due), FRESH)
        due = _worthwhile(due, size, waiting > 0)
        room = min(jobs, BEHIND) - waiting - len(due) // size
        if room > 0:
            due += _worthwhile(work.due_for_embed(tx, now, room * size, LATE), size, waiting > 0)
        tasks = [_task(EMBED, part) for part in chunks(due, size)]
        _mark(tx, tasks, now)
    queues.enqueue(client, EMBED, tasks)
    return len(due)


def _mark(tx: Connection, tasks: list[Task], now: datetime) -> None:
    for task in tasks:
        work.hand_out(tx, task.ids, task.job_id, now + timedelta(seconds=HANDOUT_SECONDS))


def _worthwhile(due: list[T], size: int, full_only: bool) -> list[T]:
    """What of `due` is to be handed out now. While a job waits that no worker has taken yet, a batch that is not full
    would be done no sooner than a full one later on, and each job has its cost, however few its articles."""
    return due[: len(due) - len(due) % size] if full_only else due


def _task(kind: str, ids: list[int], *, urgent: bool = False) -> Task:
    return Task(kind, f"{kind}-{uuid.uuid4().hex}", ids, urgent)


def embed_declared(ledger: Ledger, client: redis.Redis, version: str) -> int:
    """Have the declared storylines embedded that have no vector of this version. Returns how many jobs were made."""
    with ledger.read() as tx:
        waiting = [int(row["id"]) for row in storylines.without_vector(tx, version)]
    ids = {f"storyline-{storyline}": storyline for storyline in waiting}
    missing = set(ids) - queues.alive(client, list(ids)) if ids else set()
    return queues.enqueue(client, EMBED, [Task("storylines", job, [ids[job]]) for job in sorted(missing)])


def embed_again(
    ledger: Ledger, client: redis.Redis, settings: Settings, version: str, since: datetime, before: int = reembed.NEWEST
) -> int | None:
    """Have some articles filed after `since` embedded that lack a vector of this version: only while no other work
    waits and none of the jobs of an earlier call is left.

    Takes and returns the place in the order of filing to go on from, downwards; None when there is no more.
    """
    if queues.depth(client, EMBED) or queues.alive(client, AGAIN):
        return before
    with ledger.read() as tx:
        due = reembed.lacking(tx, version, since, len(AGAIN) * settings.embed_batch, before=before)
    parts = chunks((article for article, _ in due), settings.embed_batch)
    queues.enqueue(client, EMBED, [Task("again", job, part) for job, part in zip(AGAIN, parts, strict=False)])
    return due[-1][1] if due else None


def recover(ledger: Ledger, client: redis.Redis, settings: Settings, now: datetime) -> Recovery:
    """Put back what Redis lost and what dead workers held; park what has killed `max_attempts` workers."""
    with ledger.read() as tx:
        overdue = work.stale(tx, now, STALE_LIMIT)
    if not overdue:
        return Recovery(0, 0)
    unclaimed = {one.job_id for one in overdue if not one.owner}
    waiting = queues.alive(client, sorted(unclaimed)) if unclaimed else set()
    lost = [one for one in overdue if one.owner or one.job_id not in waiting]
    with ledger.write() as tx:
        for part in chunks(sorted(waiting)):
            work.extend(tx, part, now + timedelta(seconds=HANDOUT_SECONDS))
        dead = sum(work.take_back(tx, one, now, settings.max_attempts) for one in lost)
    return Recovery(len(lost) - dead, dead)
