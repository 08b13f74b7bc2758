"""What is learned of a feed's rhythm, how it is kept, and what is foretold from it."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest

from pipeline.feeds.forecast import Forecast
from pipeline.feeds.learning import learn
from pipeline.feeds.pace import DAY, HOUR, Pace, remembered, to_remember
from tests.feeds.polls import NOW, every

START = NOW.timestamp()


def after(times: list[float], *, step: float = 1200.0, days: float = 14.0, window: int = 20) -> Pace:
    """Poll every `step` seconds for so many days while entries come at these times."""
    pace, at = Pace(), START
    while at < START + days * DAY:
        pace, _ = learn(pace, now=at, came=[time for time in times if at - step < time <= at], shown=window)
        at += step
    return pace


def chance(a_day: float, days: float = 14.0) -> list[float]:
    draw, times, at = random.Random(1), [], START
    while at < START + days * DAY:
        at += draw.expovariate(a_day / DAY)
        times.append(at)
    return times


def test_the_level_is_learned() -> None:
    for a_day in (0.5, 6.0, 60.0):
        times = chance(a_day)
        pace = after(times)
        assert Forecast(pace).level * pace.batch * DAY == pytest.approx(len(times) / 14, rel=0.25)


def test_chance_makes_no_pattern() -> None:
    forecast = Forecast(after(chance(48.0)))
    for factors in (forecast.hours, forecast.days, forecast.minutes):
        assert max(factors) < 1.6
        assert min(factors) > 0.5


def test_hours_days_and_minutes_stand_out_where_they_do() -> None:
    at_six = [time.timestamp() for time in every(DAY, NOW.replace(hour=6), NOW + timedelta(days=14))]
    forecast = Forecast(after([time + 60 * n for time in at_six for n in range(0, 10, 2)]))
    assert max(range(24), key=lambda hour: forecast.hours[hour]) == 6
    assert forecast.hours[6] > 10
    assert forecast.hours[15] < 1
    assert forecast.minutes[0] > 3
    weekdays = [time for time in chance(24.0) if (time // DAY + 3) % 7 < 5]
    forecast = Forecast(after(weekdays))
    assert max(forecast.days[5:]) < 0.5 < min(forecast.days[:5])


def test_what_comes_together_is_one_occasion() -> None:
    batches = [time + 5 * n for time in chance(8.0) for n in range(6)]
    pace = after(batches)
    assert pace.batch == pytest.approx(6, rel=0.2)
    assert Forecast(pace).level * DAY == pytest.approx(8, rel=0.3)


def test_undated_entries_are_spread_over_the_time_since_the_last_poll() -> None:
    pace, _ = learn(Pace(), now=START, came=[None] * 10, shown=10)
    assert (pace.known, pace.window) == (0, 10)
    pace, _ = learn(pace, now=START + 6 * HOUR, came=[None] * 6, shown=10)
    assert pace.known == 6
    assert [round(count) for count in pace.hours[12:18]] == [1] * 6


def test_dates_outside_of_the_time_since_the_last_poll_are_not_believed() -> None:
    pace, _ = learn(Pace(), now=START, came=[], shown=10)
    pace, _ = learn(pace, now=START + HOUR, came=[START - 40 * DAY, START + 9 * DAY, None], shown=10)
    assert pace.known == 3
    assert pace.hours[12] == 3


def test_an_old_entry_pinned_to_the_top_does_not_hide_the_rhythm() -> None:
    recent = [START - 600 * number for number in range(1, 20)]
    pinned = [*recent, START - 10 * DAY]
    for came in (recent, pinned):
        _, forecast = learn(Pace(), now=START, came=came, shown=20)
        assert forecast.level * HOUR == pytest.approx(6, rel=0.3)


def test_a_backlog_without_usable_dates_says_nothing() -> None:
    for came in ([None] * 30, [START] * 30, [START - 400 * DAY] * 30):
        pace, forecast = learn(Pace(), now=START, came=came, shown=30)
        assert pace.known == 0
        assert forecast.level * HOUR == pytest.approx(2.1)


def test_news_that_breaks_and_sleep_are_noticed_and_forgotten() -> None:
    times = chance(8.0)
    burst = [START + 14 * DAY - 300 * number for number in range(1, 20)]
    pace = after(sorted([*times, *burst]))
    forecast = Forecast(pace)
    assert forecast.now > 3
    assert after(times, days=15.0).now[0] < 3
    asleep = Forecast(after([time for time in times if time < START + 12 * DAY]))
    assert asleep.recent < 0.5


def test_the_memory_survives_json_and_stays_small() -> None:
    pace = after(sorted([*chance(100.0), *chance(3.0)]))
    memory = to_remember(pace)
    text = json.dumps(memory)
    assert len(text) < 2000
    assert to_remember(remembered(json.loads(text))) == memory


@pytest.mark.parametrize("damage", [{"hours": [1.0]}, {"minutes": ["x"] * 12}, {"known": None}, {"seen": float("nan")}])
def test_a_damaged_memory_is_as_none(damage: dict[str, object]) -> None:
    memory = to_remember(after(chance(10.0), days=2.0)) | damage
    assert remembered(memory) == Pace()


def test_a_clock_that_goes_back_does_no_harm() -> None:
    pace = after(chance(24.0), days=2.0)
    seen = pace.seen
    pace, _ = learn(pace, now=START, came=[START - 5, None], shown=20)
    assert pace.seen == seen


def test_the_time_seen_is_the_sum_of_its_parts() -> None:
    forecast = Forecast(after(chance(24.0)))
    begin = START + 1234.5
    whole = forecast.habit(begin, begin + 11 * HOUR)
    parts = sum(forecast.habit(begin + 0.5 * n * HOUR, begin + 0.5 * (n + 1) * HOUR) for n in range(22))
    assert whole == pytest.approx(parts)
    long = forecast.habit(begin, begin + 40 * HOUR)
    assert long == pytest.approx(
        sum(forecast.habit(begin + n * 4 * HOUR, begin + (n + 1) * 4 * HOUR) for n in range(10)), rel=0.05
    )


def test_what_left_the_feed_unseen_is_not_taken_for_quiet() -> None:
    """Ten entries are shown and all are new: only the time that they span was seen."""
    pace = after(chance(96.0), days=2.0)
    away = START + 5 * DAY
    pace, forecast = learn(pace, now=away, came=[away - 900 * number for number in range(1, 11)], shown=10)
    assert forecast.recent > 0.8
    assert forecast.level * DAY == pytest.approx(96, rel=0.2)
