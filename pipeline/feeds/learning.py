"""Learning a feed's rhythm from its polls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from pipeline.feeds.forecast import Forecast
from pipeline.feeds.pace import DAY, DECAY_EVERY, HOUR, MEMORY, NOW, RECENT, SLOT, TOGETHER, Pace, rounded

_BACKLOG = 14 * DAY  # seconds before the first poll for which a feed's own dates are believed


def learn(pace: Pace, *, now: float, came: Sequence[float | None], shown: int | None) -> tuple[Pace, Forecast]:
    """Give what is known after a poll at `now` that went well, and what is to be expected then.

    `came` are the times of the entries never seen before (None where unknown), `shown` is how many entries the feed
    shows, None when it did not say (unchanged). `pace` is used up.
    """
    if pace.seen <= 0.0:
        begun = _begun(now, came, shown)
        return begun, Forecast(begun)
    start, now = pace.seen, max(now, pace.seen)
    times = sorted(time for time in came if time is not None and start < time <= now)
    missing = len(came) - len(times)
    view = start
    if shown and len(came) >= shown and times and not missing:
        # Nothing known is shown any more: what came before the oldest of these was not seen.
        view = pace.last = times[0]
        pace.quiet = 0.0
    times += [start + (now - start) * (number + 0.5) / missing for number in range(missing)]
    occasions = _occasions(sorted(times), pace.last)
    forecast = Forecast(pace)
    _expect(pace, forecast, view, now, len(occasions))
    _count(pace, view, now, occasions, len(came))
    if shown:
        pace.window = shown
    if occasions:
        forecast = Forecast(pace)
        pace.quiet = forecast.habit(pace.last, now)
    forecast.refresh(pace)
    return pace, forecast


def _begun(now: float, came: Sequence[float | None], shown: int | None) -> Pace:
    """The pace after the first poll: of the backlog, the dates."""
    dates = sorted(time for time in came if time is not None and now - _BACKLOG < time <= now)
    # Entries pinned for long say nothing about how often new ones come.
    while len(dates) > 5 and dates[1] - dates[0] > 5 * (dates[-1] - dates[1]):
        dates = dates[1:]
    pace = Pace(since=now, seen=now, decayed=now, window=shown or 0)
    if len(dates) < 3 or dates[-1] - dates[0] < TOGETHER:
        return pace
    first = dates[0]
    occasions = _occasions(dates, first)  # the oldest only marks where the view begins
    pace.since = pace.seen = pace.decayed = pace.last = first
    # In steps, so that the older part of it counts less.
    at = first
    while at < now:
        end = min(at + DECAY_EVERY, now)
        part = [time for time in occasions if at < time <= end]
        entries = sum(1 for time in dates if at < time <= end)
        _count(pace, at, end, part, entries)
        at = end
    forecast = Forecast(pace)
    pace.quiet = forecast.habit(pace.last, now)
    pace.longest_quiet = max(
        [forecast.habit(one, next_one) for one, next_one in pairwise([first, *occasions])], default=0.0
    )
    return pace


def _occasions(times: Sequence[float], last: float) -> list[float]:
    """The times, in order, that begin something new."""
    found = []
    for time in times:
        if time - last > TOGETHER:
            found.append(time)
        last = time
    return found


def _expect(pace: Pace, forecast: Forecast, start: float, end: float, came: int) -> None:
    """Compare what came with what was expected."""
    habit = forecast.habit(start, end)
    for pair, memory, expected in ((pace.recent, RECENT, habit), (pace.now, NOW, habit * forecast.recent)):
        kept = math.exp(-(end - pace.seen) / memory)
        pair[:] = [rounded(pair[0] * kept + came), rounded(pair[1] * kept + expected)]
    pace.quiet += habit


def _count(pace: Pace, start: float, end: float, occasions: Sequence[float], entries: int) -> None:
    """Add what came between two times to the profile."""
    if end - pace.decayed >= DECAY_EVERY:
        kept = math.exp(-(end - pace.decayed) / MEMORY)
        for values in (pace.hours, pace.hours_seen, pace.days, pace.days_seen, pace.minutes):
            values[:] = [rounded(value * kept) for value in values]
        pace.entries *= kept
        pace.longest_quiet *= (
            kept  # it was measured by what was known then: the first weekend is none to those who rest
        )
        pace.decayed = end
    _look(pace, max(start, end - MEMORY), end)
    for time in occasions:
        day, rest = divmod(time, DAY)
        hour, second = divmod(rest, HOUR)
        for values, part in ((pace.hours, hour), (pace.days, (day + 3) % 7), (pace.minutes, second // SLOT)):
            values[int(part)] = rounded(values[int(part)] + 1)
        if pace.last:
            pace.longest = max(pace.longest, time - pace.last)
        pace.last = time
    if occasions:
        pace.longest_quiet = max(pace.longest_quiet, pace.quiet)
        pace.known += len(occasions)
    pace.entries += entries
    pace.seen = end


def _look(pace: Pace, start: float, end: float) -> None:
    """Add to how long each hour and each day were watched."""
    at = start
    while at < end:
        day, rest = divmod(at, DAY)
        hour, second = divmod(rest, HOUR)
        step = min(HOUR - second, end - at)
        pace.hours_seen[int(hour)] = rounded(pace.hours_seen[int(hour)] + step / HOUR)
        pace.days_seen[int(day + 3) % 7] = rounded(pace.days_seen[int(day + 3) % 7] + step / HOUR)
        at += step
