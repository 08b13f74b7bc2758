"""Back-pressure: what holds the poller and the hand-out of work back, and how far.

The janitor measures, decides and leaves the result in Redis; pollers and whoever hands out work read it there. It runs
out by itself: without a janitor nobody measures, and nothing is held back.

Nothing is lost by holding back: what waits, waits in the ledger. Polls are only put off, to a tenth of their rate, as
long as the ledger can take what they bring, since entries leave their feeds.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import redis
from redis.exceptions import RedisError as ClientError

from pipeline import queues
from pipeline.errors import RedisError
from pipeline.ledger import Ledger, waiting
from pipeline.records import ArticleState
from pipeline.settings import Settings

KEPT_SECONDS = 60  # a measurement older than this says nothing any more
SLOWEST = 0.9
"""The pressure at which polls and hand-outs go on at a tenth of their rate. Only what would fail anyway is stopped."""
BACKLOG_TIMES = 8.0  # of the age from which a backlog counts: there the pressure is at its most
MEMORY_FROM, MEMORY_FULL = 0.75, 0.9  # shares of what Redis may hold
DISK_TIMES = 2.0  # of the reserve: below that much free room the pressure begins
WRITE_FROM, WRITE_SLOW = 1.0, 10.0  # seconds that a small transaction takes; usual are a few milliseconds
POLL, FETCH, EMBED = "poll", "fetch", "embed"
STAGES = (POLL, FETCH, EMBED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was measured; None for what could not be.

    `ages`: seconds that fresh articles have waited, by the state they wait in. `memory`: the share of its memory that
    Redis holds. `disk`: bytes free where the data directory lies. `write`: seconds that a small transaction took.
    """

    ages: Mapping[str, float]
    memory: float | None = None
    disk: int | None = None
    write: float | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """One limit that holds something back: its name, the sentence for operators, since when, and for each stage the
    pressure from 0 (none) to 1 (nothing is begun)."""

    limit: str
    says: str
    since: datetime
    stages: Mapping[str, float]


def holds(reading: Reading, settings: Settings, now: datetime, before: Sequence[Hold] = ()) -> list[Hold]:
    """Decide what is held back. `before` are the holds of the last time, whose beginnings are kept."""
    since = {hold.limit: hold.since for hold in before}
    found: list[Hold] = []

    def hold(limit: str, says: str, **stages: float) -> None:
        pressed = {stage: round(min(1.0, max(0.0, much)), 3) for stage, much in stages.items()}
        if any(pressed.values()):
            found.append(Hold(limit, says, since.get(limit, now), pressed))

    age, later = _oldest(reading.ages), _oldest(reading.ages, without=ArticleState.QUEUED)
    backlog = (settings.backlog_seconds, settings.backlog_seconds * BACKLOG_TIMES)
    says = f"articles have waited for {_minutes(age)}, {_minutes(settings.backlog_seconds)} are usual at most"
    hold("backlog", says, poll=SLOWEST * _between(age, *backlog), fetch=_between(later, *backlog))
    if reading.memory is not None:
        much = _between(reading.memory, MEMORY_FROM, MEMORY_FULL)
        says = f"Redis holds {reading.memory:.0%} of the memory it may; no jobs are put into it from {MEMORY_FULL:.0%}"
        hold("redis-memory", says, fetch=much, embed=much)
    if reading.disk is not None:
        reserve = settings.disk_reserve_bytes
        much = 1.0 - _between(reading.disk, reserve, reserve * DISK_TIMES) if reserve else 0.0
        says = f"{reading.disk / 1e6:,.0f} MB of disk are free; nothing new is taken in below {reserve / 1e6:,.0f} MB"
        hold("disk", says, poll=much, fetch=much)
    if reading.write is not None:
        much = SLOWEST * _between(reading.write, WRITE_FROM, WRITE_SLOW)
        says = f"the ledger takes {reading.write:.1f} s for a small transaction"
        hold("database", says, poll=much, fetch=much)
    return found


def at(found: Iterable[Hold], stage: str) -> float:
    """The pressure on a stage: that of the limit that presses most."""
    return max((hold.stages.get(stage, 0.0) for hold in found), default=0.0)


def room(jobs: int, pressure: float) -> int:
    """How many jobs of at most `jobs` may lie in a queue: one at least, unless all is held."""
    return 0 if pressure >= 1.0 else max(1, int(jobs * (1.0 - pressure)))


def stretched(seconds: float, pressure: float) -> float:
    """The time until the next poll, so that polls go on at the rate that the pressure leaves."""
    return seconds / (1.0 - min(pressure, SLOWEST))


def measure(ledger: Ledger, client: redis.Redis, settings: Settings, now: datetime, write: float | None) -> Reading:
    """Take a reading; `write` are the seconds that the caller's own small transaction took.

    Raises LedgerError when the ledger is away; what Redis or the system does not tell is left out.
    """
    with ledger.read() as tx:
        ages = waiting.ages(tx, now)
    return Reading(ages=ages, memory=_memory(client), disk=_free(settings.data_dir), write=write)


def keep(client: redis.Redis, found: Sequence[Hold]) -> None:
    """Let all processes know. Raises RedisError when Redis is away or takes nothing."""
    rows = [asdict(hold) | {"since": hold.since.isoformat()} for hold in found]
    try:
        client.set(queues.HOLDS, json.dumps(rows), ex=timedelta(seconds=KEPT_SECONDS))
    except ClientError as error:
        raise RedisError(f"Redis did not take what holds the wire back ({error})") from error


def current(client: redis.Redis) -> list[Hold]:
    """What holds the wire back now. Raises RedisError when Redis is away."""
    try:
        kept: Any = client.get(queues.HOLDS)
    except ClientError as error:
        raise RedisError(f"Redis does not answer ({error})") from error
    if not kept:
        return []
    return [Hold(**row | {"since": datetime.fromisoformat(row["since"])}) for row in json.loads(kept)]


def _oldest(ages: Mapping[str, float], without: str = "") -> float:
    return max((age for state, age in ages.items() if state != without), default=0.0)


def _between(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, a straight line between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes"


def _memory(client: redis.Redis) -> float | None:
    try:
        info: Any = client.info("memory")
    except ClientError:
        return None
    most = int(info.get("maxmemory") or 0) or int(info.get("total_system_memory") or 0)
    return int(info["used_memory"]) / most if most else None


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
