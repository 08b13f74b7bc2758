"""When a match rings, and when it is held back to be told with others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from pipeline.alerts.rules.options import Options

Level = Literal["first", "surge"]
HOUR = timedelta(hours=1)
QUIET_HOURS, COOL_DOWN, TOO_MANY = "quiet hours", "cool-down", "too many"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """When a rule last rang, and how often in the hour that began with `since`."""

    last: datetime | None = None
    since: datetime | None = None
    count: int = 0

    def rung(self, moment: datetime) -> Standing:
        """The same after one more ring."""
        if self._open(moment):
            return replace(self, last=moment, count=self.count + 1)
        return Standing(last=moment, since=moment, count=1)

    def in_hour(self, moment: datetime) -> int:
        """Rings in the hour that is running; 0 when none is."""
        return self.count if self._open(moment) else 0

    def _open(self, moment: datetime) -> bool:
        # A beginning in the future means that the clock was set back since.
        return self.since is not None and self.since <= moment < self.since + HOUR


@dataclass(frozen=True, slots=True)
class Hold:
    """To be told at `until`, with whatever else was held back by then."""

    until: datetime
    reason: str


def hold(options: Options, standing: Standing, level: Level, moment: datetime) -> Hold | None:
    """Why a match is not told now, if it is not.

    A surge does not wait for the cool-down: it is the turn in a known story that a person wants to hear of.
    """
    quiet = options.quiet.until(moment) if options.quiet else None
    if quiet is not None:
        return Hold(quiet, QUIET_HOURS)
    cool = standing.last + options.cooldown if standing.last and standing.last <= moment else None
    if level == "first" and cool is not None and moment < cool:
        return Hold(cool, COOL_DOWN)
    if standing.since is not None and standing.in_hour(moment) >= options.limit:
        return Hold(standing.since + HOUR, TOO_MANY)
    return None
