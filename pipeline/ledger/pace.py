"""How fast a storyline goes: one number by which lists are ordered, and its last two days hour by hour. Pure.

Both are kept in its row, since a list must not count articles to be put in order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

HALF_LIFE_HOURS = 6.0
"""After so long an article counts half: what broke this morning stands above what was large yesterday."""
REPRINT = 0.25  # what a reprint counts of an original: it shows interest, and nothing new
HOURS = 48  # kept of the pace
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)  # from which momentum counts; any fixed time would do
NOTHING: Mapping[str, Any] = {"momentum": 0.0, "pace": []}


def momentum(before: float, when: datetime, *, original: bool) -> float:
    """The momentum of a storyline with one article more.

    It is the binary logarithm of the sum of 2^(t/h) over its articles, t being hours since `EPOCH` and h the half-life:
    two storylines compare by it at any time as by the sum of 2^(-age/h), so that it changes only when an article comes.
    0 stands for no article.
    """
    added = _hours(when) / HALF_LIFE_HOURS + (0.0 if original else math.log2(REPRINT))
    if before <= 0.0:
        return max(added, 1e-9)
    high, low = max(before, added), min(before, added)
    return high + math.log1p(2.0 ** (low - high)) / math.log(2)


def pace(before: Sequence[int], when: datetime) -> list[int]:
    """The counts by hour with one article more: the number of the latest hour since `EPOCH`, then the count of that
    hour and of those before it, `HOURS` at most. Empty: no article."""
    hour = math.floor(_hours(when))
    latest, counts = (before[0], list(before[1:])) if before else (hour, [0])
    if hour > latest:
        counts = [0] * min(hour - latest, HOURS) + counts
        latest = hour
    place = latest - hour
    if place < HOURS:
        counts += [0] * (place + 1 - len(counts))
        counts[place] += 1
    counts = counts[:HOURS]
    while not counts[-1] and len(counts) > 1:
        counts.pop()
    return [latest, *counts]


def grown(row: Mapping[Any, Any], when: datetime, now: datetime, *, original: bool) -> dict[str, Any]:
    """Both columns of a row after an article of that time; one of the future counts as of now."""
    moment = min(when, now)
    return {
        "momentum": momentum(row["momentum"], moment, original=original),
        "pace": pace(row["pace"], moment),
    }


def counted(articles: Iterable[tuple[datetime, bool]], now: datetime) -> dict[str, Any]:
    """Both columns found anew, from the times of all articles and whether each is an original."""
    row = dict(NOTHING)
    for when, original in sorted(articles):
        row = grown(row, when, now, original=original)
    return row


def recent(kept: Sequence[int], now: datetime, *, bars: int, hours: int) -> list[int]:
    """The counts of the last `bars` times `hours` hours before now, the oldest first, as a chart shows them."""
    if not kept:
        return [0] * bars
    this, latest = math.floor(_hours(now)), kept[0]
    made = [0] * bars
    for place, count in enumerate(kept[1:]):
        back = max(0, this - (latest - place)) // hours
        if back < bars:
            made[bars - 1 - back] += count
    return made


def _hours(when: datetime) -> float:
    return (when - EPOCH).total_seconds() / 3600.0
