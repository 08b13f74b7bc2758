"""The rhythm in which a feed brings entries, learned from poll to poll: what the schedule remembers of it.

Entries come as a Poisson process whose rate is a level, times a factor for the hour of the day, one for the day of the
week and one for the minute of the hour (all UTC), times two factors that forget quickly: how the last day and the last
hours differ from what was to be expected. What is counted is occasions: entries that come together are one, or a feed
that is written in batches would look as if news broke with each of them.

Counts decay exponentially, and factors are shrunk towards 1 by how little they stand out from chance (James and Stein,
1961, with Pearson's chi-squared as the measure), so that few entries make no pattern. Polling by such a profile follows
Sia, Cho and Cho, "Efficient Monitoring Algorithm for Fast News Alerts", IEEE TKDE 19(7), 2007.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
HOUR, DAY = 3600.0, 86_400.0
SLOT = 300.0
"""Seconds of one step in a forecast, and of one part of the hour that is told apart: the shortest usual interval."""
MEMORY = 14 * DAY
"""Time constant in seconds in which level and profile forget: two of each weekday, and a season passes within weeks."""
RECENT, NOW = DAY, 1.5 * HOUR
"""The same for the factors of the last day (holidays, a feed that fell asleep) and the last hours (news breaking)."""
TOGETHER = 90.0
"""Seconds. Entries that follow one another faster are one occasion."""
FIRST_RATE = 2.1 / HOUR
"""Occasions a second of a feed of which nothing is known: it earns a poll in about a quarter of an hour."""

FIRST_WEIGHT = 0.5
"""Occasions for which `FIRST_RATE` counts."""
DECAY_EVERY = 6 * HOUR
"""Seconds. What is rounded away at each poll would else never decay."""

_LIMIT = 1e11  # of the sum of numbers that are remembered; times are below it for centuries


@dataclass(slots=True)
class Pace:
    """What is remembered of one feed. Times are seconds since 1970, `hours_seen` and `days_seen` are hours.

    `seen` is until when it is known, `last` the time of the newest occasion. `quiet` are the occasions that were to be
    expected since then, `longest` and `longest_quiet` the longest such time in seconds and in expected occasions.
    `recent` and `now` are pairs: what came and what was expected, each with its own memory. `window` is how many
    entries the feed shows at once; 0 is unknown.
    """

    since: float = 0.0
    seen: float = 0.0
    decayed: float = 0.0
    last: float = 0.0
    known: int = 0
    hours: list[float] = field(default_factory=lambda: [0.0] * 24)
    hours_seen: list[float] = field(default_factory=lambda: [0.0] * 24)
    days: list[float] = field(default_factory=lambda: [0.0] * 7)
    days_seen: list[float] = field(default_factory=lambda: [0.0] * 7)
    minutes: list[float] = field(default_factory=lambda: [0.0] * 12)
    entries: float = 0.0
    recent: list[float] = field(default_factory=lambda: [0.0, 0.0])
    now: list[float] = field(default_factory=lambda: [0.0, 0.0])
    quiet: float = 0.0
    longest: float = 0.0
    longest_quiet: float = 0.0
    window: int = 0

    @property
    def batch(self) -> float:
        """Entries that come together, on average; at least 1."""
        return max(1.0, (self.entries + 1.0) / (sum(self.hours) + 1.0))


_LISTS = {"hours": 24, "hours_seen": 24, "days": 7, "days_seen": 7, "minutes": 12, "recent": 2, "now": 2}
_NUMBERS = ("since", "seen", "decayed", "last", "entries", "quiet", "longest", "longest_quiet")
_COUNTS = ("known", "window")


def remembered(memory: Mapping[str, Any]) -> Pace:
    """Read what `to_remember` gave. What cannot be read (another version, damage) is as if nothing were known."""
    if memory.get("version") != VERSION:
        return Pace()
    try:
        lists = {name: _numbers(memory[name], size) for name, size in _LISTS.items()}
        numbers = dict(zip(_NUMBERS, _numbers([memory[name] for name in _NUMBERS], len(_NUMBERS)), strict=True))
        counts = {name: int(memory[name]) for name in _COUNTS}
    except (KeyError, TypeError, ValueError, OverflowError):
        return Pace()
    return Pace(**lists, **numbers, **counts)  # type: ignore[arg-type]


def rounded(value: float) -> float:
    """Round what is remembered of a count, an hour or a factor."""
    return round(value, 3)


def to_remember(pace: Pace) -> dict[str, Any]:
    """Give what to keep, as JSON takes it: about a kilobyte."""
    values: dict[str, Any] = {"version": VERSION}
    values |= {name: getattr(pace, name) for name in _COUNTS}
    values |= {name: round(getattr(pace, name), 3) for name in _NUMBERS}
    values |= {name: getattr(pace, name) for name in _LISTS}
    return values


def _numbers(values: Any, size: int) -> list[float]:
    numbers = list(map(float, values))
    if len(numbers) != size or not (min(numbers) >= 0.0 and sum(numbers) < _LIMIT):  # false for NaN as well
        raise ValueError(values)
    return numbers
