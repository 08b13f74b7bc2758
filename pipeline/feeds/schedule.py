"""When to poll a feed next, and why: a pure decision on what the ledger knows and how the last poll went.

A feed with news is polled sooner (the interval is halved), a quiet one later (it grows by a half), both between bounds
and never slower than the rhythm in which the feed's own entries are dated. Errors back off exponentially and never end
the polling: hosts come back after months.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from pipeline.records import Entry, Feed, FeedState

FIRST_INTERVAL = 900.0
"""Seconds before the second poll of a feed whose rhythm is not known yet: a quarter of an hour, as most readers do."""
SPREAD = 0.1
"""Share of the waiting time that jitter may add, or all feeds of a host come back in the same second."""

_FASTER, _SLOWER = 0.5, 1.5
# Polls per entry that a feed's own rhythm earns: one half way between two entries halves the delay at twice the polls.
_POLLS_PER_ENTRY = 2.0
# Doublings after which a failing feed is at any real upper bound (five minutes times 2^10 are three and a half days).
_MAX_DOUBLINGS = 10
# What will not mend itself within minutes starts two doublings later.
_LASTING = frozenset(
    ("login", "payment", "not-found", "legal", "not-a-feed", "forbidden-address", "bad-url", "client-error")
)
# What our own polling may have caused: at least as slow as before, doubled.
_OUR_FAULT = frozenset(("throttled", "forbidden", "challenge"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Least and greatest time between two polls of one feed, in seconds."""

    min_seconds: float = 300.0
    max_seconds: float = 21_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollOutcome:
    """How a poll went.

    `new` are entries not seen before. `error` is a sentence and `error_reason` its short name; both are empty when
    the poll went well, with or without changes. `retry_after` (seconds) is what the host asked for, `ttl` (seconds)
    the least time between polls that the feed itself asks for, `rhythm` (seconds) what `rhythm()` gave for its entries.
    """

    new: int = 0
    not_modified: bool = False
    error: str = ""
    error_reason: str = ""
    retry_after: float | None = None
    ttl: float | None = None
    rhythm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When the next poll is due, the interval to remember (seconds; errors leave it as it was), and why in words."""

    at: datetime
    interval: float
    reason: str


def next_poll(feed: Feed, outcome: PollOutcome, *, now: datetime, bounds: Bounds, jitter: float) -> Due:
    """Decide when `feed`, as it was before the poll that ended in `outcome`, is polled next.

    `jitter` is a random number from 0 to 1, drawn by the caller. Jitter only delays, so that neither the lower bound
    nor a host's Retry-After is undercut; a Retry-After beyond the upper bound is obeyed.
    """
    if outcome.error_reason:
        interval = feed.interval or _clamp(FIRST_INTERVAL, bounds)
        wait, why = _after_error(feed, outcome, interval, bounds)
    else:
        interval, why = _after_success(feed, outcome, now, bounds)
        wait = interval
    if outcome.retry_after is not None and outcome.retry_after > wait:
        wait, why = outcome.retry_after, f"{why}; the host asked for this pause"
    wait *= 1 + SPREAD * min(max(jitter, 0.0), 1.0)
    return Due(at=now + timedelta(seconds=wait), interval=interval, reason=f"next in {spell(wait)}: {why}")


def updated_state(feed: Feed, outcome: PollOutcome) -> FeedState:
    """Give the state of `feed` after `outcome`: 410 says that it is gone for good; everything else may mend itself."""
    return FeedState.GONE if outcome.error_reason == "gone" else feed.state


def rhythm(entries: Sequence[Entry], now: datetime) -> float | None:
    """Give the seconds between a feed's newer entries, as they are dated, or None when fewer than three are.

    It is the median over the ten newest and the silence since, so that neither a burst nor one late entry decides.
    """
    dates = sorted((entry.published for entry in entries if entry.published is not None), reverse=True)[:10]
    if len(dates) < 3:
        return None
    gaps = [(later - earlier).total_seconds() for later, earlier in zip([now, *dates], dates, strict=False)]
    return max(median(gaps), gaps[0] / len(gaps))


def spell(seconds: float) -> str:
    """Give a duration as people say it: `45 s`, `11 min`, `1 h 30 min`, `2 days`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{round(hours / 24)} days"


def _after_success(feed: Feed, outcome: PollOutcome, now: datetime, bounds: Bounds) -> tuple[float, str]:
    # After errors the old interval says little: start as if it were new.
    known = feed.interval > 0 and feed.failures == 0
    interval = feed.interval if known else FIRST_INTERVAL
    own = None if outcome.rhythm is None else outcome.rhythm / _POLLS_PER_ENTRY
    if feed.last_success is None:
        # The first poll finds only backlog: it says nothing about how much is new, but its dates do.
        interval = FIRST_INTERVAL if own is None else own
        why = f"first read, {_entries(outcome.new)}"
    elif outcome.new:
        interval = interval * _FASTER if known else interval
        interval = interval if own is None else min(interval, own)
        why = f"{outcome.new} new {'entry' if outcome.new == 1 else 'entries'}"
    else:
        interval = interval * _SLOWER if known else interval
        # A feed of one entry an hour is quiet at most polls; that is no reason to drift away from its rhythm.
        interval = interval if own is None else min(interval, max(own, bounds.min_seconds))
        why = "unchanged" if outcome.not_modified else "nothing new"
        if feed.last_new is not None:
            why += f" for {spell((now - feed.last_new).total_seconds())}"
    interval = _clamp(interval, bounds)
    if outcome.ttl is not None and outcome.ttl > interval:
        wish = min(outcome.ttl, bounds.max_seconds)
        if wish > interval:
            return wish, f"{why}; the feed asks for this pause"
    return interval, why


def _after_error(feed: Feed, outcome: PollOutcome, interval: float, bounds: Bounds) -> tuple[float, str]:
    failures = feed.failures + 1
    words = outcome.error or outcome.error_reason
    if outcome.error_reason == "gone":
        return bounds.max_seconds, f"not polled any more; {words}"
    doublings = min(failures - 1 + (2 if outcome.error_reason in _LASTING else 0), _MAX_DOUBLINGS)
    wait = _clamp(bounds.min_seconds * 2.0**doublings, bounds)
    if outcome.error_reason in _OUR_FAULT:
        wait = _clamp(max(wait, interval * 2), bounds)
    return wait, words if failures == 1 else f"{failures} failures in a row; {words}"


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _clamp(seconds: float, bounds: Bounds) -> float:
    return min(max(seconds, bounds.min_seconds), bounds.max_seconds)
