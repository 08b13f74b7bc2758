"""What processes count: gathered in memory, added up in Redis, read by whoever shows it.

A batch goes out as one transaction of HINCRBY and HINCRBYFLOAT, so work-horses that live for one job count like any
other process, and any number of them at once. Fields of the hash `slugline:tallies`: `NAME{LABEL=VALUE,…}` for a
counter; for a histogram the same with `#BOUND` for each bucket (not cumulated) and `#sum`.

A Redis that lost its data begins at 0 again. Prometheus takes that for what it is, a reset, as long as rates are asked
for and not the numbers themselves. Counting never fails what is counted: without Redis a batch is kept for the next
try, and a process that ends before that takes it along. One whose answer was lost may count twice.
"""

from __future__ import annotations

import bisect
import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from redis.exceptions import RedisError as ClientError

from pipeline.errors import RedisError
from pipeline.metrics import TALLIED, Labels, Metric
from pipeline.queues import PROGRESS, TALLIES

INFINITE = "+Inf"
SUM = "sum"


@dataclass(frozen=True, slots=True)
class Spread:
    """A histogram's series: how often each bucket was hit (one number for each bound and one for what lies beyond),
    not cumulated, and the sum of all values."""

    hits: tuple[int, ...]
    total: float


class Tally:
    """Gathers counts; `send` adds them up in Redis. Safe to be used by several threads. What it can hold is bounded by
    the label values that `metrics` declares."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole: dict[str, int] = {}
        self._sums: dict[str, float] = {}
        self._moved: dict[str, float] = {}

    def count(self, metric: Metric, by: int = 1, /, **labels: str) -> None:
        """Add to a counter. A label whose name is a word of Python is given as `class_`."""
        if by:
            field = _field(metric, metric.values(_plain(labels)))
            with self._lock:
                self._whole[field] = self._whole.get(field, 0) + by

    def observe(self, metric: Metric, value: float, times: int = 1, /, **labels: str) -> None:
        """Add a value to a histogram, `times` over; a negative one counts as 0."""
        if times <= 0:
            return
        value = max(value, 0.0)
        field = _field(metric, metric.values(_plain(labels)))
        bucket = f"{field}#{_bounds(metric)[bisect.bisect_left(metric.buckets, value)]}"
        with self._lock:
            self._whole[bucket] = self._whole.get(bucket, 0) + times
            self._sums[f"{field}#{SUM}"] = self._sums.get(f"{field}#{SUM}", 0.0) + value * times

    def moved(self, service: str, at: float) -> None:
        """Note that a service got on, at that time in seconds since 1970."""
        with self._lock:
            self._moved[service] = at

    def take(self, other: Tally) -> None:
        """Take over what another one gathered, and empty that."""
        whole, sums, moved = other._emptied()
        self._add(whole, sums)
        with self._lock:
            self._moved |= moved

    def send(self, client: redis.Redis) -> bool:
        """Add up in Redis what was gathered. Says whether that went well; else it is kept for the next time."""
        whole, sums, moved = self._emptied()
        if not (whole or sums or moved):
            return True
        try:
            with client.pipeline(transaction=True) as pipe:
                for field, number in whole.items():
                    pipe.hincrby(TALLIES, field, number)
                for field, much in sums.items():
                    pipe.hincrbyfloat(TALLIES, field, much)
                if moved:
                    pipe.hset(PROGRESS, mapping={name: f"{at:.3f}" for name, at in moved.items()})
                pipe.execute()
        except (ClientError, OSError):
            self._add(whole, sums)
            with self._lock:
                self._moved = moved | self._moved
            return False
        return True

    def _emptied(self) -> tuple[dict[str, int], dict[str, float], dict[str, float]]:
        with self._lock:
            held = self._whole, self._sums, self._moved
            self._whole, self._sums, self._moved = {}, {}, {}
        return held

    def _add(self, whole: Mapping[str, int], sums: Mapping[str, float]) -> None:
        with self._lock:
            for field, number in whole.items():
                self._whole[field] = self._whole.get(field, 0) + number
            for field, much in sums.items():
                self._sums[field] = self._sums.get(field, 0.0) + much


@dataclass(frozen=True, slots=True)
class Read:
    """All that was counted: every series of every counter and histogram, those that never counted at 0."""

    counters: Mapping[Metric, Mapping[Labels, int]]
    histograms: Mapping[Metric, Mapping[Labels, Spread]]
    progress: Mapping[str, float]


def read(client: redis.Redis) -> Read:
    """What all processes have counted so far. Fields that this release does not know are left out.

    Raises RedisError when Redis is away.
    """
    found = _hash(client, TALLIES)
    counters: dict[Metric, dict[Labels, int]] = {}
    histograms: dict[Metric, dict[Labels, Spread]] = {}
    for metric in TALLIED:
        if metric.buckets:
            histograms[metric] = {labels: _spread(found, metric, labels) for labels in metric.every()}
        else:
            counters[metric] = {labels: int(_number(found, _field(metric, labels))) for labels in metric.every()}
    return Read(counters, histograms, progress(client))


def progress(client: redis.Redis) -> dict[str, float]:
    """When each service last got on, in seconds since 1970. Raises RedisError when Redis is away."""
    moved = _hash(client, PROGRESS)
    return {name: _number(moved, name) for name in moved}


def _hash(client: redis.Redis, key: str) -> dict[str, str]:
    try:
        found: Any = client.hgetall(key)
    except (ClientError, OSError) as error:
        raise RedisError(f"Redis does not say what was counted ({error})") from error
    return {_text(name): _text(value) for name, value in found.items()}


def _spread(found: Mapping[str, str], metric: Metric, labels: Labels) -> Spread:
    field = _field(metric, labels)
    hits = tuple(int(_number(found, f"{field}#{bound}")) for bound in _bounds(metric))
    return Spread(hits, _number(found, f"{field}#{SUM}"))


def _field(metric: Metric, values: Labels) -> str:
    pairs = ",".join(f"{name}={value}" for name, value in zip(metric.labels, values, strict=True))
    return f"{metric.name}{{{pairs}}}" if pairs else metric.name


def _bounds(metric: Metric) -> list[str]:
    return [*(f"{bound:g}" for bound in metric.buckets), INFINITE]


def _plain(labels: Mapping[str, str]) -> dict[str, str]:
    return {name.rstrip("_"): value for name, value in labels.items()}


def _number(found: Mapping[str, str], field: str) -> float:
    """0 for what is not there or is no number: somebody else may have written there."""
    with contextlib.suppress(ValueError):
        return float(found.get(field, 0))
    return 0.0


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
