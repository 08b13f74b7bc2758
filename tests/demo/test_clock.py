"""What is out when: a backlog at the start, the rest spread over the run, never anything from the future."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from workers.demo.clock import ended, released, schedule
from workers.demo.world import World, load
from workers.seeds import seeds_dir

from .conftest import START

SECOND = timedelta(seconds=1)


def test_the_backlog_lies_hours_back(world: World) -> None:
    out = {item.id: published for item, published in released(world, start=START, now=START)}
    assert out["mill-1"] == START - timedelta(hours=42)
    assert out["single-1"] == START - timedelta(hours=24)
    assert "mill-4" not in out
    assert "single-2" not in out


def test_the_rest_is_spread_over_the_duration(world: World) -> None:
    when = {item.id: published for item, published in schedule(world, start=START, cut_hours=48, duration=60)}
    assert when["mill-4"] == START + timedelta(seconds=30)  # hour 60 of 48..72
    assert when["single-2"] == START + timedelta(seconds=60)


@pytest.mark.parametrize("duration", [0.0, 0.5, 7.0, 60.0, 3600.0])
def test_what_is_out_grows_and_is_never_from_the_future(duration: float) -> None:
    world = load(seeds_dir() / "demo")
    start = START + timedelta(microseconds=654_321)
    before: list[str] = []
    for step in range(21):
        now = start + timedelta(seconds=duration * step / 20)
        out = released(world, start=start, now=now, duration=duration)
        ids = [item.id for item, _ in out]
        assert ids[: len(before)] == before
        assert all(published <= now for _, published in out)
        assert all(published.microsecond == 0 for _, published in out)
        before = ids
    assert len(before) == len(world.items)


def test_publication_times_never_fall_and_reprints_follow_originals() -> None:
    world = load(seeds_dir() / "demo")
    whole = schedule(world, start=START)
    assert all(one[1] <= two[1] for one, two in pairwise(whole))
    place = {item.id: number for number, (item, _) in enumerate(whole)}
    reprints = [item for item, _ in whole if item.copy_of]
    assert reprints
    assert all(place[item.copy_of] < place[item.id] for item in reprints)


def test_the_shipped_wire_shows_a_backlog_and_keeps_some_for_later() -> None:
    world = load(seeds_dir() / "demo")
    first = len(released(world, start=START, now=START))
    assert len(world.items) // 2 < first < len(world.items) * 0.9


def test_it_ends_with_its_last_item(world: World) -> None:
    assert not ended(world, start=START, now=START, duration=60)
    assert not ended(world, start=START, now=START + 59 * SECOND, duration=60)
    assert ended(world, start=START, now=START + 60 * SECOND, duration=60)


def test_everything_is_out_at_once_when_all_lies_before_the_cut(world: World) -> None:
    assert ended(world, start=START, now=START, cut_hours=72)
    assert ended(world, start=START, now=START, duration=0)
