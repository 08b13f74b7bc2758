"""What feeds and hosts ask for, taken as wishes: granted within the bounds and as long as no entry is lost by it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pipeline.feeds import wishes
from pipeline.feeds.schedule import PollOutcome
from pipeline.records import FeedHints
from tests.feeds.polls import NOW, Polled, at


def known(gap: float, window: int = 100) -> Polled:
    """A feed with an entry every `gap` seconds or so, polled once and due again."""
    polled = Polled()
    ages = [gap * (number + 0.8 * (number * 0.618 % 1)) for number in range(1, window + 1)]
    polled.poll(NOW, PollOutcome(new=window, shown=[at(-age) for age in ages]))
    return polled


def asked(polled: Polled, hints: FeedHints | None = None, max_age: float | None = None) -> float:
    return polled.wait(
        polled.due.at, PollOutcome(hints=hints, max_age=max_age, shown=[None] * polled.feed.pace["window"])
    )


def test_a_ttl_is_granted() -> None:
    assert asked(known(3600), FeedHints(ttl=7200, ttl_from="ttl")) == 7200


def test_a_ttl_that_is_shorter_than_the_rhythm_changes_nothing() -> None:
    assert asked(known(3600), FeedHints(ttl=60, ttl_from="ttl")) == asked(known(3600))


def test_no_wish_leads_beyond_the_upper_bound() -> None:
    assert asked(known(86_400, 20), FeedHints(ttl=604_800, ttl_from="ttl")) == 21_600
    assert asked(known(86_400, 20), max_age=1e9) == 21_600


def test_a_ttl_of_an_hour_at_twenty_entries_an_hour_is_cut_when_twenty_are_shown() -> None:
    polled = known(180, 20)
    seconds = asked(polled, FeedHints(ttl=3600, ttl_from="ttl"))
    assert 1200 < seconds < 3000
    assert "asks for this pause (ttl), but it shows only 20 entries at a time" in polled.due.reason
    assert asked(known(180, 200), FeedHints(ttl=3600, ttl_from="ttl")) == 3600


def test_a_fresh_answer_is_not_asked_for_again() -> None:
    polled = known(3600)
    assert asked(polled, max_age=5000) == 5000
    assert "its host says that the answer stays the same for so long" in polled.due.reason


def test_hourly_updates_are_believed_of_a_quiet_feed_only() -> None:
    hourly = FeedHints(ttl=3600, ttl_from="sy:updatePeriod")
    assert asked(known(4 * 3600, 40), hourly) == 3600
    assert asked(known(900), hourly) == asked(known(900))


def test_wishes_are_remembered_while_the_feed_is_unchanged() -> None:
    polled = known(3600)
    asked(polled, FeedHints(ttl=7200, ttl_from="ttl", skip_days=(6,)))
    assert polled.feed.hints == {"ttl": 7200, "ttl_from": "ttl", "skip_days": [6]}
    assert polled.wait(polled.due.at, PollOutcome(not_modified=True)) == 7200
    asked(polled, FeedHints())
    assert polled.feed.hints == {}


def test_hours_of_rest_are_kept() -> None:
    polled = known(6 * 3600, 40)  # a Wednesday, 12:00
    polled.poll(at(60), PollOutcome(hints=FeedHints(skip_hours=(12, 13, 14, 15)), shown=[None] * 40))
    assert polled.due.at == NOW.replace(hour=16)
    assert "rests until then (skipHours, skipDays)" in polled.due.reason


def test_hours_of_rest_are_not_kept_when_entries_would_be_lost() -> None:
    polled = known(360, 20)
    hints = FeedHints(skip_hours=tuple(range(12, 24)))
    seconds = asked(polled, hints)
    assert 2400 < seconds < 6000
    assert "but it shows only 20 entries" in polled.due.reason


@pytest.mark.parametrize(
    ("hints", "start", "end"),
    [
        ({}, NOW, NOW),
        ({"skip_days": [2]}, NOW, NOW.replace(day=4, hour=0)),
        ({"skip_days": [2], "skip_hours": [0, 1]}, NOW, NOW.replace(day=4, hour=2)),
        ({"skip_hours": [22, 23, 0, 1]}, NOW.replace(hour=22, minute=30), NOW.replace(day=4, hour=2)),
        ({"skip_hours": [22, 23, 0, 1]}, NOW, NOW),
        ({"skip_days": [5, 6]}, NOW.replace(day=6), NOW.replace(day=8, hour=0)),
        ({"skip_days": [0, 1, 2, 3, 4, 5]}, NOW, NOW + timedelta(days=3)),
        ({"skip_days": ["x", None], "skip_hours": "all"}, NOW, NOW),
    ],
)
def test_the_end_of_the_rest(hints: dict[str, object], start: datetime, end: datetime) -> None:
    assert wishes.rested(start.timestamp(), hints) == end.timestamp()
