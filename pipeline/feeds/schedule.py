"""When to poll a feed next, and why: a pure decision on what the ledger knows and how the last poll went.

A poll is due when the entries that are to be expected since the last one (`forecast`) have waited for so long, all
together, that a request is worth it: a feed that brings four times as many is polled twice as often. Around that stand
the bounds, what the feed and its host ask for (`wishes`), and that no entry may leave the feed unseen. Errors back off
exponentially and never end the polling: hosts come back after months.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipeline.feeds import silence, wishes
from pipeline.feeds.forecast import Forecast
from pipeline.feeds.learning import learn
from pipeline.feeds.pace import DAY, SLOT, Pace, remembered, to_remember
from pipeline.feeds.words import entries, often, spell
from pipeline.records import Feed, FeedHints, FeedState

FIRST_INTERVAL = 900.0
"""Seconds that count as the interval of a feed that was never read: a quarter of an hour, as most readers do."""
WORTH = 240.0
"""Seconds that entries wait, all of them together, for which one request is worth it: a feed of four entries an hour
is polled every eleven minutes then, one of an entry a day every hour and three quarters."""
SPREAD = 0.1
"""Share of the waiting time that jitter may add, or all feeds of a host come back in the same second."""
SPREAD_WIDE = 0.5
"""The same where many feeds are in step: after the first poll, after failures, and when a poll came late because nobody
polled for a while. It does not lead beyond the upper bound and `SPREAD`."""
RETRY_AFTER_LIMIT = 86_400.0
"""Seconds. Hosts have been seen to ask for years; a feed must come back to life within a day of its host."""

# Doublings after which a failing feed is at any real upper bound (five minutes times 2^10 are three and a half days).
_MAX_DOUBLINGS = 10
# What will not mend itself within minutes starts two doublings later.
_LASTING = frozenset(
    """
    login payment not-found legal not-a-feed parked consent blocked forbidden-address insecure-redirect bad-url
    client-error
    """.split()
)
# What our own polling may have caused: at least as slow as before, doubled.
_OUR_FAULT = frozenset(("throttled", "forbidden", "challenge"))
# A poll that comes later than this after it was due, in seconds and in intervals, is one of many that do.
_LATE_SECONDS, _LATE_INTERVALS = 60.0, 0.5
# Times the usual from which on news breaks.
_BREAKING = 2.5
# Times the average of an hour in one part of it from which on a feed is punctual: jitter must not spoil that.
_PUNCTUAL = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Least and greatest time between two polls of one feed, in seconds."""

    min_seconds: float = 300.0
    max_seconds: float = 21_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollOutcome:
    """How a poll went.

    `new` are entries not seen before. `shown` are the dates of all entries that the feed shows now, by its own word
    (None for an undated one); it is None when there was no new body. `hints` is what the body asks for, None without
    one. `max_age` (seconds) is for how long the answer is fresh (`freshness`). `error` is a sentence and `error_reason`
    its short name; both are empty when the poll went well, with or without changes. `retry_after` (seconds) is what the
    host asked for.
    """

    new: int = 0
    not_modified: bool = False
    shown: Sequence[datetime | None] | None = None
    hints: FeedHints | None = None
    max_age: float | None = None
    error: str = ""
    error_reason: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When the next poll is due, the interval to remember (seconds; errors leave it as it was), why in words; and what
    else is to be remembered of the feed, each under the name of its column."""

    at: datetime
    interval: float
    reason: str
    pace: Mapping[str, Any] = field(default_factory=dict)
    hints: Mapping[str, Any] = field(default_factory=dict)
    silent_since: datetime | None = None
    entries_per_day: float = 0.0


@dataclass(frozen=True, slots=True)
class _Plan:
    """Seconds to wait, why, and how many seconds jitter may add."""

    wait: float
    why: str
    room: float


@dataclass(frozen=True, slots=True)
class _Known:
    """What a poll that went well is judged by."""

    pace: Pace
    forecast: Forecast
    hints: Mapping[str, Any]
    silent_since: datetime | None
    entries_per_day: float
    now: datetime
    bounds: Bounds


def next_poll(feed: Feed, outcome: PollOutcome, *, now: datetime, bounds: Bounds, jitter: float) -> Due:
    """Decide when `feed`, as it was before the poll that ended in `outcome` at `now`, is polled next.

    `jitter` is a random number from 0 to 1, drawn by the caller. Jitter only delays, so that neither the lower bound
    nor a host's Retry-After is undercut; a Retry-After beyond the upper bound is obeyed, up to a day.
    """
    if outcome.error_reason:
        interval = feed.interval or _clamp(FIRST_INTERVAL, bounds)
        plan = _after_error(feed, outcome, interval, bounds)
        pace, hints, silent, a_day = feed.pace, feed.hints, feed.silent_since, feed.entries_per_day
    else:
        learned, forecast = _learned(feed, outcome, now)
        hints = feed.hints if outcome.hints is None else wishes.to_remember(outcome.hints)
        silent, a_day = silence.silent_since(learned), _a_day(learned, forecast)
        if silent is not None:
            a_day = feed.entries_per_day if feed.silent_since else silence.usual(learned, a_day)
        known = _Known(learned, forecast, hints, silent, a_day, now, bounds)
        plan = _as_wished(_after_success(feed, outcome, known), outcome, known)
        interval, pace = min(plan.wait, bounds.max_seconds), to_remember(learned)
    wait, why = _delayed(plan, outcome.retry_after or 0.0, jitter)
    return Due(
        at=now + timedelta(seconds=wait),
        interval=interval,
        reason=f"next in {spell(wait)}: {why}",
        pace=pace,
        hints=hints,
        silent_since=silent,
        entries_per_day=a_day,
    )


def updated_state(feed: Feed, outcome: PollOutcome) -> FeedState:
    """Give the state of `feed` after `outcome`: 410 says that it is gone for good; everything else may mend itself."""
    return FeedState.GONE if outcome.error_reason == "gone" else feed.state


def _delayed(plan: _Plan, retry_after: float, jitter: float) -> tuple[float, str]:
    """Seconds to wait, with what the host asked for and with jitter, and why."""
    wait, why, room = plan.wait, plan.why, plan.room
    asked = min(retry_after, RETRY_AFTER_LIMIT)
    if asked > wait:
        wait, why, room = asked, f"{why}; the host asked for this pause", SPREAD * asked
    return wait + room * min(max(jitter, 0.0), 1.0), why


def _a_day(pace: Pace, forecast: Forecast) -> float:
    """Entries a day, by habit."""
    return round(forecast.level * pace.batch * DAY, 3) if pace.known else 0.0


def _learned(feed: Feed, outcome: PollOutcome, now: datetime) -> tuple[Pace, Forecast]:
    """What is known of the feed's rhythm with this poll, and what is to be expected."""
    came: list[float | None] = []
    if outcome.new:
        # The newest of those that are shown are the new ones, as a rule; which these are makes no difference otherwise.
        dates = (date.timestamp() for date in outcome.shown or () if date is not None and date <= now)
        came += sorted(dates, reverse=True)[: outcome.new]
        came += [None] * (outcome.new - len(came))
    shown = None if outcome.shown is None else len(outcome.shown)
    return learn(remembered(feed.pace), now=now.timestamp(), came=came, shown=shown)


