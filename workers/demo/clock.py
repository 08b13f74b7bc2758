"""When each item of the demo wire is out. Pure: the start and the present moment are passed in."""

from __future__ import annotations

from datetime import datetime, timedelta

from workers.demo.world import Item, World

CUT_HOURS = 44.0  # of the wire's 72: the first poll shows a backlog of nearly two days, a good third is still to come
DURATION = 60.0  # seconds in which the rest comes out


def schedule(
    world: World, *, start: datetime, cut_hours: float = CUT_HOURS, duration: float = DURATION
) -> list[tuple[Item, datetime]]:
    """Return every item with its publication time, in the order in which they come out.

    Up to `cut_hours` an item is published as many hours before `start` as it lies before the cut; later ones are
    spread over `duration` seconds after `start`, in proportion to their hours, the last one at the very end. Times
    are whole seconds (feeds carry no finer ones) and never fall as hours rise.

    Args:
        start: when the wire begins to be served, timezone-aware.
        cut_hours: how many of the wire's hours lie in the past at that moment.
        duration: seconds over which the rest comes out; 0 shows everything at once.
    """
    begin = start.replace(microsecond=0)
    last = max((item.hours for item in world.items), default=0.0)
    pace = max(duration, 0.0) / (last - cut_hours) if last > cut_hours else 0.0  # seconds for an hour of the wire
    return [(item, _published(item.hours, begin, cut_hours, pace)) for item in world.items]


def _published(hours: float, begin: datetime, cut_hours: float, pace: float) -> datetime:
    if hours <= cut_hours:
        moment = begin - timedelta(hours=cut_hours - hours)
    else:
        moment = begin + timedelta(seconds=(hours - cut_hours) * pace)
    return moment.replace(microsecond=0)


def released(
    world: World, *, start: datetime, now: datetime, cut_hours: float = CUT_HOURS, duration: float = DURATION
) -> list[tuple[Item, datetime]]:
    """Return what is out at `now` with its publication time, oldest first: never one that lies after `now`."""
    whole = schedule(world, start=start, cut_hours=cut_hours, duration=duration)
    return [(item, published) for item, published in whole if published <= now]


def ended(
    world: World, *, start: datetime, now: datetime, cut_hours: float = CUT_HOURS, duration: float = DURATION
) -> bool:
    """Say whether everything is out."""
    out = released(world, start=start, now=now, cut_hours=cut_hours, duration=duration)
    return len(out) == len(world.items)
