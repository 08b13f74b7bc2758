"""The last hour of the pipeline, in steps of half a minute: what was counted by then and what waited, for charts and
present rates.

Bounded by itself: a hash in Redis with a field for each step, of which those older than an hour are dropped, and which
runs out when nobody adds to it. Any number of janitors may note the same step; the first one counts.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
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
PRESENT = 300.0  # seconds over which a rate is that of now: long enough for a feed or two to bring something
DONE = ("poll", "intake", "look", "fetch", "embed", "file", "publish")
"""What rates are told of: polls, new articles, looks at pages that were the last of their article, articles whose text
was taken in, articles embedded, articles filed, events published."""
_LAST = ("fetched", "revised", "touched", "unchanged", "sighting", "rejected", "dead")  # looks at pages
_TEXTS = ("fetched", "revised")
_POLLS = ("read", "unmodified", "failed")
_FAILED = {"poll": metrics.POLL_FAILURES, "fetch": metrics.FETCH_FAILURES}


@dataclass(frozen=True, slots=True)
class Sample:
    """One step, `at` a time in seconds since 1970: what was done by then, the failures by `STAGE/CLASS`, the hits of
    each bucket of the time until an article was filed by what it is counted from, and how many articles waited."""

    at: float
    done: Mapping[str, int]
    failed: Mapping[str, int]
    journeys: Mapping[str, Sequence[int]]
    waiting: int


def sample(counted: tally.Read, waiting: int, now: float) -> Sample:
    """What is noted of the counts at that moment."""
    counters = counted.counters
    looks, polls = _by(counters, metrics.FETCHES), _by(counters, metrics.POLLS)
    done = {
        "poll": sum(polls[name] for name in _POLLS),
        "intake": sum(counters[metrics.TAKEN_IN].values()),
        "look": sum(looks[name] for name in _LAST),
        "fetch": sum(looks[name] for name in _TEXTS),
        "embed": _by(counters, metrics.EMBEDS)["embedded"],
        "file": sum(counters[metrics.FILED].values()),
        "publish": sum(counters[metrics.PUBLISHED].values()),
    }
    failed = {f"{stage}/{class_}": n for stage, of in _FAILED.items() for class_, n in _by(counters, of).items() if n}
    for (stage, class_), number in counters[metrics.DEAD].items():
        if number and stage in ("embed", "file"):
            failed[f"{stage}/{class_}"] = number
    journeys = {labels[0]: spread.hits for labels, spread in counted.histograms[metrics.JOURNEY_SECONDS].items()}
    return Sample(now, done, failed, journeys, waiting)


def _by(counters: Mapping[Metric, Mapping[Labels, int]], metric: Metric) -> dict[str, int]:
    """A counter of one label by its values."""
    return {labels[0]: number for labels, number in counters[metric].items()}


def step(now: float) -> int:
    """The number of the step that this time lies in."""
    return int(now // STEP)


def keep(client: redis.Redis, noted: Sample) -> None:
    """Note a step and drop what is too old. Raises RedisError when Redis is away or takes nothing."""
    number = step(noted.at)
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


def charted(samples: Sequence[Sample], now: float) -> tuple[dict[str, list[float | None]], list[int | None]]:
    """What was done a minute in each of the last `STEPS` steps, by its name in `DONE`, oldest first, and how many
    articles waited at the end of each; None where nothing was noted, or counting began anew."""
    last = step(now)
    steps = range(last - STEPS + 1, last + 1)
    # Further apart, nobody noted anything for a while.
    pairs = {step(two.at): (one, two) for one, two in pairwise(samples) if two.at - one.at <= 2.5 * STEP}
    waited = {step(one.at): one.waiting for one in samples}
    found: dict[str, list[float | None]] = {name: [] for name in DONE}
    for number in steps:
        for name, series in found.items():
            series.append(_rate(*pairs[number], name) if number in pairs else None)
    return found, [waited.get(number) for number in steps]


def _rate(before: Sample, after: Sample, name: str) -> float | None:
    grown = after.done.get(name, 0) - before.done.get(name, 0)
    return grown * 60 / max(1.0, after.at - before.at) if grown >= 0 else None


def present(samples: Sequence[Sample], current: Sample) -> dict[str, float]:
    """What is done a minute now, by its name in `DONE`, as far as that is known: over the last `PRESENT` seconds, or
    since the first that was noted."""
    before = next((one for one in samples if 0 < current.at - one.at <= PRESENT + STEP), None)
    if before is None or current.at - before.at < 1.0:
        return {}
    rates = {name: _rate(before, current, name) for name in DONE}
    return {name: rate for name, rate in rates.items() if rate is not None}


def failures(samples: Sequence[Sample], current: Sample) -> dict[str, dict[str, int]]:
    """How often each stage failed in the last hour, by class of reason, most often first."""
    before = _beginning(samples, current)
    found: dict[str, dict[str, int]] = {}
    for name, number in sorted(current.failed.items(), key=lambda each: -each[1]):
        stage, _, class_ = name.partition("/")
        grown = number - before.failed.get(name, 0)
        if grown > 0:
            found.setdefault(stage, {})[class_] = grown
    return {stage: dict(sorted(counts.items(), key=lambda each: -each[1])) for stage, counts in found.items()}


def journeys(samples: Sequence[Sample], current: Sample) -> dict[str, list[int]]:
    """The hits of each bucket of the time until an article was filed, in the last hour."""
    before = _beginning(samples, current).journeys
    return {
        since: [max(0, now - then) for now, then in zip(hits, before.get(since, [0] * len(hits)), strict=True)]
        for since, hits in current.journeys.items()
    }


def _beginning(samples: Sequence[Sample], current: Sample) -> Sample:
    """What had been counted an hour ago, or when counting began anew since; what is counted now, where nobody noted
    anything."""
    earlier = (one for one in samples if all(current.done[name] >= one.done.get(name, 0) for name in DONE))
    return next(earlier, current)


def percentile(hits: Sequence[int], bounds: Sequence[float], share: float) -> float | None:
    """The seconds within which this share of what was counted was done, from a histogram's hits (one more than there
    are bounds), a straight line within each bucket; None when nothing was counted, infinity beyond the last bound."""
    total = sum(hits)
    if total <= 0:
        return None
    wanted, reached, low = share * total, 0, 0.0
    for number, high in zip(hits, (*bounds, float("inf")), strict=True):
        if number and reached + number >= wanted:
            return low + (high - low) * (wanted - reached) / number if high != float("inf") else high
        reached, low = reached + number, high
    return float("inf")
