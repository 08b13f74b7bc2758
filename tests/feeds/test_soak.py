"""A simulated week of 500 feeds with different rhythms, polled as the schedule decides.

The feeds, their hosts' failures and all chance come from seeded generators (`rhythms`); requests take no time.

**The rival** is the best fixed interval for each feed, chosen in hindsight: of the intervals from the least that makes
no more polls in the week than ours did (and is not below the lower bound), in steps of 4 % up to twice that, the one
with the lowest median delay. It begins with the same first poll, is never disturbed by chance failures, knows no
jitter, and makes its polls in an outage for nothing as ours do. Beside it stands the fixed interval with exactly as
many polls as ours. The delay of an entry is the time from its publication to the first poll that sees it, infinite when
it left the feed before; entries of the last eight hours of the week, which a poll within the bounds might still bring,
are left out for all. Medians are over the entries of all feeds together. `pytest -s` shows them for each rhythm; of
feeds with few entries hindsight always finds an interval that meets them by luck, so these are shown, not asserted.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.feeds.schedule import SPREAD, Bounds, Due, PollOutcome, next_poll
from pipeline.records import Feed
from tests.feeds.rhythms import HOUR, RHYTHMS, START, WEEK, Published, Times, feeds

BOUNDS = Bounds()
LONGEST = BOUNDS.max_seconds * (1 + SPREAD)
END = START + WEEK
JUDGED = END - 8 * HOUR
FEEDS, SEED = 500, 20251126


@dataclass
class Run:
    """How a week went for one feed: its polls, which of them failed, and when each entry was first seen."""

    published: Published
    seen: Times
    polls: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    flagged: int = 0


def week(published: Published, chance: random.Random) -> Run:
    """Poll one feed for a week."""
    run = Run(published, np.full(len(published.times), np.inf))
    dates = [datetime.fromtimestamp(time // 60 * 60, UTC) if published.dated else None for time in published.times]
    feed, at, known = Feed(id=1, url="https://courier.example/feed"), START, 0
    while at < END:
        run.polls.append(at)
        outcome = _failure(published, at, chance)
        if outcome is None:
            shown = int(np.searchsorted(published.times, at, side="right"))
            oldest = max(0, shown - published.window)
            fresh = max(oldest, known)
            run.seen[fresh:shown] = at
            unchanged = shown == known and feed.last_success is not None
            outcome = PollOutcome(not_modified=True)
            if not unchanged:
                outcome = PollOutcome(new=shown - fresh, shown=dates[oldest:shown])
            known = shown
        else:
            run.failed.append(at)
        now = datetime.fromtimestamp(at, UTC)
        due = next_poll(feed, outcome, now=now, bounds=BOUNDS, jitter=chance.random())
        feed = _remembered(feed, outcome, due, now)
        run.flagged += due.silent_since is not None
        at = due.at.timestamp()
    return run


def _failure(published: Published, at: float, chance: random.Random) -> PollOutcome | None:
    for begin, end, asked in published.outages:
        if begin <= at < end and asked is None:
            return PollOutcome(error="the host failed with status 500", error_reason="server-error")
        if begin <= at < end:
            return PollOutcome(error="asks us to slow down", error_reason="throttled", retry_after=end - at)
    if chance.random() < published.flaky:
        return PollOutcome(error="gave up waiting", error_reason="timeout")
    return None


def _remembered(feed: Feed, outcome: PollOutcome, due: Due, now: datetime) -> Feed:
    """The feed as the ledger would have it."""
    well = not outcome.error_reason
    return Feed(
        id=feed.id,
        url=feed.url,
        due=due.at,
        interval=due.interval,
        pace=due.pace,
        hints=due.hints,
        silent_since=due.silent_since,
        entries_per_day=due.entries_per_day,
        failures=0 if well else feed.failures + 1,
        last_success=now if well else feed.last_success,
        last_new=now if outcome.new else feed.last_new,
    )


def judged(run: Run) -> npt.NDArray[np.bool_]:
    return (run.published.times > run.polls[0]) & (run.published.times < JUDGED)


def left(published: Published) -> Times:
    """When each entry leaves the feed, pushed out by newer ones."""
    ends = np.full(len(published.times), np.inf)
    pushed = published.times[published.window :]
    ends[: len(pushed)] = pushed
    return ends


@dataclass(frozen=True)
class Week:
    """Delays of the entries and the number of polls."""

    delays: Times
    polls: int

    @property
    def median(self) -> float:
        return float(np.median(self.delays)) if len(self.delays) else 0.0


def fixed(run: Run, interval: float) -> Week:
    """The week of the same feed with one poll every `interval` seconds, at most as many as ours."""
    published = run.published
    polls = np.arange(run.polls[0], END, interval)[: len(run.polls)]
    answered = polls
    for begin, end, _ in published.outages:
        answered = answered[(answered < begin) | (answered >= end)]
    seen = np.append(answered, np.inf)[np.searchsorted(answered, published.times, side="left")]
    delays = np.where(seen < left(published), seen, np.inf) - published.times
    return Week(delays[judged(run)], len(polls))


def compared(run: Run) -> tuple[Week, Week, Week]:
    """Ours, the rival, and the fixed interval that makes as many polls as ours."""
    least = max(WEEK / len(run.polls), BOUNDS.min_seconds)
    rivals = [fixed(run, least * (1 + 0.04 * step)) for step in range(26)]
    ours = Week((run.seen - run.published.times)[judged(run)], len(run.polls))
    return ours, min(rivals, key=lambda rival: rival.median), rivals[0]


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    chance = random.Random(SEED)
    return [week(published, chance) for published in feeds(FEEDS, SEED)]


def test_no_entry_is_missed_that_was_there_for_the_longest_interval(runs: list[Run]) -> None:
    for run in runs:
        unseen = np.flatnonzero(np.isinf(run.seen) & judged(run))
        ends = left(run.published)
        for number in unseen:
            shown, gone = float(run.published.times[number]), float(ends[number])
            assert _longest_answered(run, shown, min(gone, END)) < LONGEST


def _longest_answered(run: Run, begin: float, end: float) -> float:
    """The longest time between two moments in which the host failed neither on its own nor with us."""
    breaks = [(at, at) for at in run.failed] + [(start, stop) for start, stop, _ in run.published.outages]
    at, longest = begin, 0.0
    for start, stop in sorted(breaks):
        if stop > begin and start < end:
            longest, at = max(longest, start - at), max(at, stop)
    return max(longest, end - at)


def test_entries_are_seen_sooner_than_by_the_best_fixed_intervals_with_no_more_polls(runs: list[Run]) -> None:
    rows: dict[str, list[tuple[Week, Week, Week]]] = {name: [] for name in RHYTHMS}
    for run in runs:
        rows[run.published.rhythm].append(compared(run))
    heads = "entries", "median", "best", "even", "missed", "best", "even", "polls", "best", "even"
    _say(f"\n{'rhythm':18}" + "".join(f"{head:>8}" for head in heads) + "  won")
    totals = {name: _total(name, row) for name, row in rows.items()}
    ours, best, even = _total("all", [one for row in rows.values() for one in row])
    assert best.polls <= even.polls <= ours.polls <= 1.005 * even.polls
    assert ours.median <= 0.8 * min(best.median, even.median)
    assert np.isinf(ours.delays).sum() <= min(np.isinf(best.delays).sum(), np.isinf(even.delays).sum())
    # What can be learned is; where there is nothing to learn, next to nothing is lost.
    for name in ("day and night", "weekdays", "breaking", "hourly batch", "editions"):
        assert totals[name][0].median < totals[name][1].median
    assert totals["constant"][0].median < 1.1 * totals["constant"][2].median


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _total(name: str, row: list[tuple[Week, Week, Week]]) -> tuple[Week, Week, Week]:
    weeks = tuple(
        Week(np.concatenate([w.delays for w in side]), sum(w.polls for w in side)) for side in zip(*row, strict=True)
    )
    won = sum(ours.median <= best.median for ours, best, _ in row)
    cells = [len(weeks[0].delays), *(round(week.median) for week in weeks)]
    cells += [int(np.isinf(week.delays).sum()) for week in weeks] + [week.polls for week in weeks]
    _say(f"{name:18}" + "".join(f"{cell:8}" for cell in cells) + f"  {won}/{len(row)}")
    ours, best, even = weeks
    return ours, best, even


def test_silence_is_told_of_those_that_fell_silent_and_hardly_of_others(runs: list[Run]) -> None:
    told = {name: sum(run.flagged > 0 for run in runs if run.published.rhythm == name) for name in RHYTHMS}
    _say(f"told to be silent: {told}")
    assert told["dead then alive"] >= 10
    assert sum(told.values()) - told["dead then alive"] <= 0.02 * FEEDS
