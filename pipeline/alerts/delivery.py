"""Decisions about deliveries, without I/O: who is told of what, when it is tried again, when a sink rests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pipeline.alerts import alertmanager
from pipeline.records import Attempt, Delivery, Event, Sink

CALLS = alertmanager.TYPES
"""What sinks that ring people are told of, unless they ask for more."""
GIVE_UP = timedelta(hours=24)
FIRST_SECONDS = 5.0
MOST_SECONDS = 3600.0  # between two attempts, so that a receiver that comes back is found within an hour
BREAKER = 5  # failures in a row after which a sink is only probed
PROBE_SECONDS = 30.0
PROBE_MOST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery: `done`, `dead`, or `waiting` until `due`."""

    state: Literal["done", "dead", "waiting"]
    due: datetime


def wanted(sink: Sink, event: Event) -> bool:
    """Whether a sink is told of an event. A type stands for itself; `storyline.` or `storyline.*` for all of them.

    `alert.matched` goes to the sinks that its rule names, to all where it names none. That something is over is told
    only to those who were told of it.
    """
    named = event.data.get("sinks") or ()
    if event.type == "alert.matched" and named and sink.name not in named:
        return False
    if event.type == "feed.recovered" and not _chosen(sink, f"feed.{event.data.get('after')}"):
        return False
    return _chosen(sink, event.type)


def _chosen(sink: Sink, type_: str) -> bool:
    types = sink.types or (() if sink.kind == "webhook" else CALLS)
    return not types or any(_covers(one, type_) for one in types)


def _covers(pattern: str, type_: str) -> bool:
    prefix = pattern.removesuffix("*")
    return type_.startswith(prefix) if prefix.endswith(".") or pattern != prefix else type_ == pattern


def verdict(attempt: Attempt, attempts: int, since: datetime, now: datetime, jitter: float) -> Verdict:
    """What becomes of a delivery after its attempt number `attempts`; it waits since `since`. `jitter` is 0 to 1.

    The pause doubles from 5 s to an hour and is spread over its upper half; a wish of the receiver (Retry-After) is
    followed where it is longer, as far as the day allows.
    """
    if not attempt.error:
        return Verdict("done", now)
    if now - since >= GIVE_UP:
        return Verdict("dead", now)
    pause = min(FIRST_SECONDS * 2 ** min(attempts - 1, 20), MOST_SECONDS) * (0.5 + jitter / 2)
    due = now + timedelta(seconds=max(pause, attempt.after or 0.0))
    return Verdict("waiting", min(due, since + GIVE_UP))


def rest(failures: int, after: float | None, now: datetime, jitter: float) -> datetime | None:
    """Until when nothing is sent to a sink after `failures` in a row; None: it goes on.

    From the fifth on one delivery at a time is tried, every 30 s at first, every ten minutes at last. A Retry-After
    counts for the whole sink, for an hour at most.
    """
    pause = min(after or 0.0, MOST_SECONDS)
    if failures >= BREAKER:
        probe = min(PROBE_SECONDS * 2 ** min(failures - BREAKER, 20), PROBE_MOST_SECONDS)
        pause = max(pause, probe * (0.75 + jitter / 4))
    return now + timedelta(seconds=pause) if pause else None


def failures(sink: Sink, failed: Sequence[Delivery], refused: int) -> int:
    """The failures in a row of a sink after a turn in which it took nothing and refused these; `refused` is of how many
    subjects it refuses an event by now.

    What it refuses while it takes others says nothing new of it. Where one subject is refused and nothing else was
    tried, nobody knows whether it is the subject or the sink: others are tried as soon as they come.
    """
    last = sink.last_success
    if all(one.attempts and last is not None and last > one.since for one in failed):
        return sink.failures
    return sink.failures + 1 if refused > 1 else min(sink.failures + 1, max(sink.failures, BREAKER - 1))


def at_once(sink: Sink, most: int) -> int:
    """How many deliveries may be under way: one while it is seen whether the sink came back."""
    return 1 if sink.failures >= BREAKER else most


def rests(sink: Sink, now: datetime) -> bool:
    """Whether the sink is left in peace now. A rest that is further away than any means that the clock was set back."""
    return sink.rest_until is not None and timedelta(0) < sink.rest_until - now <= timedelta(seconds=MOST_SECONDS)


def unknown_types(types: Sequence[str], known: Sequence[str]) -> list[str]:
    """Those of a sink's types that stand for no type there is."""
    return [one for one in types if not any(_covers(one, type_) for type_ in known)]


def covered(types: Sequence[str], known: Sequence[str]) -> list[str]:
    """The types that there are which a sink's types stand for."""
    return [type_ for type_ in known if any(_covers(one, type_) for one in types)]
