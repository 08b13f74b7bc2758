"""What the web process measures for its own answers: the ledger's gauges, Redis, and what all processes counted.

Kept for a few seconds, so that any number of watchers costs the ledger as much as one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import redis as redis_client
from redis.exceptions import RedisError as ClientError
from sqlalchemy.exc import SQLAlchemyError

from pipeline import metrics, pressure, queues, tally
from pipeline.errors import LedgerError, RedisError
from pipeline.ledger import Ledger, figures
from pipeline.pressure import Hold

KEPT_SECONDS = 3.0
HEARD = timedelta(seconds=60)  # workers say that they are there every 4 s, and at each job


@dataclass(frozen=True, slots=True, kw_only=True)
class InRedis:
    """What Redis knew: jobs and live workers by queue, bytes held and the most it may hold (0: unknown), the position
    of the newest event in the stream, what holds the wire back, and what was counted."""

    jobs: Mapping[str, int]
    workers: Mapping[str, int]
    used: int
    most: int
    last_event: int
    held: Sequence[Hold]
    counted: tally.Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One measurement. `ledger` and `redis` are None where they did not answer. `lag`: events that are not in the
    stream, and the seconds that the oldest of them has waited."""

    ledger: figures.Figures | None
    redis: InRedis | None
    lag: tuple[int, float] | None


@dataclass(slots=True)
class Measure:
    """Measures when it is asked to, and gives what it has while that is fresh; one measurement at a time."""

    ledger: Ledger
    redis: redis_client.Redis | None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kept: Measured | None = None
    _until: float = 0.0

    def __call__(self, now: datetime) -> Measured:
        with self._lock:
            if self._kept is None or time.monotonic() >= self._until:
                self._kept = self._measured(now)
                self._until = time.monotonic() + KEPT_SECONDS
            return self._kept

    def _measured(self, now: datetime) -> Measured:
        found = self._of_redis(now)
        try:
            with self.ledger.read() as tx:
                known = figures.figures(tx, now)
                since = figures.time_of(tx, found.last_event) if found else known.outbox_since
        except (LedgerError, SQLAlchemyError):
            return Measured(ledger=None, redis=found, lag=None)
        since = since or known.outbox_since
        published = min(found.last_event, known.last_position) if found else known.last_position
        missing = known.outbox + known.last_position - published
        late = max(0.0, (now - since).total_seconds()) if missing and since is not None else 0.0
        return Measured(ledger=known, redis=found, lag=(missing, late))

    def _of_redis(self, now: datetime) -> InRedis | None:
        if self.redis is None:
            return None
        try:
            memory: Any = self.redis.info("memory")
            return InRedis(
                jobs={name: queues.depth(self.redis, name) for name in queues.QUEUES},
                workers={name: _workers(self.redis, name, now) for name in queues.QUEUES},
                used=int(memory["used_memory"]),
                most=int(memory.get("maxmemory") or 0) or int(memory.get("total_system_memory") or 0),
                last_event=_last_event(self.redis),
                held=pressure.current(self.redis),
                counted=tally.read(self.redis),
            )
        except (RedisError, ClientError, OSError):
            return None


def progress_ages(counted: tally.Read, now: datetime) -> dict[str, float]:
    """Seconds since each service last got on; those that never did are not there."""
    moment = now.timestamp()
    return {name: max(0.0, moment - counted.progress[name]) for name in metrics.SERVICES if name in counted.progress}


def _workers(client: redis_client.Redis, queue: str, now: datetime) -> int:
    """Workers that were heard of lately. RQ keeps one that was killed for as long as its last job might have run."""
    keys: Any = client.smembers(f"rq:workers:{queue}")
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.hmget(key, "last_heartbeat", "state")
        rows = pipe.execute()
    return sum(_alive(beat, state, now) for beat, state in rows)


def _alive(beat: bytes | None, state: bytes | None, now: datetime) -> bool:
    if not beat:
        return False
    try:
        heard = datetime.fromisoformat(beat.decode())
    except ValueError:
        return False
    silence = now - (heard if heard.tzinfo else heard.replace(tzinfo=UTC))
    # At a job an embed worker says nothing until it is done, which takes no longer than RQ allows.
    return silence < (timedelta(seconds=queues.JOB_SECONDS) if state == b"busy" else HEARD)


def _last_event(client: redis_client.Redis) -> int:
    if not client.exists(queues.EVENTS):
        return 0
    last: Any = client.xinfo_stream(queues.EVENTS)["last-generated-id"]
    return int((last.decode() if isinstance(last, bytes) else str(last)).partition("-")[0])
