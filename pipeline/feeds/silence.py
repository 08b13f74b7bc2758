"""Whether a feed has gone silent against its own rhythm: a decision on what the schedule learned of it.

A feed that answers well, for ever, with nothing new is a failure that no error tells of. The time since the newest
entry is measured in seconds and in how much was to be expected in it by the feed's habit, so that a night or a weekend
is no silence to those who rest then.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.feeds.pace import DAY, HOUR, Pace
from pipeline.feeds.words import often, spell

LEAST_KNOWN = 10
"""Occasions from which on a feed has a rhythm to fall silent against."""
LEAST_EXPECTED = 9.3
"""Occasions that were to be expected since the last: as many fail to come by chance once in 11,000 times (e^-9.3)."""
LEAST_SECONDS = 6 * HOUR
"""Shorter silences are no matter for an operator."""
YOUNG, LEAST_YOUNG = 14 * DAY, 3 * DAY
"""A feed known for less than two weeks (seconds) may rest at weekends: nothing is said before it was silent for three
days."""
# Times the longest that was seen, in expected occasions and in seconds: chance alone does not go so far beyond it, and
# where it does the profile is wrong.
_BEYOND_EXPECTED, _BEYOND_SECONDS = 3.0, 1.5


def silent_since(pace: Pace) -> datetime | None:
    """Give since when a feed with this pace is silent against its own rhythm, or None when it is not. To be asked after
    polls that went well: what cannot be reached is not silent."""
    if pace.known < LEAST_KNOWN or not pace.last:
        return None
    seconds = pace.seen - pace.last
    least = LEAST_YOUNG if pace.last - pace.since < YOUNG else LEAST_SECONDS
    long = seconds > max(least, _BEYOND_SECONDS * pace.longest)
    unlikely = pace.quiet > max(LEAST_EXPECTED, _BEYOND_EXPECTED * pace.longest_quiet)
    return datetime.fromtimestamp(pace.last, UTC) if long and unlikely else None


def usual(pace: Pace, a_day: float) -> float:
    """Give the entries a day of before the silence, from those that `pace` makes of both."""
    seen, silent = sum(pace.hours_seen) * HOUR, pace.seen - pace.last
    return round(a_day * seen / (seen - silent), 3) if seen > 2 * silent else a_day


def in_words(since: datetime, a_day: float, now: datetime) -> str:
    """Give a silence as people say it: `silent for 3 days, usually 12 entries a day`."""
    return f"silent for {spell(max((now - since).total_seconds(), 0.0))}, usually {often(a_day)}"