def _after_success(feed: Feed, outcome: PollOutcome, known: _Known) -> _Plan:
    pace, forecast, bounds = known.pace, known.forecast, known.bounds
    room = pace.window / 2 / pace.batch if pace.window else math.inf
    moment = known.now.timestamp()
    wait = forecast.worthwhile(moment, bounds.min_seconds, bounds.max_seconds, WORTH / pace.batch, room)
    room_for_jitter = _wide(wait, bounds) if _in_step(feed, known.now) else _jitter(wait, forecast)
    return _Plan(wait, _why(feed, outcome, known), room_for_jitter)


def _why(feed: Feed, outcome: PollOutcome, known: _Known) -> str:
    """What came, and how often entries come."""
    usual = often(known.entries_per_day)
    if feed.last_success is None:
        return f"first read, {entries(outcome.new)}" + (f", {usual} by their dates" if known.pace.known else "")
    if known.silent_since is not None:
        return silence.in_words(known.silent_since, known.entries_per_day, known.now)
    if outcome.new:
        new = entries(outcome.new, "new ")
        if known.forecast.now > _BREAKING:
            return f"news breaks: {new}, usually {usual}"
        return f"{new}, {often(known.forecast.rate(known.now.timestamp()) * known.pace.batch * DAY)}"
    why = "unchanged" if outcome.not_modified else "nothing new"
    if feed.last_new is not None:
        why += f" for {spell((known.now - feed.last_new).total_seconds())}"
    return why + (f", usually {usual}" if known.pace.known else "")


