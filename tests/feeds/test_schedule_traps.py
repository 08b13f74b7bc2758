"""What has bitten other pollers, as far as the schedule decides on it, each under its own name."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from pipeline.feeds.moves import after_poll
from pipeline.feeds.schedule import SPREAD, PollOutcome, next_poll, updated_state
from pipeline.http.status import retry_after
from pipeline.records import Feed, FeedState
from tests.feeds.polls import BOUNDS, NOW, Polled, at, every

URL = "https://courier.example/rss"
ERRORS = [
    "dns", "refused", "timeout", "tls", "too-large", "server-error", "throttled", "forbidden", "challenge", "login",
    "payment", "not-found", "legal", "not-a-feed", "parked", "consent", "error-page", "blocked", "forbidden-address",
    "insecure-redirect", "bad-url", "client-error", "protocol", "unsolicited-304", "parser-gone", "error",
]  # fmt: skip


# ---- 5: 301/308 and 410 (FreshRSS#3561, lemon24/reader#246, vienna-rss#1546) ----


def test_one_permanent_redirect_does_not_move_a_feed() -> None:
    assert after_poll(Feed(id=1, url=URL), [(301, URL + "2")], is_feed=True, now=NOW).url is None


def test_a_permanent_redirect_that_lasts_moves_a_feed_once() -> None:
    feed = Feed(id=1, url=URL, moved_to=URL + "2", moved_seen=2, moved_since=at(-86_400))
    assert after_poll(feed, [(301, URL + "2")], is_feed=True, now=NOW).url == URL + "2"


def test_a_permanent_redirect_to_a_page_does_not_move_a_feed() -> None:
    feed = Feed(id=1, url=URL, moved_to="https://courier.example/", moved_seen=9, moved_since=at(-864_000))
    assert after_poll(feed, [(301, "https://courier.example/")], is_feed=False, now=NOW).url is None


def test_410_stops_the_polling_visibly() -> None:
    outcome = PollOutcome(error="https://courier.example/rss is gone for good (410 Gone)", error_reason="gone")
    due = next_poll(Feed(id=1, url=URL), outcome, now=NOW, bounds=BOUNDS, jitter=0.5)
    assert updated_state(Feed(id=1, url=URL), outcome) is FeedState.GONE
    assert "not polled any more; https://courier.example/rss is gone for good (410 Gone)" in due.reason


@pytest.mark.parametrize("reason", ["", *ERRORS])
def test_nothing_but_410_stops_it(reason: str) -> None:
    for state in (FeedState.ACTIVE, FeedState.PAUSED):
        assert updated_state(Feed(id=1, url=URL, state=state), PollOutcome(error_reason=reason)) is state


# ---- 6: Retry-After (miniflux#2128, #3900, commafeed#1166, #2181) ----


@pytest.mark.parametrize("written", ["7200", format_datetime(at(7200), usegmt=True)])
def test_retry_after_is_obeyed_in_seconds_and_as_a_date(written: str) -> None:
    asked = retry_after({"retry-after": written}, NOW)
    outcome = PollOutcome(error="asks us to slow down", error_reason="throttled", retry_after=asked)
    due = next_poll(Feed(id=1, url=URL), outcome, now=NOW, bounds=BOUNDS, jitter=0.0)
    assert due.at == at(7200)
    assert due.reason == "next in 2 h: asks us to slow down; the host asked for this pause"


def test_retry_after_is_obeyed_with_a_good_answer_too() -> None:
    due = next_poll(Feed(id=1, url=URL), PollOutcome(retry_after=30_000.0), now=NOW, bounds=BOUNDS, jitter=0.0)
    assert due.at == at(30_000)


def test_retry_after_of_years_is_a_day() -> None:
    outcome = PollOutcome(error_reason="throttled", retry_after=1e9)
    assert next_poll(Feed(id=1, url=URL), outcome, now=NOW, bounds=BOUNDS, jitter=0.0).at == at(86_400)


def test_not_everyone_comes_back_in_the_same_moment_after_retry_after() -> None:
    outcome = PollOutcome(error_reason="throttled", retry_after=3600.0)
    backs = [next_poll(Feed(id=1, url=URL), outcome, now=NOW, bounds=BOUNDS, jitter=n / 100).at for n in range(101)]
    assert min(backs) == at(3600)
    assert max(backs) == at(3600 * (1 + SPREAD))
    assert len(set(backs)) == 101


# ---- 7: a feed must not die after three errors (miniflux#879, #2895) ----


@pytest.mark.parametrize("reason", ERRORS)
def test_a_feed_that_fails_for_a_year_is_still_asked_and_comes_back(reason: str) -> None:
    polled = Polled(jitter=1.0)
    polled.publishes(every(3600, NOW - timedelta(days=2), NOW), at(86_400))
    before = polled.feed.interval
    for failures in range(1, 1500):
        seconds = polled.wait(polled.due.at, PollOutcome(error="away", error_reason=reason))
        assert 300 <= seconds <= 21_600 * (1 + SPREAD)
        assert updated_state(polled.feed, PollOutcome(error_reason=reason)) is FeedState.ACTIVE
        assert failures < 2 or f"{failures} failures in a row; away" in polled.due.reason
    now = polled.due.at
    assert now > at(300 * 86_400)
    shown = [now - timedelta(hours=hours) for hours in range(20)]
    assert polled.wait(now, PollOutcome(new=20, shown=shown)) < 4 * before
    assert polled.feed.failures == 0


# ---- 10: restarting must not poll everything again ----


def test_what_is_due_is_decided_once_and_kept() -> None:
    """A restart finds what the last poll decided: the decision takes nothing from the process that made it."""
    polled = Polled()
    polled.publishes(every(3600, NOW - timedelta(days=2), NOW), at(7200))
    outcome = PollOutcome(not_modified=True)
    one = next_poll(polled.feed, outcome, now=polled.due.at, bounds=BOUNDS, jitter=0.3)
    two = next_poll(polled.feed, outcome, now=polled.due.at, bounds=BOUNDS, jitter=0.3)
    assert one == two


# ---- 9: 403 may be throttling, 200 a challenge or a parked domain (commafeed#1362) ----


@pytest.mark.parametrize(
    ("reason", "seconds"), [("forbidden", 7200), ("challenge", 7200), ("parked", 1200), ("consent", 1200), ("tls", 300)]
)
def test_each_kind_of_error_has_its_own_patience(reason: str, seconds: float) -> None:
    known = Feed(id=1, url=URL, interval=3600.0, last_success=at(-3600))
    outcome = PollOutcome(error="named for what it is", error_reason=reason)
    assert next_poll(known, outcome, now=NOW, bounds=BOUNDS, jitter=0.0).at == at(seconds)


# ---- 12: late is not failed ----


@pytest.mark.parametrize("late", [3600.0, 86_400.0, 30 * 86_400.0])
def test_a_feed_that_was_polled_late_is_polled_once_and_goes_on_as_before(late: float) -> None:
    times = every(1800, NOW - timedelta(days=2), at(60 * 86_400))
    polled = Polled()
    polled.publishes(times, at(86_400))
    before, now = polled.feed.interval, polled.due.at + timedelta(seconds=late)
    last = polled.feed.last_polled or NOW
    new = sum(last < time <= now for time in times[:3000])
    shown = [time for time in times if time <= now][-50:]
    due = polled.poll(now, PollOutcome(new=min(new, 50), shown=shown))
    assert due.at >= now + timedelta(seconds=300), "not once for each time that was missed"
    assert polled.feed.failures == 0
    assert "fail" not in due.reason
    assert polled.feed.interval == pytest.approx(before, rel=0.6)


def test_a_silence_of_ours_is_none_of_the_feeds() -> None:
    times = every(7200, NOW - timedelta(days=20), at(60 * 86_400))
    polled = Polled()
    polled.publishes(times, at(86_400 * 5))
    now = polled.due.at + timedelta(days=10)
    polled.poll(now, PollOutcome(new=50, shown=[time for time in times if time <= now][-50:]))
    assert polled.feed.silent_since is None
