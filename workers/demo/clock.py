"""When each item of the demo wire is out. Pure: the start and the present moment are passed in."""

from __future__ import annotations

from datetime import datetime, timedelta

from workers.demo.world import Item, World

CUT_HOURS = 44.0  # of the wire's 72: the first poll shows a backlog of nearly two days, a good third is still to come
DURATION = 60.0  # seconds in which the rest comes out


def schedule(
    world: World,
    *,
    start: datetime,
    cut_hours: float = CUT_HOURS,
    duration: float = DURATION,
    live: datetime | None = None,
) -> list[tuple[Item, datetime]]:
    """Return every item with its publication time, in the order in which they come out.

    Up to `cut_hours` an item is published as many hours before `start` as it lies before the cut; later ones are
    spread over `duration` seconds after `live`, in proportion to their hours, the last one at the very end. Times
    are whole seconds (feeds carry no finer ones) and never fall as hours rise.

    Args:
        start: when the wire begins to be served, timezone-aware.
        cut_hours: how many of the wire's hours lie in the past at that moment.
        duration: seconds over which the rest comes out; 0 shows everything at once.
        live: when the rest begins to come out, not before `start`; `start` when None.
    """
    begin = start.replace(microsecond=0)
    onset = begin if live is None else max(begin, live.replace(microsecond=0))
    last = max((item.hours for item in world.items), default=0.0)
    pace = max(duration, 0.0) / (last - cut_hours) if last > cut_hours else 0.0  # seconds for an hour of the wire
    backlog = (
        (item, begin - timedelta(hours=cut_hours - item.hours)) for item in world.items if item.hours <= cut_hours
    )
    rest = (
        (item, onset + timedelta(seconds=(item.hours - cut_hours) * pace))
        for item in world.items
        if item.hours > cut_hours
    )
    return [(item, moment.replace(microsecond=0)) for item, moment in (*backlog, *rest)]


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
