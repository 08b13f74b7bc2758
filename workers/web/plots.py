"""Small charts as SVG paths, made here: they need no script, and print. Pure functions; colours are those of the
style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from pipeline.feeds.pace import Pace

DAYS = 14  # of a feed's rhythm: two of each weekday
HOURS = 24
LEVELS = 4  # shades of a cell that has entries


def bars(values: Sequence[float], width: float, height: float, gap: float = 1.0) -> str:
    """The path of a bar chart from 0 to the largest value: a bar for each, at least one unit high where it is not 0.

    Empty when there is nothing to be seen.
    """
    most = max(values, default=0.0)
    if most <= 0:
        return ""
    step = width / len(values)
    parts = []
    for place, value in enumerate(values):
        if value > 0:
            top = height - max(1.0, height * value / most)
            parts.append(f"M{_n(place * step)} {_n(height)}V{_n(top)}h{_n(step - gap)}V{_n(height)}z")
    return "".join(parts)


def line(values: Sequence[float | None], width: float, height: float, most: float = 0.0) -> str:
    """The path of a line from 0 to `most` or the largest value, if that is more; None leaves a gap."""
    top = max([most, *(value for value in values if value is not None)])
    if len(values) < 2 or top <= 0:
        return ""
    step = width / (len(values) - 1)
    parts: list[str] = []
    for place, (before, value) in enumerate(pairwise([None, *values])):
        if value is not None:
            turn = "L" if before is not None else "M"
            parts.append(f"{turn}{_n(place * step)} {_n(height - height * value / top)}")
    return "".join(parts)


def _n(value: float) -> str:
    """A coordinate in as few signs as will do."""
    return f"{value:.1f}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour in which entries came: its place in the grid, how dark it is (1 to `LEVELS`), and what it says."""

    hour: int
    row: int
    level: int
    says: str


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a feed's entries came: days from the oldest to today, each with its number of entries, and the cells."""

    days: Sequence[tuple[date, int]]
    cells: Sequence[Cell]
    total: int
    says: str


def rhythm(times: Iterable[datetime], now: datetime) -> Rhythm:
    """Count entries by day and hour, both UTC, over the last `DAYS` days; others are left out."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    counted: dict[tuple[int, int], int] = {}
    for at in (one.astimezone(UTC) for one in times):
        row = (at.date() - first).days
        if 0 <= row < DAYS:
            counted[row, at.hour] = counted.get((row, at.hour), 0) + 1
    most = max(counted.values(), default=1)
    cells = [
        Cell(hour, row, -(-count * LEVELS // most), _cell(first + timedelta(days=row), hour, count))
        for (row, hour), count in sorted(counted.items())
    ]
    days = [
        (first + timedelta(days=row), sum(count for (of, _), count in counted.items() if of == row))
        for row in range(DAYS)
    ]
    return Rhythm(days, cells, sum(counted.values()), _summary(counted))


def _cell(day: date, hour: int, count: int) -> str:
    return f"{day:%a} {day.day} {day:%b}, {hour:02}–{hour + 1:02} h: {count} {'entry' if count == 1 else 'entries'}"


def _summary(counted: dict[tuple[int, int], int]) -> str:
    """The plot in a sentence."""
    total = sum(counted.values())
    if not total:
        return f"No entries in the last {DAYS} days."
    by_hour = [sum(count for (_, hour), count in counted.items() if hour == each) for each in range(HOURS)]
    busiest = by_hour.index(max(by_hour))
    what = "1 entry" if total == 1 else f"{total:,} entries"
    return f"{what} in the last {DAYS} days, most of them between {busiest} and {busiest + 1} h UTC."


def by_hour(pace: Pace) -> list[float]:
    """How often something comes in each hour of the day (UTC), by the habit that the schedule has learned; all 0 where
    it knows none."""
    rates = [came / seen if seen > 0 else 0.0 for came, seen in zip(pace.hours, pace.hours_seen, strict=True)]
    return rates if pace.known else [0.0] * HOURS
