"""The state of a storyline follows from its outlets, its pace, and its silence. Time is passed in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.storylines import life
from pipeline.storylines.life import Arrival, Pulse, Turn, Wire, look

START = datetime(2026, 11, 1, 6, tzinfo=UTC)
WINDOW = timedelta(days=30)


def hours(number: float) -> datetime:
    return START + timedelta(hours=number)


def arrival(seen: float, outlet: str = "Ant", **fields: Any) -> Arrival:
    given = {"written": hours(seen), "original": True, "backfill": False} | fields
    return Arrival(seen=hours(seen), outlet=outlet, **given)


def turn(
    arrivals: Sequence[Arrival], at: float, *, state: str = "emerging", since: float = 0.0, wire: Wire | None = None,
    **fields: Any,
) -> Turn:  # fmt: skip
    given = {"opened": START, "declared": False} | fields
    pulse = Pulse(state=state, since=hours(since), arrivals=arrivals, **given)
    return look(pulse, wire or Wire(), hours(at), window=WINDOW)


def crowd(count: int, begin: float, span: float, outlets: int = 6) -> list[Arrival]:
    return [arrival(begin + span * n / count, f"Outlet {n % outlets}") for n in range(count)]


def test_one_outlet_is_emerging_and_a_second_one_of_its_own_makes_it_develop() -> None:
    assert turn([arrival(0), arrival(1)], 1).state == "emerging"
    assert turn([arrival(0), arrival(1, "Bee", original=False)], 1).state == "emerging", "a reprint is no witness"
    assert turn([arrival(0), arrival(1, "")], 1).state == "emerging", "who it is must be known"
    found = turn([arrival(0), arrival(1, "Bee")], 1)
    assert (found.state, found.due) == ("developing", hours(25))


def test_witnesses_among_articles_that_are_not_looked_at_any_more_are_not_forgotten() -> None:
    many = [arrival(n / 10) for n in range(20)]
    assert turn(many, 2, state="developing", whole=False).state == "developing"
    assert turn(many, 2, state="developing", whole=True).state == "emerging", "the other outlet's was moved elsewhere"


def test_a_pace_far_above_its_own_is_a_surge() -> None:
    slow = [arrival(n * 2, f"Outlet {n % 4}") for n in range(12)]
    assert turn(slow, 22, state="developing").state == "developing"
    found = turn(slow + crowd(12, 24, 1), 25, state="developing")
    assert found.state == "surging"
    assert found.why["surprise"] >= life.BEGIN
    assert found.due == hours(25.25)


def test_a_storyline_that_always_runs_fast_does_not_surge() -> None:
    assert turn(crowd(240, 0, 24), 24, state="developing").state == "developing"


def test_one_outlet_alone_raises_no_surge_however_much_it_writes() -> None:
    flood = [arrival(24 + n / 200, "Ant") for n in range(200)]
    assert turn([arrival(0), arrival(1, "Bee"), *flood], 25, state="developing").state == "developing"
    helped = [*flood, arrival(24.5, "Bee"), arrival(24.6, "Cat")]
    assert turn(helped, 25, state="developing").state == "developing", "two that join it are no crowd either"


def test_reprints_and_late_articles_raise_no_surge() -> None:
    quiet = [arrival(0), arrival(1, "Bee")]
    reprints = [arrival(24 + n / 50, f"Outlet {n}", original=False) for n in range(40)]
    backfill = [arrival(24 + n / 50, f"Outlet {n}", backfill=True) for n in range(40)]
    old = [arrival(24 + n / 50, f"Outlet {n}", written=hours(-30)) for n in range(40)]
    for each in (reprints, backfill, old):
        assert turn([*quiet, *each], 24.9, state="developing").state == "developing"


def test_what_the_whole_wire_does_at_once_is_no_surge() -> None:
    slow = [arrival(n * 2, f"Outlet {n % 4}") for n in range(12)]
    story = slow + crowd(9, 24, 1)
    calm = Wire(counts={1: 100, 3: 300}, usual=2400)
    busy = Wire(counts={1: 400, 3: 800}, usual=2400)
    assert turn(story, 25, state="developing", wire=calm).state == "surging"
    assert turn(story, 25, state="developing", wire=busy).state == "developing"


def test_a_surge_does_not_flap() -> None:
    story = [arrival(n * 2, f"Outlet {n % 4}") for n in range(12)] + crowd(12, 24, 1)
    changes, state, since = [], "surging", 25.0
    for quarter in range(4 * 20):
        at = 25 + quarter / 4
        found = turn(story, at, state=state, since=since)
        if found.state != state:
            changes.append((at, found.state))
            state, since = found.state, at
    assert [name for _, name in changes] == ["developing"]
    assert 26 <= changes[0][0] <= 29, "when the last hours are ordinary again"


def test_it_is_quiet_after_a_silence_longer_than_its_own_pauses() -> None:
    daily = [arrival(24 * n) for n in range(6)]
    assert life.patience(daily) == timedelta(hours=72)
    assert turn(daily, 120 + 71).state == "emerging"
    assert turn(daily, 120 + 72).state == "quiet"
    assert life.patience(daily[:1]) == timedelta(hours=24), "at least a day"
    assert life.patience([arrival(96 * n) for n in range(6)]) == timedelta(days=5), "at most five"


def test_a_fresh_article_wakes_it_and_a_late_one_does_not() -> None:
    old = [arrival(0), arrival(1, "Bee")]
    assert turn([*old, arrival(50)], 50, state="quiet", since=25).state == "developing"
    for late in (arrival(50, written=hours(-10)), arrival(50, backfill=True), arrival(50, written=None, backfill=True)):
        assert turn([*old, late], 50, state="quiet", since=25).state == "quiet"


def test_it_closes_when_nobody_can_join_any_more_unless_it_was_declared() -> None:
    story = [arrival(0), arrival(1, "Bee")]
    found = turn(story, 30, state="quiet", since=25)
    end = hours(1) + WINDOW + timedelta(hours=48)
    assert found.due == end, "what was written 48 hours before it is seen may join until then"
    hour = (end - START).total_seconds() / 3600
    assert turn(story, hour - 0.1, state="quiet", since=25).state == "quiet"
    assert turn(story, hour, state="quiet", since=25) == Turn(
        state="closed",
        due=None,
        why={"silent_hours": hour - 1, "patience_hours": 24.0, "joins_until": end.isoformat()},
    )
    declared = turn(story, 10 * hour, state="quiet", since=25, declared=True)
    assert (declared.state, declared.due) == ("quiet", None)


@pytest.mark.parametrize(
    "late", [{"written": None}, {"backfill": True}, {"written": hours(-100)}, {"written": None, "backfill": True}]
)
def test_a_late_or_undated_article_does_not_reopen_a_closed_one(late: dict[str, Any]) -> None:
    found = turn([arrival(0), arrival(900, **late)], 900, state="closed", since=800)
    assert (found.state, found.due) == ("closed", None)


def test_a_dated_fresh_article_that_people_move_into_a_closed_one_reopens_it() -> None:
    assert turn([arrival(0), arrival(900, "Bee")], 900, state="closed", since=800).state == "developing"


def test_a_wrong_year_does_not_keep_it_open() -> None:
    story = [arrival(0, written=hours(100_000))]
    assert turn(story, 24 * 33, state="quiet", since=25).state == "closed"


def test_a_declared_one_without_coverage_waits() -> None:
    assert turn([], 10_000, declared=True) == Turn(state="emerging", due=None, why={})


@pytest.mark.parametrize(("count", "expected"), [(0, 0.5), (3, 2.0), (7, 0.75), (40, 12.0), (5, 30.0)])
def test_the_tail_is_that_of_poisson(count: int, expected: float) -> None:
    below = sum(math.exp(-expected) * expected**n / math.factorial(n) for n in range(count))
    assert life.tail(count, expected) == pytest.approx(1 - below, rel=1e-6, abs=1e-14)


def test_the_tail_of_what_cannot_be_is_small_but_no_zero() -> None:
    assert 0 < life.tail(100_000, 0.75) <= 1e-299
