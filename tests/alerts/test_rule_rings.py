"""When rules ring and when they hold back: quiet hours through changes of the clock, cool-downs, the hourly limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.alerts.rules.options import Options, Quiet, span
from pipeline.alerts.rules.ring import COOL_DOWN, QUIET_HOURS, TOO_MANY, Hold, Standing, hold
from pipeline.errors import InputError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "moment", "until"),
    [
        ("22:00-07:00", "UTC", "2026-03-01 21:59", None),
        ("22:00-07:00", "UTC", "2026-03-01 22:00", "2026-03-02 07:00"),
        ("22:00-07:00", "UTC", "2026-03-02 06:59", "2026-03-02 07:00"),
        ("22:00-07:00", "UTC", "2026-03-02 07:00", None),
        ("12:00-13:30", "UTC", "2026-03-02 13:00", "2026-03-02 13:30"),
        ("22:00-07:00", "Europe/Berlin", "2026-01-10 21:30", "2026-01-11 06:00"),
        ("22:00-07:00", "Europe/Berlin", "2026-03-28 21:30", "2026-03-29 05:00"),  # the night that is an hour short
        ("22:00-07:00", "Europe/Berlin", "2026-10-24 20:30", "2026-10-25 06:00"),  # the night that is an hour long
        ("22:00-07:00", "America/New_York", "2026-07-01 03:00", "2026-07-01 11:00"),
    ],
)
def test_quiet_hours_in_their_time_zone(hours: str, zone: str, moment: str, until: str | None) -> None:
    assert Quiet.of(hours, zone).until(utc(moment)) == (utc(until) if until else None)


@pytest.mark.parametrize(
    ("hours", "zone"),
    [
        ("22-7", "UTC"),
        ("24:00-07:00", "UTC"),
        ("07:00-07:00", "UTC"),
        ("22:00-07:00", "Mars/Olympus"),
        ("22:00-07:00", "../etc/passwd"),
    ],
)
def test_quiet_hours_that_make_no_sense_are_refused(hours: str, zone: str) -> None:
    with pytest.raises(InputError, match="write"):
        Quiet.of(hours, zone)


def test_a_ring_is_held_back_for_quiet_hours_then_cool_down_then_the_limit() -> None:
    options = Options(cooldown=30 * MINUTE, limit=2)
    fresh = Standing()
    assert hold(options, fresh, "first", NOON) is None
    once = fresh.rung(NOON)
    assert hold(options, once, "first", NOON + 29 * MINUTE) == Hold(NOON + 30 * MINUTE, COOL_DOWN)
    assert hold(options, once, "surge", NOON + 29 * MINUTE) is None
    assert hold(options, once, "first", NOON + 30 * MINUTE) is None
    twice = once.rung(NOON + 30 * MINUTE)
    assert hold(options, twice, "surge", NOON + 59 * MINUTE) == Hold(NOON + 60 * MINUTE, TOO_MANY)
    assert hold(options, twice, "first", NOON + 60 * MINUTE) is None
    assert twice.rung(NOON + 60 * MINUTE) == Standing(last=NOON + 60 * MINUTE, since=NOON + 60 * MINUTE, count=1)
    quiet = Options(quiet=Quiet.of("11:00-14:00", "UTC"))
    assert hold(quiet, fresh, "surge", NOON) == Hold(NOON + 120 * MINUTE, QUIET_HOURS)


def test_a_clock_that_was_set_back_holds_nothing_for_long() -> None:
    later = Standing().rung(NOON + timedelta(days=3))
    assert hold(Options(cooldown=timedelta(hours=1), limit=1), later, "first", NOON) is None


def test_options_come_back_as_they_were_stored() -> None:
    options = Options(
        sinks=("desk", "ops"),
        quiet=Quiet.of("22:00-07:00", "Europe/Berlin"),
        cooldown=span("90m"),
        escalate=False,
        limit=3,
    )
    assert Options.of(options.stored()) == options
    assert Options.of({}) == Options()


@pytest.mark.parametrize("stored", [{"cooldown": -1}, {"cooldown": 1e9}, {"limit": 0}, {"sinks": "desk"},
                                    {"sinks": [""]}, {"sinks": [3]}, {"quiet": {"hours": "always"}}])  # fmt: skip
def test_options_that_make_no_sense_are_refused(stored: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Options.of(stored)


def test_lengths_of_time() -> None:
    assert [span(text) for text in ("90s", "30m", "1h", "7d")] == [
        timedelta(seconds=90), timedelta(minutes=30), timedelta(hours=1), timedelta(days=7)
    ]  # fmt: skip
    with pytest.raises(InputError, match="write it as"):
        span("a week")
