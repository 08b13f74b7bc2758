"""The life of a storyline: emerging, developing, surging, quiet, closed. Pure: what is known of it goes in, its state
and the time of the next look come out.

A surge is a count that its rate does not explain: the chance of so many originals or more in the last one or three
hours, were they to come as a Poisson process at the expected rate. As in Kleinberg, "Bursty and Hierarchical Structure
in Streams" (KDD 2002), entering a burst has to be paid for and staying in it does not: the chance must be below 1 in
10,000 to begin it, and it lasts until the count is about what is expected (1 in 10). That is the storyline's own rate,
decaying with a half-life of twelve hours, times the present pace of the whole wire where that runs faster than usual.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

EMERGING, DEVELOPING, SURGING = "emerging", "developing", "surging"
QUIET, CLOSED = "quiet", "closed"

LATE = timedelta(hours=48)
"""Written longer than this before it was seen, an article says nothing about the present."""
WINDOWS = (1, 3)  # hours in which arrivals are counted
USUAL_HOURS = 24  # over which the wire's usual pace is taken
LEAST_OUTLETS = 3  # independent ones in the window, for a surge
MOST_OF_ONE = 3  # originals of one outlet that count in a window: an outlet that floods is no crowd
BEGIN, END = (
    4.0,
    1.0,
)  # surprise, minus the decimal logarithm of the chance, at which a surge begins and below which it ends
LEAST_SURGE = timedelta(hours=1)
SURGE_LOOK = timedelta(minutes=15)  # between looks at a surge: that nobody writes any more brings no article to say so
HALF_LIFE = 12.0  # hours
PRIOR_HOURS = 3.0  # of silence before the first arrival, or two articles within minutes would make a rate
LEAST_RATE = 0.75  # originals an hour that any storyline may have: below six in an hour or ten in three nothing surges
STEADY = 5.0  # articles by which the wire's pace is drawn to the usual: of few, nobody can tell
MOST_PACE = 4.0  # a poller that catches up is no reason to expect ten times as much of everything
QUIET_LEAST, QUIET_MOST = timedelta(hours=24), timedelta(days=5)
LONGER = 3.0  # times the pauses that it has had, nine in ten of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One of a storyline's latest articles: when it was first seen, when it was written (None: undated)."""

    seen: datetime
    written: datetime | None
    outlet: str
    original: bool
    backfill: bool

    @property
    def fresh(self) -> bool:
        """Whether it says that the story goes on: not from a feed's first poll, and not written long before."""
        return not self.backfill and (self.written is None or self.seen - self.written <= LATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What is known of a storyline when its life is looked at: its state and since when, when it was opened, and its
    latest articles in any order (`arrivals`); `whole` says whether these are all it has."""

    state: str
    since: datetime
    opened: datetime
    declared: bool
    arrivals: Sequence[Arrival]
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How many articles the whole wire filed in the last hours: `counts` by each of `WINDOWS`, `usual` in the
    `USUAL_HOURS` before now."""

    counts: Mapping[int, int] = field(default_factory=dict)
    usual: int = 0

    def pace(self, hours: int, own: int, own_usual: int) -> float:
        """How many times its usual rate it has had in these hours, 1 to `MOST_PACE`, without what is the storyline's
        `own` in them and in the usual time: else a story that is the whole wire would explain itself."""
        others = max(0, self.counts.get(hours, 0) - own)
        usual = max(0, self.usual - own_usual) * hours / USUAL_HOURS
        return min(MOST_PACE, max(1.0, (others + STEADY) / (usual + STEADY)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The state that a storyline is in from now on, when to look again (None: when it grows), and why."""

    state: str
    due: datetime | None
    why: Mapping[str, Any]


def look(pulse: Pulse, wire: Wire, moment: datetime, *, window: timedelta) -> Turn:
    """The state of a storyline at `moment`. `window` is how long after its last article another one may join it."""
    fresh = sorted((one for one in pulse.arrivals if one.fresh), key=lambda one: one.seen)
    if not pulse.arrivals:
        return Turn(state=EMERGING, due=None, why={})
    if pulse.state == CLOSED and not any(one.written is not None and one.seen > pulse.since for one in fresh):
        return Turn(state=CLOSED, due=None, why={})
    last, limit = (fresh[-1].seen if fresh else pulse.opened), patience(fresh)
    if moment >= last + limit:
        return _silent(pulse, last, limit, moment, window)
    state = _level(pulse)
    outlets = {"outlets": len(_outlets(pulse.arrivals))}
    if state == DEVELOPING:
        found = surprise(pulse.arrivals, wire, moment)
        if _surges(pulse, found, moment):
            return Turn(state=SURGING, due=min(moment + SURGE_LOOK, last + limit), why=found)
        if pulse.state == SURGING:
            return Turn(state=state, due=last + limit, why=found)
    return Turn(state=state, due=last + limit, why=outlets)


def patience(fresh: Sequence[Arrival]) -> timedelta:
    """How long nothing fresh may come before a storyline counts as quiet: clearly longer than the pauses it has had."""
    gaps = sorted(b.seen - a.seen for a, b in itertools.pairwise(fresh))
    if len(gaps) < 2:
        return QUIET_LEAST
    usual = gaps[math.ceil(0.9 * len(gaps)) - 1]
    return min(QUIET_MOST, max(QUIET_LEAST, LONGER * usual))


def surprise(arrivals: Sequence[Arrival], wire: Wire, moment: datetime) -> dict[str, Any]:
    """How little the last hours are explained by what is usual: the window that surprises most, with its figures."""
    originals = [one for one in arrivals if one.fresh and one.original and one.seen <= moment]
    own = [_since(arrivals, moment, hours) for hours in (*WINDOWS, USUAL_HOURS)]
    paces = [wire.pace(hours, count, own[-1]) for hours, count in zip(WINDOWS, own, strict=False)]
    found = [_surprise(originals, pace, moment, hours) for hours, pace in zip(WINDOWS, paces, strict=True)]
    return max(found, key=lambda one: (one["outlets"] >= LEAST_OUTLETS, one["surprise"]))


def _since(arrivals: Sequence[Arrival], moment: datetime, hours: int) -> int:
    return sum(one.seen > moment - timedelta(hours=hours) for one in arrivals)


def _surprise(originals: Sequence[Arrival], pace: float, moment: datetime, hours: int) -> dict[str, Any]:
    begin = moment - timedelta(hours=hours)
    by_outlet = Counter(one.outlet for one in originals if one.seen > begin)
    count = sum(min(MOST_OF_ONE, number) for number in by_outlet.values())
    rate = max(LEAST_RATE, _rate([one for one in originals if one.seen <= begin], begin))
    expected = rate * hours * pace
    return {
        "hours": hours,
        "originals": count,
        "outlets": len(by_outlet.keys() - {""}),
        "expected": round(expected, 2),
        "surprise": round(-math.log10(tail(count, expected)), 2),
    }


def _rate(before: Sequence[Arrival], end: datetime) -> float:
    """Originals an hour up to `end`, the recent ones weighing more."""
    if not before:
        return 0.0
    ages: list[float] = [(end - one.seen).total_seconds() / 3600.0 for one in before]
    span = max(ages) + PRIOR_HOURS
    weight: float = HALF_LIFE / math.log(2) * (1.0 - 2.0 ** (-span / HALF_LIFE))
    return math.fsum(2.0 ** (-age / HALF_LIFE) for age in ages) / weight


def tail(count: int, expected: float) -> float:
    """The chance of `count` or more events of a Poisson process where `expected` (above 0) are expected; at least
    1e-300."""
    if count <= expected:
        below = math.fsum(math.exp(_log_chance(n, expected)) for n in range(count))
        return max(1e-300, 1.0 - below)
    total, term, number = 0.0, math.exp(_log_chance(count, expected)), count
    while term > total * 1e-12 and term > 0.0:
        total += term
        number += 1
        term *= expected / number
    return max(1e-300, total)


def _log_chance(count: int, expected: float) -> float:
    return count * math.log(expected) - expected - math.lgamma(count + 1)


def _surges(pulse: Pulse, found: Mapping[str, Any], moment: datetime) -> bool:
    if pulse.state == SURGING:
        return bool(moment < pulse.since + LEAST_SURGE or found["surprise"] >= END)
    return bool(found["outlets"] >= LEAST_OUTLETS and found["surprise"] >= BEGIN)


def _level(pulse: Pulse) -> str:
    """Whether independent outlets corroborate it: reprints do not count, nor do outlets without a name."""
    beyond = not pulse.whole and pulse.state in (DEVELOPING, SURGING)  # they may be among those that are not seen here
    return DEVELOPING if beyond or len(_outlets(pulse.arrivals)) > 1 else EMERGING


def _outlets(arrivals: Sequence[Arrival]) -> set[str]:
    return {one.outlet for one in arrivals if one.original and one.outlet}


def _silent(pulse: Pulse, last: datetime, limit: timedelta, moment: datetime, window: timedelta) -> Turn:
    hours = {"silent_hours": _hours(moment - last), "patience_hours": _hours(limit)}
    if pulse.declared:
        return Turn(state=QUIET, due=None, why=hours)
    # A date in the future is taken for the time at which it was seen, as filing does.
    end = max(min(one.seen, one.written or one.seen) for one in pulse.arrivals) + window + LATE
    if moment >= end:
        return Turn(state=CLOSED, due=None, why={**hours, "joins_until": end.isoformat()})
    return Turn(state=QUIET, due=end, why=hours)


def _hours(span: timedelta) -> float:
    return round(span.total_seconds() / 3600.0, 1)