def _as_wished(plan: _Plan, outcome: PollOutcome, known: _Known) -> _Plan:
    """The plan, later where feed or host ask for it and nothing is lost by that."""
    pace, forecast, moment = known.pace, known.forecast, known.now.timestamp()
    asked, who = wishes.pause(known.hints, outcome.max_age, forecast.level)
    asked = min(asked, known.bounds.max_seconds)
    wait, why = (asked, f"{plan.why}; {who}") if asked > plan.wait else (plan.wait, plan.why)
    rested = wishes.rested(moment + wait, known.hints) - moment
    if rested > wait + 1:
        wait, why = rested, f"{why}; the feed rests until then (skipHours, skipDays)"
    if wait <= plan.wait:
        return plan
    if pace.window:
        # As if nothing were worth a poll before entries begin to be lost.
        loss = forecast.worthwhile(moment, plan.wait, wait, math.inf, pace.window / 2 / pace.batch)
        if loss < wait:
            wait, why = loss, f"{why}, but it shows only {entries(pace.window)} at a time"
    room = min(plan.room, known.bounds.max_seconds * (1 + SPREAD) - wait)
    return _Plan(wait, why, max(room, _jitter(wait, forecast)))


def _after_error(feed: Feed, outcome: PollOutcome, interval: float, bounds: Bounds) -> _Plan:
    failures = feed.failures + 1
    words = outcome.error or outcome.error_reason
    if outcome.error_reason == "gone":
        return _Plan(bounds.max_seconds, f"not polled any more; {words}", 0.0)
    doublings = min(failures - 1 + (2 if outcome.error_reason in _LASTING else 0), _MAX_DOUBLINGS)
    wait = _clamp(bounds.min_seconds * 2.0**doublings, bounds)
    if outcome.error_reason in _OUR_FAULT:
        wait = _clamp(max(wait, interval * 2), bounds)
    why = words if failures == 1 else f"{failures} failures in a row; {words}"
    return _Plan(wait, why, _wide(wait, bounds))


def _in_step(feed: Feed, now: datetime) -> bool:
    """Whether this poll may be one of many in the same moment: a first one, one after failures, or a late one."""
    late = (now - feed.due).total_seconds() if feed.due is not None else 0.0
    return feed.last_success is None or feed.failures > 0 or late > _LATE_SECONDS + _LATE_INTERVALS * feed.interval


def _jitter(wait: float, forecast: Forecast) -> float:
    return min(SPREAD * wait, SLOT / 2) if max(forecast.minutes) > _PUNCTUAL else SPREAD * wait


def _wide(wait: float, bounds: Bounds) -> float:
    return max(min(SPREAD_WIDE * wait, bounds.max_seconds * (1 + SPREAD) - wait), SPREAD * wait)


def _clamp(seconds: float, bounds: Bounds) -> float:
    return min(max(seconds, bounds.min_seconds), bounds.max_seconds)
