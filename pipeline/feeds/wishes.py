"""What feeds and their hosts ask of those who poll them, and how far that is granted.

`ttl` and the freshness of the answer (`freshness`) are pauses: within it a cache would give the same answer again.
`sy:updatePeriod` says how often the feed is updated: it is believed unless its entries say otherwise, since WordPress
writes "hourly" into every feed. No wish leads beyond the upper bound, nor to where entries could be lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.feeds.pace import DAY, HOUR
from pipeline.records import FeedHints

LONGEST_REST = 3 * DAY
"""Seconds. Hours and days to skip are granted for a weekend and a holiday, not for the rest of the week."""


def to_remember(hints: FeedHints) -> dict[str, Any]:
    """Give what to keep of a feed's hints, as JSON takes it."""
    values: dict[str, Any] = {}
    if hints.ttl is not None:
        values |= {"ttl": hints.ttl, "ttl_from": hints.ttl_from}
    if hints.skip_hours:
        values["skip_hours"] = list(hints.skip_hours)
    if hints.skip_days:
        values["skip_days"] = list(hints.skip_days)
    return values


def pause(hints: Mapping[str, Any], max_age: float | None, a_second: float) -> tuple[float, str]:
    """Give the least time until the next poll that is asked for, in seconds (0: none), and by whom.

    `hints` is what `to_remember` gave, `max_age` for how long the answer is fresh, `a_second` how many occasions of new
    entries are expected a second.
    """
    wishes = [(0.0, "")]
    ttl = hints.get("ttl")
    if isinstance(ttl, int | float) and ttl > 0:
        if hints.get("ttl_from") != "sy:updatePeriod":
            wishes.append((float(ttl), "the feed asks for this pause (ttl)"))
        elif a_second * ttl <= 1:
            wishes.append((float(ttl), "the feed says that it is not updated sooner (sy:updatePeriod)"))
    if max_age is not None and max_age > 0:
        wishes.append((max_age, "its host says that the answer stays the same for so long"))
    return max(wishes)


def rested(at: float, hints: Mapping[str, Any]) -> float:
    """Give the first time, from `at` on (seconds since 1970), that is in none of the hours and days to skip; at most
    `LONGEST_REST` later."""
    hours, days = _numbers(hints, "skip_hours"), _numbers(hints, "skip_days")
    if not hours and not days:
        return at
    end = at
    while end < at + LONGEST_REST:
        day, rest = divmod(end, DAY)
        if int(day + 3) % 7 in days:
            end = (day + 1) * DAY
        elif int(rest // HOUR) in hours:
            end = day * DAY + (rest // HOUR + 1) * HOUR
        else:
            return end
    return at + LONGEST_REST


def _numbers(hints: Mapping[str, Any], name: str) -> frozenset[int]:
    values = hints.get(name)
    return frozenset(value for value in values if isinstance(value, int)) if isinstance(values, list) else frozenset()
