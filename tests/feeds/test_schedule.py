"""When to poll next: a pure decision, with its reason in words."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feeds.schedule import PollOutcome, next_poll, updated_state
from pipeline.feeds.words import often, spell
from pipeline.records import Feed, FeedHints, FeedState
from tests.feeds.polls import BOUNDS, NOW, Polled, at, every


def backlog(seconds: float, count: int) -> PollOutcome:
    """A first poll whose entries are about so many seconds apart, at no special minutes."""
    ages = (seconds * (number + 0.8 * (number * 0.618 % 1)) for number in range(1, count + 1))
    return PollOutcome(new=count, shown=[at(-age) for age in ages])


def test_four_entries_an_hour_are_worth_a_poll_in_eleven_minutes() -> None:
    polled = Polled()
    assert 600 <= polled.wait(NOW, backlog(900, 100)) <= 720
    assert polled.due.reason == "next in 11 min: first read, 100 entries, 4 entries an hour by their dates"
    now = polled.due.at
    due = polled.poll(now, PollOutcome(new=1, shown=[now - timedelta(minutes=3)] * 100))
    assert due.reason == "next in 10 min: 1 new entry, 5 entries an hour"


@pytest.mark.parametrize(
    ("a_day", "least", "most"), [(240, 300, 430), (24, 1050, 1600), (4, 2600, 3700), (1, 5000, 8000)]
)
def test_a_feed_that_brings_four_times_as_many_is_polled_twice_as_often(a_day: int, least: int, most: int) -> None:
    polled = Polled()
    gap = 86_400 / a_day
    assert least <= polled.wait(NOW, backlog(gap, max(5, min(100, 10 * a_day)))) <= most
    assert polled.feed.entries_per_day == pytest.approx(a_day, rel=0.25)


def test_an_unknown_feed_is_polled_again_in_a_quarter_of_an_hour() -> None:
    polled = Polled()
    assert polled.wait(NOW, PollOutcome(new=30, shown=[None] * 30)) == pytest.approx(900, rel=0.05)
    assert polled.due.reason == "next in 15 min: first read, 30 entries"


def test_quiet_slows_it_down() -> None:
    polled, now, waits = Polled(), NOW, []
    polled.poll(NOW, PollOutcome(shown=[]))
    for _ in range(60):
        now = polled.due.at
        waits.append(polled.wait(now, PollOutcome(not_modified=True)))
    assert waits == sorted(waits)
    assert waits[-1] > 6 * waits[0]
    assert "unchanged" in polled.due.reason


def test_breaking_news_brings_the_next_poll_nearer_and_then_it_calms_down() -> None:
    polled = Polled()
    usual = every(3 * 3600, NOW - timedelta(days=3), at(86_400))
    polled.publishes(usual, at(86_400), window=50)
    before = polled.feed.interval
    begin = polled.due.at
    burst = every(240, begin, begin + timedelta(hours=2))
    polled.publishes(sorted([*usual, *burst]), begin + timedelta(hours=1))
    during = polled.feed.interval
    assert during < before / 3
    assert polled.due.reason.startswith("next in 7 min: news breaks: 13 new entries")
    polled.publishes(sorted([*usual, *burst]), begin + timedelta(hours=14))
    assert polled.feed.interval > 3 * during


def test_news_that_breaks_is_told_in_words() -> None:
    polled = Polled()
    polled.poll(NOW, backlog(6 * 3600, 20))
    now = polled.due.at
    outcome = PollOutcome(new=6, shown=[now - timedelta(minutes=2 * number) for number in range(6)])
    assert "news breaks: 6 new entries, usually 5 entries a day" in polled.poll(now, outcome).reason


def test_a_night_is_slept_through_and_the_morning_is_not_missed() -> None:
    times: list[datetime] = []
    for day in range(-6, 4):
        midnight = NOW.replace(hour=0) + timedelta(days=day)
        times += every(1200, midnight + timedelta(hours=7), midnight + timedelta(hours=21))
    polled = Polled()
    polls = polled.publishes(times, NOW + timedelta(days=3), window=100)
    last_day = [poll for poll in polls if poll > NOW + timedelta(days=2)]
    night = [poll for poll in last_day if poll.hour in (23, 0, 1, 2, 3, 4)]
    morning = [poll for poll in last_day if 7 <= poll.hour < 13]
    assert len(morning) >= 2 * len(night) > 0


def test_a_feed_written_on_the_hour_is_asked_right_after_it() -> None:
    hours = every(3600, NOW - timedelta(days=4), NOW + timedelta(days=4))
    times = [hour + timedelta(seconds=10 * number) for hour in hours for number in range(3)]
    polled = Polled()
    polls = polled.publishes(times, NOW + timedelta(days=4), window=40)
    last_day = [poll for poll in polls if poll > NOW + timedelta(days=3)]
    assert all(any(0 < (poll - hour).total_seconds() <= 400 for poll in last_day) for hour in hours[-20:-1])
    assert len(last_day) <= 60


@pytest.mark.parametrize(("window", "most"), [(200, 21_600), (10, 1800), (4, 720)])
def test_no_wish_keeps_it_away_until_more_than_half_of_what_it_shows_is_gone(window: int, most: float) -> None:
    times = [
        entry + timedelta(seconds=(n * 0.618 % 1) * 300) for n, entry in enumerate(every(360, at(-90_000), at(90_000)))
    ]
    polled = Polled()
    polled.poll(NOW, PollOutcome(new=window, shown=[time for time in times if time <= NOW][-window:], max_age=1e6))
    for _ in range(5):
        before, now = NOW if polled.feed.last_polled is None else polled.feed.last_polled, polled.due.at
        new = sum(before < time <= now for time in times)
        shown = [time for time in times if time <= now][-window:]
        seconds = polled.wait(now, PollOutcome(new=new, shown=shown, max_age=1e6))
    assert 0.6 * most < seconds <= 1.1 * most
    assert ("but it shows only" in polled.due.reason) == (window < 200)


def test_errors_back_off_and_never_end() -> None:
    polled = Polled()
    polled.poll(NOW, backlog(3600, 20))
    interval, pace = polled.feed.interval, polled.feed.pace
    failed = PollOutcome(error="the host failed with status 500", error_reason="server-error")
    waits = [polled.wait(polled.due.at, failed) for _ in range(40)]
    assert waits[:8] == [300, 600, 1200, 2400, 4800, 9600, 19_200, 21_600]
    assert set(waits[8:]) == {21_600}
    assert (polled.feed.interval, polled.feed.pace) == (interval, pace)


def test_errors_are_told_in_words() -> None:
    known = Feed(id=1, url="https://courier.example/feed", interval=1200.0, failures=2, last_success=at(-3600))
    outcome = PollOutcome(error="courier.example is not there (404 Not Found)", error_reason="not-found")
    due = next_poll(known, outcome, now=NOW, bounds=BOUNDS, jitter=0.0)
    assert due.reason == "next in 1 h 20 min: 3 failures in a row; courier.example is not there (404 Not Found)"


def test_a_throttling_host_is_polled_slower_than_before() -> None:
    known = Feed(id=1, url="https://courier.example/feed", interval=7200.0, last_success=at(-3600))
    due = next_poll(known, PollOutcome(error_reason="throttled"), now=NOW, bounds=BOUNDS, jitter=0.0)
    assert due.at == at(14_400)


def test_after_errors_it_goes_on_at_its_own_rhythm() -> None:
    polled = Polled()
    polled.poll(NOW, backlog(900, 100))
    before = polled.wait(polled.due.at, PollOutcome(not_modified=True))
    for _ in range(6):
        polled.poll(polled.due.at, PollOutcome(error="away", error_reason="timeout"))
    now = polled.due.at
    missed = [now - timedelta(seconds=900 * number) for number in range(12)]
    assert polled.wait(now, PollOutcome(new=12, shown=missed)) < 2 * before


def test_the_410_that_retires_a_feed_says_so() -> None:
    known = Feed(id=1, url="https://courier.example/feed")
    outcome = PollOutcome(error="it is gone", error_reason="gone")
    assert updated_state(known, outcome) is FeedState.GONE
    assert "not polled any more; it is gone" in next_poll(known, outcome, now=NOW, bounds=BOUNDS, jitter=0.0).reason


@pytest.mark.parametrize("memory", [{"version": 1}, {"version": 99}, {"version": 1, "hours": "x"}, {"x": [1]}])
def test_a_memory_that_cannot_be_read_is_begun_anew(memory: dict[str, object]) -> None:
    known = Feed(id=1, url="https://courier.example/feed", pace=memory, last_success=at(-600))
    due = next_poll(known, PollOutcome(not_modified=True), now=NOW, bounds=BOUNDS, jitter=0.0)
    assert due.pace["version"] == 1
    assert due.at > NOW


OUTCOMES = st.builds(
    PollOutcome,
    new=st.integers(0, 300),
    not_modified=st.booleans(),
    shown=st.none() | st.lists(st.none() | st.datetimes(timezones=st.just(NOW.tzinfo)), max_size=20),
    hints=st.none()
    | st.builds(
        FeedHints,
        ttl=st.none() | st.floats(0, 604_800),
        ttl_from=st.sampled_from(["ttl", "sy:updatePeriod"]),
        skip_hours=st.sets(st.integers(0, 23), max_size=23).map(tuple),
        skip_days=st.sets(st.integers(0, 6), max_size=6).map(tuple),
    ),
    max_age=st.none() | st.floats(0, 1e9),
    error_reason=st.sampled_from(["", "", "", "dns", "throttled", "not-found", "gone"]),
    retry_after=st.none() | st.floats(0, 1e9),
)


@given(st.lists(st.tuples(OUTCOMES, st.floats(0, 1e6), st.floats(0, 1)), min_size=1, max_size=8))
def test_whatever_happens_the_bounds_hold(polls: list[tuple[PollOutcome, float, float]]) -> None:
    polled = Polled()
    for outcome, late, jitter in polls:
        polled.jitter = jitter
        seconds = polled.wait(polled.due.at + timedelta(seconds=late), outcome)
        hints = polled.feed.hints
        longest = 21_600 + (3 * 86_400 if hints.get("skip_hours") or hints.get("skip_days") else 0)
        assert 300 - 1e-3 <= seconds <= max(longest, min(outcome.retry_after or 0, 86_400)) * 1.1 + 1e-3
        assert seconds >= min(outcome.retry_after or 0, 86_400) - 1e-3


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (660, "11 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (3599, "1 h"),
        (200_000, "2 days"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert spell(seconds) == words


@pytest.mark.parametrize(
    ("a_day", "words"),
    [
        (96, "4 entries an hour"),
        (12, "12 entries a day"),
        (1, "an entry a day"),
        (0.11, "an entry in 9 days"),
        (0.001, "hardly an entry"),
    ],
)
def test_rates_in_words(a_day: float, words: str) -> None:
    assert often(a_day) == words
