"""When to poll next: a pure decision, with its reason in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feeds.schedule import FIRST_INTERVAL, Bounds, PollOutcome, next_poll, rhythm, spell, updated_state
from pipeline.records import Entry, Feed, FeedState

NOW = datetime(2025, 11, 30, 12, 0, tzinfo=UTC)
BOUNDS = Bounds(min_seconds=300, max_seconds=21_600)


def feed(**known: object) -> Feed:
    values = {"last_success": NOW - timedelta(hours=1), "interval": 1200.0, **known}
    return Feed(id=1, url="https://courier.example/feed", **values)  # type: ignore[arg-type]


def wait(known: Feed, outcome: PollOutcome, jitter: float = 0.0, bounds: Bounds = BOUNDS) -> float:
    due = next_poll(known, outcome, now=NOW, bounds=bounds, jitter=jitter)
    return (due.at - NOW).total_seconds()


def entries(*minutes_ago: float) -> list[Entry]:
    return [
        Entry(key=str(n), url="https://courier.example/", published=NOW - timedelta(minutes=ago))
        for n, ago in enumerate(minutes_ago)
    ]


def test_news_brings_the_next_poll_nearer() -> None:
    due = next_poll(feed(), PollOutcome(new=4), now=NOW, bounds=BOUNDS, jitter=0.0)
    assert due.at == NOW + timedelta(seconds=600)
    assert due.interval == 600
    assert due.reason == "next in 10 min: 4 new entries"


def test_silence_puts_it_off() -> None:
    known = feed(last_new=NOW - timedelta(hours=3))
    due = next_poll(known, PollOutcome(not_modified=True), now=NOW, bounds=BOUNDS, jitter=0.0)
    assert due.interval == 1800
    assert due.reason == "next in 30 min: unchanged for 3 h"


def test_bounds_hold_in_the_long_run() -> None:
    for outcome, end in ((PollOutcome(new=1), 300.0), (PollOutcome(), 21_600.0)):
        known = feed()
        for _ in range(30):
            known = feed(interval=next_poll(known, outcome, now=NOW, bounds=BOUNDS, jitter=0.5).interval)
        assert known.interval == end


def test_the_first_poll_says_nothing_about_news() -> None:
    fresh = feed(last_success=None, interval=0.0)
    assert wait(fresh, PollOutcome(new=100)) == FIRST_INTERVAL
    assert wait(fresh, PollOutcome(new=100, rhythm=3600.0)) == 1800


def test_a_regular_feed_is_not_polled_much_slower_than_its_rhythm() -> None:
    known = feed(interval=1800.0)
    for _ in range(10):
        interval = next_poll(known, PollOutcome(rhythm=3600.0), now=NOW, bounds=BOUNDS, jitter=0.0).interval
        known = feed(interval=interval)
    assert known.interval == 1800


def test_the_feeds_own_wish_is_heard_within_bounds() -> None:
    assert wait(feed(), PollOutcome(new=1, ttl=3600.0)) == 3600
    assert wait(feed(), PollOutcome(new=1, ttl=60.0)) == 600
    assert wait(feed(), PollOutcome(new=1, ttl=10_000_000.0)) == 21_600


def test_errors_back_off_and_never_end() -> None:
    waits = []
    for failures in range(40):
        due = next_poll(
            feed(failures=failures, interval=1200.0),
            PollOutcome(error="the host failed with status 500", error_reason="server-error"),
            now=NOW,
            bounds=BOUNDS,
            jitter=0.0,
        )
        waits.append((due.at - NOW).total_seconds())
        assert due.interval == 1200
    assert waits[:8] == [300, 600, 1200, 2400, 4800, 9600, 19_200, 21_600]
    assert set(waits[8:]) == {21_600}


def test_errors_are_told_in_words() -> None:
    outcome = PollOutcome(error="courier.example is not there (404 Not Found)", error_reason="not-found")
    due = next_poll(feed(failures=2), outcome, now=NOW, bounds=BOUNDS, jitter=0.0)
    assert due.reason == "next in 1 h 20 min: 3 failures in a row; courier.example is not there (404 Not Found)"


def test_a_throttling_host_is_polled_slower_than_before() -> None:
    assert wait(feed(interval=7200.0), PollOutcome(error_reason="throttled")) == 14_400


@pytest.mark.parametrize("reason", ["throttled", "server-error", ""])
def test_retry_after_is_obeyed_beyond_the_bounds(reason: str) -> None:
    due = next_poll(feed(), PollOutcome(error_reason=reason, retry_after=86_400.0), now=NOW, bounds=BOUNDS, jitter=0.0)
    assert (due.at - NOW).total_seconds() == 86_400
    assert "the host asked for this pause" in due.reason


def test_after_errors_it_starts_afresh() -> None:
    assert wait(feed(failures=5, interval=21_600.0), PollOutcome(new=1)) == FIRST_INTERVAL


def test_410_retires_a_feed_and_nothing_else_does() -> None:
    assert updated_state(feed(), PollOutcome(error_reason="gone")) is FeedState.GONE
    for reason in ("", "not-found", "login", "dns", "not-a-feed"):
        assert updated_state(feed(), PollOutcome(error_reason=reason)) is FeedState.ACTIVE
    assert updated_state(feed(state=FeedState.PAUSED), PollOutcome()) is FeedState.PAUSED
    due = next_poll(feed(), PollOutcome(error="it is gone", error_reason="gone"), now=NOW, bounds=BOUNDS, jitter=0.0)
    assert "not polled any more" in due.reason


@given(
    st.builds(
        PollOutcome,
        new=st.integers(0, 1000),
        not_modified=st.booleans(),
        error_reason=st.sampled_from(["", "dns", "throttled", "not-found", "gone"]),
        retry_after=st.none() | st.floats(0, 86_400),
        ttl=st.none() | st.floats(0, 1e9),
        rhythm=st.none() | st.floats(0, 1e9),
    ),
    st.floats(0, 1e6),
    st.integers(0, 10_000),
    st.floats(0, 1),
)
def test_never_sooner_than_the_lower_bound_nor_later_than_all_wishes(
    outcome: PollOutcome, interval: float, failures: int, jitter: float
) -> None:
    known = feed(interval=interval, failures=failures)
    seconds = wait(known, outcome, jitter)
    assert 300 - 1e-3 <= seconds <= max(21_600, outcome.retry_after or 0) * 1.1 + 1e-3
    assert seconds >= (outcome.retry_after or 0) - 1e-3


def test_rhythm() -> None:
    assert rhythm(entries(10, 70), NOW) is None
    assert rhythm(entries(130, 10, 70), NOW) == 3600
    # Three at once a day ago: the silence since counts.
    assert rhythm(entries(1440, 1440, 1440), NOW) == 1440 * 60 / 3
    assert rhythm([Entry(key="1", url="https://courier.example/")] * 5, NOW) is None


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
def test_spell(seconds: float, words: str) -> None:
    assert spell(seconds) == words
