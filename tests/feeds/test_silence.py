"""Feeds that fall silent against their own rhythm, and those that only rest."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from pipeline.feeds.schedule import PollOutcome
from pipeline.feeds.silence import in_words
from tests.feeds.polls import NOW, Polled, every

MONDAY = NOW.replace(day=1, hour=0)


def office(weeks: int) -> list[datetime]:
    """Twelve entries on each weekday between eight and six, of so many weeks."""
    days = [MONDAY + timedelta(days=day) for day in range(7 * weeks) if day % 7 < 5]
    return [entry for day in days for entry in every(3000, day + timedelta(hours=8), day + timedelta(hours=18))]


def test_a_regular_feed_that_stops_is_flagged_and_says_since_when() -> None:
    end = NOW + timedelta(days=10)
    times = every(7200, NOW - timedelta(days=5), end)
    polled = Polled()
    polled.publishes(times, end + timedelta(hours=14))
    assert polled.feed.silent_since is None
    polled.publishes(times, end + timedelta(days=4))
    assert polled.feed.silent_since == times[-1]
    assert polled.feed.entries_per_day == pytest.approx(12, rel=0.2)
    assert polled.due.reason.endswith(": silent for 4 days, usually 12 entries a day")


def test_the_next_new_entry_ends_it() -> None:
    end = NOW + timedelta(days=10)
    times = every(7200, NOW - timedelta(days=5), end)
    polled = Polled()
    polled.publishes(times, end + timedelta(days=4))
    assert polled.feed.silent_since is not None
    now = polled.due.at
    polled.poll(now, PollOutcome(new=1, shown=[*times[-49:], now]))
    assert polled.feed.silent_since is None


def test_the_usual_rate_stays_told_however_long_it_lasts() -> None:
    end = NOW + timedelta(days=10)
    polled = Polled()
    polled.publishes(every(7200, NOW - timedelta(days=5), end), end + timedelta(days=60))
    assert polled.feed.entries_per_day == pytest.approx(12, rel=0.2)
    assert "usually 12 entries a day" in polled.due.reason


def test_neither_nights_nor_weekends_are_silence_to_an_office() -> None:
    times, flagged = office(4), []
    polled = Polled()
    polled.due = polled.poll(MONDAY + timedelta(hours=12), PollOutcome(new=5, shown=times[:5]))
    while polled.due.at < MONDAY + timedelta(days=28):
        polled.publishes(times, polled.due.at + timedelta(hours=6), window=30)
        flagged.append(polled.feed.silent_since)
    assert set(flagged) == {None}
    polled.publishes(times, MONDAY + timedelta(days=36))
    assert polled.feed.silent_since is not None


def test_a_poisson_feed_is_hardly_ever_flagged() -> None:
    """Six feeds over four weeks; a chance of 1 in 10,000 at each of some 1,800 gaps, and longer than any before."""
    flagged = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        seconds = np.cumsum(rng.exponential(8000, 400))
        times = [NOW + timedelta(seconds=float(second)) for second in seconds]
        polled = Polled()
        while polled.due.at < NOW + timedelta(days=28):
            polled.publishes(times, polled.due.at + timedelta(hours=4))
            flagged += polled.feed.silent_since is not None
    assert flagged <= 1


def test_a_rare_feed_and_a_new_one_have_no_rhythm_to_fall_silent_against() -> None:
    polled = Polled()
    polled.publishes(every(86_400, NOW - timedelta(days=3), NOW), NOW + timedelta(days=30))
    assert polled.feed.silent_since is None
    polled = Polled()
    polled.publishes([], NOW + timedelta(days=30))
    assert polled.feed.silent_since is None


def test_a_feed_that_fails_is_not_silent() -> None:
    end = NOW + timedelta(days=10)
    polled = Polled()
    polled.publishes(every(7200, NOW - timedelta(days=5), end), end)
    while polled.due.at < end + timedelta(days=10):
        polled.poll(polled.due.at, PollOutcome(error="away", error_reason="timeout"))
    assert polled.feed.silent_since is None


def test_silence_in_words() -> None:
    assert in_words(NOW - timedelta(days=3), 12.2, NOW) == "silent for 3 days, usually 12 entries a day"
