"""Ten thousand feeds that are in step do not stay so: no thundering second after they were added or after an outage."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.feeds.schedule import PollOutcome, next_poll
from pipeline.records import Feed
from tests.feeds.polls import BOUNDS, NOW, at, every

COUNT, EACH = 2_000, 5  # feeds that are drawn, and for how many each of them stands
# What one poller does in a second (hundreds), with room: no second may ask for more.
MOST_A_SECOND = 150


def busiest(feed: Callable[[], Feed], outcome: PollOutcome, now: datetime = NOW) -> int:
    """How many of many such feeds are due in the same second after such a poll in the same moment."""
    draw = random.Random(1)
    seconds: Counter[int] = Counter()
    for _ in range(COUNT):
        due = next_poll(feed(), outcome, now=now, bounds=BOUNDS, jitter=draw.random())
        seconds[int((due.at - now).total_seconds())] += EACH
    return max(seconds.values())


def new() -> Feed:
    return Feed(id=1, url="https://courier.example/rss", due=NOW)


def test_after_they_were_added_together() -> None:
    assert busiest(new, PollOutcome(new=20, shown=[None] * 20)) < MOST_A_SECOND


def test_after_an_outage_of_the_network() -> None:
    assert busiest(new, PollOutcome(error="no route", error_reason="unreachable")) < MOST_A_SECOND


def test_when_they_come_back_together_after_failures() -> None:
    pace = _pace()
    failed = Feed(id=1, url="x", failures=5, due=NOW, last_success=at(-9000), interval=1300.0, pace=pace)
    assert busiest(lambda: failed, PollOutcome(not_modified=True)) < MOST_A_SECOND


def test_after_nobody_polled_for_a_night() -> None:
    pace = _pace()
    late = Feed(id=1, url="x", due=at(-28_800), last_success=at(-30_000), interval=1300.0, pace=pace)
    assert busiest(lambda: late, PollOutcome(not_modified=True)) < MOST_A_SECOND


def test_each_of_them_is_polled_once_and_its_first_poll_is_at_once() -> None:
    due = next_poll(
        new(), PollOutcome(new=20, shown=[None] * 20), now=NOW + timedelta(days=1), bounds=BOUNDS, jitter=1.0
    )
    assert due.at > NOW + timedelta(days=1, seconds=300)


def _pace() -> dict[str, object]:
    shown = every(3571, NOW - timedelta(days=3), NOW)
    first = next_poll(new(), PollOutcome(new=len(shown), shown=shown), now=NOW, bounds=BOUNDS, jitter=0.0)
    return dict(first.pace)
