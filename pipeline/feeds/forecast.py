"""What is to be expected of a feed, and when a look at it is worth a request."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.feeds.pace import DAY, FIRST_RATE, FIRST_WEIGHT, HOUR, NOW, RECENT, SLOT, Pace

# Occasions of what was to be expected that count as much as what came.
_RECENT_WEIGHT, _NOW_WEIGHT = 3.0, 1.5
_LEAST, _MOST = 0.05, 60.0  # factors of a profile; nothing is ruled out for good
_HALF = 0.5  # occasions added to both what came and what was expected in each part of a profile
# A slot is waited out when what comes in it is so many times what is there, and so far (seconds) it is looked for.
_HOT, _NEAR = 2.0, 1800.0
_SLOTS_AN_HOUR = 12
# What is left of the quick factors after a slot.
_RECENT_KEPT, _NOW_KEPT = math.exp(-SLOT / RECENT), math.exp(-SLOT / NOW)


class Forecast:
    """What is to be expected of a feed, in occasions.

    `level` is a second, `hours`, `days` and `minutes` are factors of it; `recent` and `now` those by which the last day
    and the last hours differ from the habit.
    """

    __slots__ = ("days", "hours", "level", "minutes", "now", "recent")

    def __init__(self, pace: Pace) -> None:
        self.level, self.recent, self.now = 0.0, 1.0, 1.0
        self.refresh(pace)
        a_hour = self.level * HOUR
        self.hours = _factors(pace.hours, [a_hour * seen for seen in pace.hours_seen])
        self.days = _factors(pace.days, [a_hour * seen for seen in pace.days_seen])
        self.minutes = _factors(pace.minutes, [sum(pace.minutes) / _SLOTS_AN_HOUR] * _SLOTS_AN_HOUR)

    def refresh(self, pace: Pace) -> None:
        """Take over what changes from poll to poll; the profile stays while nothing new came."""
        came, seen = sum(pace.hours), sum(pace.hours_seen) * HOUR
        self.level = (came + FIRST_WEIGHT) / (seen + FIRST_WEIGHT / FIRST_RATE)
        self.recent = (pace.recent[0] + _RECENT_WEIGHT) / (pace.recent[1] + _RECENT_WEIGHT)
        self.now = (pace.now[0] + _NOW_WEIGHT) / (pace.now[1] + _NOW_WEIGHT)

    def _habit(self, slot: int) -> float:
        """Occasions a second in a slot, counted from 1970, by the habit."""
        hour = slot // _SLOTS_AN_HOUR
        return (
            self.level * self.hours[hour % 24] * self.days[(hour // 24 + 3) % 7] * self.minutes[slot % _SLOTS_AN_HOUR]
        )

    def habit(self, start: float, end: float) -> float:
        """Give the occasions between two times as far as the habit goes, without regard to the last days."""
        if end - start > DAY / 2:  # in hours; their minutes make no difference
            first, last = math.ceil(start / HOUR), math.floor(end / HOUR)
            hours = sum(self.hours[hour % 24] * self.days[(hour // 24 + 3) % 7] for hour in range(first, last))
            ends = self.habit(start, first * HOUR) + self.habit(last * HOUR, end)
            return ends + self.level * HOUR * hours
        first, last = int(start // SLOT), int(end // SLOT)
        whole = sum(self._habit(slot) for slot in range(first, last)) * SLOT
        return whole - self._habit(first) * (start - first * SLOT) + self._habit(last) * (end - last * SLOT)

    def rate(self, at: float) -> float:
        """Give the occasions a second at a time that is now."""
        return self._habit(int(at // SLOT)) * self.recent * self.now

    def worthwhile(self, now: float, least: float, most: float, worth: float, room: float = math.inf) -> float:
        """Give in how many seconds, from `least` to `most`, a poll is worth it.

        It is when the expected occasions have waited for `worth` seconds together, and not right before most of them
        come. `room` are the occasions after which entries begin to be lost: it is never later than that, `least`
        allowing. There a feed that is quieter than its habit is not trusted to stay so.
        """
        came = waited = ahead = filled = 0.0
        recent, breaking = self.recent - 1, self.now - 1
        slot = int(now // SLOT)
        step = (slot + 1) * SLOT - now
        while ahead < most:
            step = min(step, most - ahead)
            habit = self._habit(slot)
            rate = habit * (1 + recent) * (1 + breaking)
            filling = habit * (1 + max(recent, 0.0)) * (1 + max(breaking, 0.0))
            if filled + filling * step >= room:
                return max(ahead + (room - filled) / filling, least)
            ends = waited + (came + rate * step / 2) * step
            if ends >= worth and ahead + step >= least:
                inside = max(_inside(came, rate, worth - waited), least - ahead)
                there = came + rate * inside
                if there * _HOT < rate * least:
                    return ahead + step
                longer = self._about_to_come(slot, step - inside, there, worth, room - filled - filling * step)
                return min(ahead + inside + longer, most)
            came, waited, ahead, filled = came + rate * step, ends, ahead + step, filled + filling * step
            recent, breaking, slot, step = recent * _RECENT_KEPT, breaking * _NOW_KEPT, slot + 1, SLOT
        return most

    def _about_to_come(self, slot: int, rest: float, there: float, worth: float, room: float) -> float:
        """Seconds to wait longer because a slot is near in which far more comes than is there: none when what is there
        would wait for as long as is worth a poll of its own, or entries were lost. `rest` is left of this slot."""
        quick = self.recent * self.now * SLOT
        longer = rest + SLOT
        while there * longer < worth and longer <= _NEAR:
            slot += 1
            coming = self._habit(slot) * quick
            if coming > there * _HOT:
                return longer if coming < room else 0.0
            longer += SLOT
        return 0.0


def _inside(came: float, rate: float, left: float) -> float:
    """Solve came·x + rate·x²/2 = left for x: how far into a slot so much has been waited."""
    if left <= 0:
        return 0.0
    return (math.sqrt(came * came + 2 * rate * left) - came) / rate


def _factors(came: Sequence[float], expected: Sequence[float]) -> list[float]:
    """How much more than expected comes in each part of a cycle, shrunk towards 1 by what chance would explain."""
    excess = [one - other for one, other in zip(came, expected, strict=True)]
    weights = [other + _HALF for other in expected]
    chi_squared = sum([one * one / weight for one, weight in zip(excess, weights, strict=True)])
    freedom = len(came) - 1
    if chi_squared <= freedom:
        return [1.0] * len(came)
    trust = 1 - freedom / chi_squared
    factors = [1 + trust * one / weight for one, weight in zip(excess, weights, strict=True)]
    if min(factors) >= _LEAST and max(factors) <= _MOST:
        return factors
    return [min(max(factor, _LEAST), _MOST) for factor in factors]
