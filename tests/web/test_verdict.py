"""Whether the wire is healthy: decided on what was measured, the worst first, each with since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import history, metrics
from pipeline.history import Sample
from pipeline.ledger.figures import Figures
from pipeline.pressure import Hold
from pipeline.settings import Settings
from pipeline.tally import Read
from tests.web.newsroom import NOW
from workers.web import opsview
from workers.web.crew import LOOPS, TRADES, Hand
from workers.web.measure import InRedis, Measured
from workers.web.verdict import troubles, verdict

QUIET = {state: {"due": 0, "put-off": 0, "handed-out": 0, "in-work": 0} for state in metrics.STATES}
CALM = Figures(
    articles=QUIET,
    oldest=dict.fromkeys(metrics.STATES, 0.0),
    expired=0,
    dead={},
    feeds={"active": 10},
    failing=0,
    silent=0,
    overdue=0,
    feed_lateness=0.0,
    storylines={},
    commands=0,
    outbox=0,
    outbox_since=None,
    last_position=7,
)
REDIS = InRedis(
    jobs=dict.fromkeys(TRADES, 0),
    workers={},
    used=1,
    most=2,
    last_event=7,
    held=(),
    counted=Read({}, {}, {}),
)
WELL = Measured(ledger=CALM, redis=REDIS, lag=(0, 0.0))


def hand(role: str, queue: str = "", silent_for: float = 0.0, **given: Any) -> Hand:
    seen = NOW - timedelta(seconds=silent_for)
    return Hand(
        **{"role": role, "queue": queue, "place": "vm:7", "does": "", "seen": seen, "since": None} | given,
        silent=silent_for > 8,
    )


CREW = (*(hand(name.capitalize()) for name in LOOPS), *(hand(name, queue) for queue, name in TRADES.items()))


def said(
    measured: Measured = WELL, crew: Any = CREW, stalled: datetime | None = None
) -> tuple[str, list[tuple[str, str, float | None]]]:
    found = verdict(troubles(measured, crew, stalled, Settings(data_dir=Path("/nowhere")), NOW))
    told = [(one.level, one.says, (NOW - one.since).total_seconds() if one.since else None) for one in found.troubles]
    return found.level, told


def known(**values: Any) -> Measured:
    return replace(WELL, ledger=replace(CALM, **values))


def test_nothing_wrong_is_good() -> None:
    assert said() == ("good", [])


def test_a_service_that_stopped_is_told_with_since_when() -> None:
    crew = [one if one.role != "Clusterer" else hand("Clusterer", silent_for=12) for one in CREW]
    assert said(crew=crew) == ("bad", [("bad", "The clusterer has stopped", 12.0)])
    never = [one if one.role != "Relay" else replace(hand("Relay", silent_for=9), seen=None) for one in CREW]
    assert said(crew=never) == ("bad", [("bad", "No relay was ever seen", None)])


def test_a_worker_that_stopped_is_worse_when_it_was_the_only_one() -> None:
    others = [one for one in CREW if one.queue != "embed"]
    stopped = hand("Embed worker", "embed", silent_for=20)
    assert said(crew=[*others, stopped]) == ("bad", [("bad", "The embed worker has stopped", 20.0)])
    assert said(crew=others) == ("bad", [("bad", "No embed worker is at work", None)])
    assert said(crew=[*CREW, stopped]) == ("warn", [("warn", "An embed worker has stopped (vm:7)", 20.0)])


def test_what_is_no_news_needs_a_worker_only_when_it_waits() -> None:
    crew = [one for one in CREW if one.queue != "fetch-backfill"]
    assert said(crew=crew) == ("good", [])
    waiting = replace(WELL, redis=replace(REDIS, jobs=REDIS.jobs | {"fetch-backfill": 2}))
    assert said(waiting, crew) == ("bad", [("bad", "No backfill worker is at work", None)])


@pytest.mark.parametrize(
    ("measured", "level", "says", "seconds"),
    [
        (known(oldest=CALM.oldest | {"embedded": 7200.0}), "warn", "Articles have waited to be filed for 2 h", 7200.0),
        (known(failing=5), "warn", "5 of 10 feeds failed at their last poll", None),
        (known(overdue=3, feed_lateness=600.0), "warn", "3 feeds are late, the first by 10 min", 600.0),
        (replace(WELL, lag=(4, 90.0)), "warn", "4 events are not in the stream yet", 90.0),
        (replace(WELL, ledger=None), "bad", "The ledger does not answer", None),
    ],
)
def test_what_waits_and_fails_is_told(measured: Measured, level: str, says: str, seconds: float | None) -> None:
    assert said(measured) == (level, [(level, says, seconds)])


def test_a_few_failing_feeds_are_no_matter_of_the_wire() -> None:
    assert said(known(failing=4))[0] == "good"
    assert said(known(failing=1, feeds={"active": 1}))[0] == "good"


def test_limits_that_hold_back_are_told_and_the_worst_comes_first() -> None:
    since = NOW - timedelta(seconds=40)
    held = [
        Hold("backlog", "articles wait", since, {"poll": 0.4}),
        Hold("disk", "the disk is full", since, {"poll": 1.0}),
    ]
    level, told = said(replace(WELL, redis=replace(REDIS, held=held)), stalled=since)
    assert level == "bad"
    assert [one[:2] for one in told] == [
        ("bad", "Articles wait and none moves"),
        ("bad", "Held back: the disk is full"),
        ("warn", "Held back: articles wait"),
    ]


def test_redis_away_is_one_trouble_and_not_one_for_each_worker() -> None:
    assert said(replace(WELL, redis=None), crew=None) == ("bad", [("bad", "Redis does not answer", None)])


@pytest.mark.parametrize(
    ("depth", "coming", "going", "says"),
    [
        (0, 5.0, 5.0, ""),
        (120, None, None, ""),
        (120, 10.0, 70.0, "clear in 2 min"),
        (120, 10.0, 0.0, "nothing moves"),
        (120, 50.0, 50.0, "it does not shrink"),
        (40, 50.0, 50.0, ""),
    ],
)
def test_the_time_to_clear_is_told_at_the_present_rates(
    depth: int, coming: float | None, going: float | None, says: str
) -> None:
    assert opsview.clears(depth, coming, going) == says


def test_stages_say_depth_age_rates_and_failures() -> None:
    done = dict.fromkeys(history.DONE, 0)
    before = Sample(NOW.timestamp() - 60, done, {}, {"seen": [0] * 14, "published": [0] * 14}, 0)
    hits = [0, 10, *[0] * 12]
    after = Sample(
        NOW.timestamp(), done | {"intake": 90, "look": 60}, {"fetch/network": 3}, {"seen": hits, "published": hits}, 0
    )
    standing = QUIET | {"queued": QUIET["queued"] | {"due": 40, "in-work": 5}}
    measured = known(articles=standing, oldest=CALM.oldest | {"queued": 1000.0})
    fetch = opsview.stages(measured, [before], after, 900)[1]
    assert (fetch.depth, fetch.oldest, fetch.late) == (45, "16 min", True)
    assert (fetch.rate_in, fetch.rate_out, fetch.clears) == ("90", "60", "")
    assert (fetch.failed, fetch.failures) == (3, [("network", 3)])
    published, seen = opsview.journeys([before], after)
    assert (published.count, published.within) == (10, [("50 %", "1.5 s"), ("90 %", "1.9 s"), ("99 %", "2.0 s")])
    assert opsview.journeys([], after)[1].within[0] == ("50 %", "–")
    assert seen.label == "From first sight to filed"
    assert opsview.chart([before], after) is None
