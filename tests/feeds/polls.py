"""A feed over time: polls of one feed one after the other, remembered as the ledger does."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipeline.feeds.schedule import Bounds, Due, PollOutcome, next_poll
from pipeline.records import Feed

NOW = datetime(2025, 12, 3, 12, 0, tzinfo=UTC)  # a Wednesday
BOUNDS = Bounds(min_seconds=300, max_seconds=21_600)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Polled:
    """One feed and its polls; `feed` is what the ledger knows after them."""

    def __init__(self, bounds: Bounds = BOUNDS, jitter: float = 0.0) -> None:
        self.feed = Feed(id=1, url="https://courier.example/feed")
        self.bounds, self.jitter = bounds, jitter
        self.due = Due(at=NOW, interval=0.0, reason="new")

    def poll(self, now: datetime, outcome: PollOutcome) -> Due:
        self.due = due = next_poll(self.feed, outcome, now=now, bounds=self.bounds, jitter=self.jitter)
        well = not outcome.error_reason
        self.feed = replace(
            self.feed,
            due=due.at,
            due_reason=due.reason,
            interval=due.interval,
            pace=json.loads(json.dumps(due.pace)),
            hints=json.loads(json.dumps(due.hints)),
            silent_since=due.silent_since,
            entries_per_day=due.entries_per_day,
            failures=0 if well else self.feed.failures + 1,
            last_polled=now,
            last_success=now if well else self.feed.last_success,
            last_new=now if outcome.new else self.feed.last_new,
        )
        return due

    def wait(self, now: datetime, outcome: PollOutcome) -> float:
        """Seconds until the poll after this one."""
        return (self.poll(now, outcome).at - now).total_seconds()

    def publishes(self, times: Sequence[datetime], until: datetime, window: int = 50) -> list[datetime]:
        """Poll whenever it is due while entries appear at `times` (sorted). Returns when it was polled."""
        polls, last = [], self.feed.last_polled
        known = bisect_right(times, last) if last else 0
        while self.due.at < until:
            now = self.due.at
            shown = bisect_right(times, now)
            dates = list(times[max(0, shown - window) : shown])
            new = shown - max(known, shown - window)
            changed = new or self.feed.last_success is None
            self.poll(now, PollOutcome(new=new, shown=dates) if changed else PollOutcome(not_modified=True))
            polls.append(now)
            known = shown
        return polls


def every(seconds: float, start: datetime, end: datetime) -> list[datetime]:
    count = int((end - start).total_seconds() // seconds)
    return [start + timedelta(seconds=seconds * number) for number in range(1, count + 1)]
