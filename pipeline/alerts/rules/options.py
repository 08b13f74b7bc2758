"""How a rule rings: for whom, and when it holds back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.errors import InputError

LIMIT = 10
"""Rings in an hour before the rest of the hour is told as one digest."""
MOST_COOLDOWN = timedelta(days=30)
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SINK = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of each day in which nobody is rung, in a time zone: from `start` on, up to `end`."""

    start: time
    end: time
    zone: ZoneInfo

    @classmethod
    def of(cls, hours: str, zone: str) -> Quiet:
        """From such as "22:00-07:00" and "Europe/Berlin". Raises InputError for what is neither."""
        found = _HOURS.fullmatch(hours.strip())
        if found is None or found[1] + found[2] == found[3] + found[4]:
            raise InputError(f"quiet hours {hours[:40]!r} cannot be read; write them as 22:00-07:00")
        try:
            known = ZoneInfo(zone)
        except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
            raise InputError(f"there is no time zone {zone[:40]!r}; write one such as Europe/Berlin or UTC") from error
        return cls(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])), known)

    def until(self, moment: datetime) -> datetime | None:
        """When the quiet hours that hold at `moment` are over; None where none do."""
        local = moment.astimezone(self.zone)
        clock, wraps = local.time(), self.start > self.end
        inside = clock >= self.start or clock < self.end if wraps else self.start <= clock < self.end
        if not inside:
            return None
        day = local.date() + timedelta(days=wraps and clock >= self.start)
        return datetime.combine(day, self.end, self.zone).astimezone(UTC)

    def stored(self) -> dict[str, str]:
        return {"hours": f"{self.start:%H:%M}-{self.end:%H:%M}", "zone": str(self.zone)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a rule was given beside its text: names of sinks (none: all of them), quiet hours, the least time between
    two rings, whether it rings again when a storyline that it rang for surges, and how many rings in an hour are told
    one by one."""

    sinks: tuple[str, ...] = ()
    quiet: Quiet | None = None
    cooldown: timedelta = timedelta(0)
    escalate: bool = True
    limit: int = LIMIT

    def stored(self) -> dict[str, Any]:
        """As plain values, which `of` takes."""
        return {
            "sinks": list(self.sinks),
            "quiet": self.quiet.stored() if self.quiet else None,
            "cooldown": self.cooldown.total_seconds(),
            "escalate": self.escalate,
            "limit": self.limit,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Options:
        """From plain values as `stored` gives them, with any left out. Raises InputError for what makes no sense."""
        quiet = stored.get("quiet")
        cooldown = timedelta(seconds=float(stored.get("cooldown") or 0))
        if not timedelta(0) <= cooldown <= MOST_COOLDOWN:
            raise InputError(f"a cool-down lasts {MOST_COOLDOWN.days} days at most")
        limit = int(stored.get("limit", LIMIT))
        if not 1 <= limit <= 1000:
            raise InputError("a rule rings 1 to 1000 times an hour before the rest is told as one digest")
        return cls(
            sinks=_sinks(stored.get("sinks") or ()),
            quiet=Quiet.of(str(quiet["hours"]), str(quiet.get("zone") or "UTC")) if quiet else None,
            cooldown=cooldown,
            escalate=bool(stored.get("escalate", True)),
            limit=limit,
        )


def span(text: str) -> timedelta:
    """A length of time such as 90s, 30m, 1h or 7d. Raises InputError for what is none."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise InputError(f"{text[:40]!r} is no length of time; write it as 90s, 30m, 1h or 7d")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _sinks(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or len(names) > 50:
        raise InputError("sinks are a list of up to 50 names")
    for name in names:
        if not isinstance(name, str) or not _SINK.fullmatch(name):
            raise InputError(f"{str(name)[:40]!r} cannot be the name of a sink")
    return tuple(dict.fromkeys(names))
