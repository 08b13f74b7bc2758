"""A stream's own habits count: after which pauses its storylines go on, and whether outlets come back to them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.storylines.rhythm import Rhythm


def after(rhythm: Rhythm, hours: float) -> float:
    return float(rhythm.pause(np.array([hours]))[0])


def test_a_new_stream_is_taken_for_a_usual_one() -> None:
    rhythm = Rhythm()
    assert rhythm.pause(np.array([0.0, 24.0, 1000.0])) == pytest.approx([0.0, 0.0, 0.0])
    assert rhythm.returns() == 0.0


def test_where_every_event_is_over_in_a_day_a_pause_of_days_speaks_against() -> None:
    rhythm = Rhythm()
    for _ in range(400):
        rhythm.add(0.0, "", members=1, came_back=False)
    assert after(rhythm, 0.0) > 0.5
    assert after(rhythm, 72.0) == pytest.approx(math.log(40 / 440))


def test_where_storylines_go_on_for_weeks_a_pause_of_weeks_speaks_for() -> None:
    rhythm = Rhythm()
    for _ in range(200):
        rhythm.add(500.0, "", members=1, came_back=False)
    assert after(rhythm, 400.0) > 2.0
    assert after(rhythm, 0.0) < 0.0


def test_outlets_that_never_come_back_make_a_return_odd_and_faithful_ones_prove_nothing() -> None:
    rare, common = Rhythm(), Rhythm()
    for i in range(400):
        rare.add(None, f"outlet{i % 4}", members=2, came_back=False)
        common.add(None, f"outlet{i % 4}", members=2, came_back=True)
    assert rare.returns() < -2.0
    assert common.returns() == 0.0


def test_habits_change_and_what_is_counted_stays_bounded() -> None:
    rhythm = Rhythm()
    for _ in range(10_000):
        rhythm.add(0.0, "", members=1, came_back=False)
    before = after(rhythm, 200.0)
    for i in range(6_000):
        rhythm.add(200.0, f"outlet{i}", members=1, came_back=False)
    assert before < -2.0 < 1.0 < after(rhythm, 200.0)
    assert len(rhythm._articles_of) <= 5_000
