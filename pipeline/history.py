"""The last hour of the pipeline, in steps of half a minute: what was counted by then and what waited, for charts.

Bounded by itself: a hash in Redis with a field for each step, of which those older than an hour are dropped, and which
runs out when nobody adds to it. Any number of janitors may note the same step; the first one counts.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import redis
from redis.exceptions import RedisError as ClientError

from pipeline import metrics, tally
from pipeline.errors import RedisError
from pipeline.metrics import Labels, Metric
from pipeline.queues import HISTORY

STEP = 30.0  # seconds
STEPS = 120  # that are kept
KEPT = timedelta(hours=2)
STAGES = ("intake", "fetch", "embed", "file")
"""What rates are told of: new articles, pages looked at for good, articles embedded, articles filed."""
_ENDS = ("fetched", "revised", "touched", "unchanged", "sighting", "rejected", "dead")  # of looks at pages


@dataclass(frozen=True, slots=True)
class Sample:
    """One step: what was done by then, by stage, how many attempts had failed, and how many articles waited, by
    state."""

    at: float
    done: Mapping[str, int]
    failed: int
    waiting: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rates:
    """Of the last hour, oldest first: for each step articles a minute by stage, failures a minute, and what waited at
    its end; None where nothing was noted, or counting began anew within the step."""

    ends: Sequence[datetime]
    done: Mapping[str, Sequence[float | None]]
    failed: Sequence[float | None]
    waiting: Sequence[int | None]


def sample(counted: tally.Read, waiting: Mapping[str, int], now: datetime) -> Sample:
    """What is noted of the counts at that moment. `waiting`: articles by the state they wait in."""
    counters = counted.counters
    fetches = {labels[0]: number for labels, number in counters[metrics.FETCHES].items()}
    embeds = {labels[0]: number for labels, number in counters[metrics.EMBEDS].items()}
    done = {
        "intake": _sum(counters, metrics.TAKEN_IN),
        "fetch": sum(fetches.get(name, 0) for name in _ENDS),
        "embed": embeds.get("embedded", 0),
        "file": _sum(counters, metrics.FILED),
    }
    return Sample(now.timestamp(), done, _sum(counters, metrics.FETCH_FAILURES), dict(waiting))


def _sum(counters: Mapping[Metric, Mapping[Labels, int]], metric: Metric) -> int:
    return sum(counters[metric].values())


def step(now: datetime) -> int:
    """The number of the step that this moment lies in."""
    return int(now.timestamp() // STEP)


def keep(client: redis.Redis, noted: Sample) -> None:
    """Note a step and drop what is too old. Raises RedisError when Redis is away or takes nothing."""
    number = int(noted.at // STEP)
    try:
        known: Any = client.hkeys(HISTORY)
        old = [key for key in known if not number - STEPS <= _number(key) <= number]
        with client.pipeline(transaction=True) as pipe:
            if old:
                pipe.hdel(HISTORY, *old)
            pipe.hsetnx(HISTORY, str(number), json.dumps(asdict(noted)))
            pipe.expire(HISTORY, KEPT)
            pipe.execute()
    except (ClientError, OSError) as error:
        raise RedisError(f"Redis did not take how the last hour went ({error})") from error


def _number(key: bytes | str) -> int:
    """-1 for what is no step: somebody else may have written there."""
    with contextlib.suppress(ValueError):
        return int(key)
    return -1


def recent(client: redis.Redis) -> list[Sample]:
    """What was noted, oldest first. Raises RedisError when Redis is away."""
    try:
        kept: Any = client.hgetall(HISTORY)
    except (ClientError, OSError) as error:
        raise RedisError(f"Redis does not say how the last hour went ({error})") from error
    found = []
    for value in kept.values():
        with contextlib.suppress(ValueError, TypeError):  # another release noted something else
            found.append(Sample(**json.loads(value)))
    return sorted(found, key=lambda one: one.at)


def rates(samples: Sequence[Sample], now: datetime) -> Rates:
    """What happened in each of the last `STEPS` steps."""
    last = step(now)
    by_end: dict[int, tuple[Sample, Sample]] = {}
    for before, after in pairwise(samples):
        number = int(after.at // STEP)
        if after.at - before.at <= 2.5 * STEP:  # else nobody noted anything for a while
            by_end[number] = (before, after)
    waited = {int(one.at // STEP): sum(one.waiting.values()) for one in samples}
    steps = range(last - STEPS + 1, last + 1)
    pairs = [by_end.get(number) for number in steps]
    return Rates(
        ends=[datetime.fromtimestamp((number + 1) * STEP, UTC) for number in steps],
        done={
            stage: [_rate(pair, pair[0].done.get(stage), pair[1].done.get(stage)) if pair else None for pair in pairs]
            for stage in STAGES
        },
        failed=[_rate(pair, pair[0].failed, pair[1].failed) if pair else None for pair in pairs],
        waiting=[waited.get(number) for number in steps],
    )


def _rate(pair: tuple[Sample, Sample], before: int | None, after: int | None) -> float | None:
    """A minute; None where counting began anew."""
    if before is None or after is None or after < before:
        return None
    return (after - before) * 60 / max(1.0, pair[1].at - pair[0].at)
