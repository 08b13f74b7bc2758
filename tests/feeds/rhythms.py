"""Feeds as they publish, for simulations: when each brings entries, how many it shows, and when its host fails.

Times are seconds since 1970. Everything is drawn from the generator that is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
HOUR, DAY = 3600.0, 86_400.0
START = datetime(2025, 11, 26, 14, 20, tzinfo=UTC).timestamp()  # a Wednesday
BEFORE, WEEK = 21 * DAY, 7 * DAY


@dataclass
class Published:
    """One feed: when its entries appear, sorted; how many of the newest it shows; when its host fails (from, until,
    seconds of Retry-After or None); how often a request fails by chance; and whether its entries are dated."""

    rhythm: str
    times: Times
    window: int
    outages: list[tuple[float, float, float | None]] = field(default_factory=list)
    flaky: float = 0.0
    dated: bool = True


def poisson(rng: np.random.Generator, rate: Callable[[Times], Times], most: float) -> Times:
    """Draw times of a Poisson process by thinning (Lewis and Shedler, 1979); `rate` and `most` are per hour."""
    begin, end = START - BEFORE, START + WEEK
    times = np.sort(rng.uniform(begin, end, rng.poisson(most * (end - begin) / HOUR)))
    return times[rng.uniform(0, most, len(times)) < rate(times)]


def _rate(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def constant(rng: np.random.Generator) -> Times:
    rate = _rate(rng, 0.02, 1.5)
    return poisson(rng, lambda at: np.full(len(at), rate), rate)


def day_and_night(rng: np.random.Generator) -> Times:
    rate, zone = _rate(rng, 0.05, 2), rng.uniform(0, 24)

    def profile(at: Times) -> Times:
        hour = (at / HOUR + zone) % 24
        return rate * np.clip(np.sin((hour - 6) / 16 * np.pi), 0.02, 1) * (hour < 22) + 0.02 * rate

    return poisson(rng, profile, rate * 1.1)


def weekdays(rng: np.random.Generator) -> Times:
    rate, zone = _rate(rng, 0.1, 3), rng.integers(-5, 6)

    def profile(at: Times) -> Times:
        hour, day = (at / HOUR + zone) % 24, ((at + zone * HOUR) // DAY + 3) % 7
        return np.where((day < 5) & (hour >= 8) & (hour < 18), rate, 0.01 * rate)

    return poisson(rng, profile, rate)


def breaking(rng: np.random.Generator) -> Times:
    rate = _rate(rng, 0.03, 0.5)
    times = [poisson(rng, lambda at: np.full(len(at), rate), rate)]
    for begin in rng.uniform(START - BEFORE, START + WEEK, rng.poisson(0.6 * (BEFORE + WEEK) / DAY)):
        length, fast = rng.uniform(1, 5) * HOUR, rng.uniform(4, 12)
        times.append(begin + np.sort(rng.uniform(0, length, rng.poisson(fast * length / HOUR))))
    every = np.sort(np.concatenate(times))
    return every[every < START + WEEK]


def _batches(rng: np.random.Generator, begins: Times, least: int, most: int, seconds: float) -> Times:
    sizes = rng.integers(least, most + 1, len(begins))
    times = np.repeat(begins, sizes) + rng.uniform(0, seconds, int(sizes.sum()))
    times = np.sort(times)
    return times[times < START + WEEK]


def hourly(rng: np.random.Generator) -> Times:
    hours = np.arange(np.floor((START - BEFORE) / HOUR), (START + WEEK) / HOUR) * HOUR + rng.integers(0, 60) * 60
    return _batches(rng, hours[rng.uniform(size=len(hours)) < rng.uniform(0.1, 0.8)], 1, 3, 60)


def editions(rng: np.random.Generator) -> Times:
    days = np.arange(np.floor((START - BEFORE) / DAY), (START + WEEK) / DAY) * DAY
    at = rng.choice(np.arange(0, 24, 0.5), rng.integers(1, 4), replace=False) * HOUR
    return _batches(rng, np.sort((days[:, None] + at[None, :]).ravel()), 3, 12, 600)


def rare(rng: np.random.Generator) -> Times:
    rate = _rate(rng, 1 / (14 * 24), 1 / 24)
    return poisson(rng, lambda at: np.full(len(at), rate), rate)


def dead_then_alive(rng: np.random.Generator) -> Times:
    rate, wakes = _rate(rng, 0.05, 1), START + rng.uniform(1, 5) * DAY
    sleeps = START - rng.uniform(0, 10) * DAY
    return poisson(rng, lambda at: np.where((at < sleeps) | (at > wakes), rate, 0.0), rate)


RHYTHMS: dict[str, Callable[[np.random.Generator], Times]] = {
    "constant": constant,
    "day and night": day_and_night,
    "weekdays": weekdays,
    "breaking": breaking,
    "hourly batch": hourly,
    "editions": editions,
    "rare": rare,
    "dead then alive": dead_then_alive,
    "failing for a day": constant,
    "throttled": day_and_night,
}


def feeds(count: int, seed: int) -> list[Published]:
    """Draw `count` feeds, as many of each rhythm."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        name = list(RHYTHMS)[number % len(RHYTHMS)]
        window = int(rng.choice([5, 10, 20, 30, 50, 100]))
        feed = Published(name, RHYTHMS[name](rng), window, flaky=0.01, dated=rng.uniform() < 0.85)
        if name == "failing for a day":
            begin = START + rng.uniform(0.5, 5) * DAY
            feed.outages = [(begin, begin + DAY, None)]
        if name == "throttled":
            for begin in START + rng.uniform(0, 7, 3) * DAY:
                asked = rng.uniform(600, 7200)
                feed.outages.append((begin, begin + asked, asked))
        made.append(feed)
    return made
