"""Whether the wire is healthy, in a sentence: pure decisions on what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pipeline.pressure import Hold
from pipeline.settings import Settings
from workers.web import show
from workers.web.crew import TRADES, Hand
from workers.web.measure import Measured

Level = Literal["good", "warn", "bad"]
LAG_SECONDS = 60.0  # events that are older and not in the stream yet: the relay does not keep up
MANY_FEEDS = 0.5  # share of the feeds that fail from which on it is no matter of single feeds any more
LATE_SECONDS = 120.0  # feeds that have been due for longer: pollers do not keep up
WAYS_OUT = {
    "Poller": "slugline poller",
    "Clusterer": "slugline clusterer",
    "Relay": "slugline relay",
    "Alerter": "slugline alerter",
    "Deliverer": "slugline deliverer",
    "Janitor": "slugline janitor",
}

WORKERS = {"fetch": "fetch", "fetch-backfill": "fetch --backfill", "embed": "embed"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong: a sentence without its point, since when as far as that is known, and the way out or
    empty."""

    level: Level
    says: str
    since: datetime | None = None
    way_out: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that is wrong, the worst first; `level` is that of the worst."""

    level: Level
    troubles: Sequence[Trouble]


def verdict(troubles: Iterable[Trouble]) -> Verdict:
    order = ("bad", "warn", "good")
    found = sorted(troubles, key=lambda one: order.index(one.level))
    return Verdict(found[0].level if found else "good", found)


def troubles(
    measured: Measured, crew: Sequence[Hand] | None, stalled: datetime | None, settings: Settings, now: datetime
) -> list[Trouble]:
    """What is wrong. `crew` is None when Redis does not answer; `stalled`: since when no article has moved."""
    found = []
    if measured.ledger is None:
        found.append(Trouble("bad", "The ledger does not answer", way_out="see /readyz, and the log of this service"))
    if measured.redis is None or crew is None:
        found.append(
            Trouble("bad", "Redis does not answer", way_out="see /readyz; articles wait in the ledger until then")
        )
    else:
        found += _of_crew(crew, measured)
    if stalled is not None:
        found.append(Trouble("bad", "Articles wait and none moves", stalled))
    found += _of_holds(measured.redis.held if measured.redis else ())
    found += _of_ledger(measured, settings, now)
    return found


def _of_crew(crew: Sequence[Hand], measured: Measured) -> list[Trouble]:
    found = []
    for hand in (one for one in crew if not one.queue and one.silent):
        says = f"The {hand.role.lower()} has stopped" if hand.seen else f"No {hand.role.lower()} was ever seen"
        found.append(Trouble("bad", says, hand.seen, f"start it with “{WAYS_OUT[hand.role]}”, or look into its log"))
    for queue, name in TRADES.items():
        workers = [one for one in crew if one.queue == queue]
        silent = [one for one in workers if one.silent]
        needed = queue != "fetch-backfill" or (measured.redis and measured.redis.jobs[queue])
        if len(silent) == len(workers) and needed:
            since = max((one.seen for one in silent if one.seen), default=None)
            says = f"The {name.lower()} has stopped" if len(silent) == 1 else f"No {name.lower()} is at work"
            found.append(
                Trouble("bad", says, since, f"start one with “slugline worker {WORKERS[queue]}”, or look into its log")
            )
        else:
            # One that was killed leaves its name behind for a while; another one goes on with its work.
            found += [Trouble("warn", f"{_one(name.lower())} has stopped ({one.place})", one.seen) for one in silent]
    return found


def _one(name: str) -> str:
    return f"{'An' if name[0] in 'aeio' else 'A'} {name}"


def _of_holds(held: Iterable[Hold]) -> list[Trouble]:
    found = []
    for hold in held:
        most = max(hold.stages.values(), default=0.0)
        level: Level = "bad" if most >= 1.0 else "warn"
        found.append(Trouble(level, f"Held back: {hold.says}", hold.since))
    return found


def _of_ledger(measured: Measured, settings: Settings, now: datetime) -> list[Trouble]:
    known = measured.ledger
    if known is None:
        return []
    found = []
    state, age = max(known.oldest.items(), key=lambda each: each[1], default=("", 0.0))
    if age > settings.backlog_seconds:
        wait = {"queued": "to be fetched", "fetched": "for a vector", "embedded": "to be filed"}.get(state, "")
        says = f"Articles have waited {wait} for {show.span(age)}"
        found.append(Trouble("warn", says, now - timedelta(seconds=age)))
    active = known.feeds.get("active", 0)
    if active and known.failing >= max(2, active * MANY_FEEDS):
        says = f"{known.failing:,} of {show.counted(active, 'feed')} failed at their last poll"
        found.append(Trouble("warn", says, None, "see the feeds in trouble below; is this machine online?"))
    if known.overdue and known.feed_lateness > LATE_SECONDS:
        says = (
            f"{show.counted(known.overdue, 'feed is', 'feeds are')} late, the first by {show.span(known.feed_lateness)}"
        )
        found.append(Trouble("warn", says, now - timedelta(seconds=known.feed_lateness)))
    if measured.lag is not None and measured.lag[1] > LAG_SECONDS:
        says = f"{show.counted(measured.lag[0], 'event is', 'events are')} not in the stream yet"
        found.append(Trouble("warn", says, now - timedelta(seconds=measured.lag[1])))
    return found
