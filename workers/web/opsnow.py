"""How the wire is right now: healthy, or what is wrong and since when. The ops page and `slugline status` show it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import redis
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from pipeline import history
from pipeline.errors import LedgerError, RedisError
from pipeline.history import Sample
from pipeline.ledger import Ledger, articles, dead, deliveries, feed_list, held, roles, sinks, troubles
from pipeline.ledger.feed_list import Choice
from pipeline.pressure import Hold
from pipeline.records import ArticleState, Feed, Held
from pipeline.settings import Settings
from pipeline.urls import mask
from workers import sinkview
from workers.web import crew, feedrows, opsview, show
from workers.web.crew import Hand
from workers.web.measure import Measure
from workers.web.verdict import Trouble, Verdict, verdict
from workers.web.verdict import troubles as wrongs

FEEDS, LETTERS = 8, 8  # that are listed
HOLDERS = ("clusterer", "relay", "alerter", "deliverer")


@dataclass(frozen=True, slots=True)
class Letter:
    """An article that was given up."""

    id: int
    title: str
    url: str
    link: str
    host: str
    reason: str
    error: str
    attempts: int
    since: datetime
    answer: str


@dataclass(frozen=True, slots=True)
class Dead:
    """What was given up: how much, by reason and by host, and some of it, the latest first."""

    count: int
    reasons: Sequence[tuple[str, int]]
    hosts: Sequence[tuple[str, int]]
    letters: Sequence[Letter]


@dataclass(frozen=True, slots=True)
class Ops:
    """All that the page shows. `crew` is None when Redis does not answer. `deliveries` are the sinks that are in
    trouble."""

    verdict: Verdict
    stages: Sequence[opsview.Stage]
    journeys: Sequence[opsview.Journey]
    chart: opsview.Chart | None
    crew: Sequence[Hand] | None
    held: Sequence[Hold]
    feeds: Sequence[feedrows.FeedRow]
    failing: int
    silent: int
    active: int
    dead: Dead
    deliveries: Sequence[Trouble] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """What the ledger says beside its figures."""

    feeds: Sequence[Feed]
    counts: dict[str, int]
    stalled: datetime | None
    holders: dict[str, str]
    dead: Dead
    deliveries: Sequence[Trouble] = ()


NOTHING = _Read((), {}, None, {}, Dead(0, (), (), ()))


def gathered(ledger: Ledger, client: redis.Redis | None, measure: Measure, settings: Settings, now: datetime) -> Ops:
    """How the wire is. Never raises for a ledger or Redis that is away: the verdict says so."""
    measured = measure(now)
    read = NOTHING
    with suppress(LedgerError, SQLAlchemyError), ledger.read() as tx:  # the verdict says so
        read = _of_ledger(tx, now)
    hands, samples = _of_redis(client, read.holders, now)
    current: Sample | None = None
    if measured.redis is not None and measured.ledger is not None:
        current = history.sample(measured.redis.counted, 0, now.timestamp())
    known = measured.ledger
    return Ops(
        verdict=verdict(wrongs(measured, hands, read.stalled, settings, now)),
        stages=opsview.stages(measured, samples, current, settings.backlog_seconds),
        journeys=opsview.journeys(samples, current),
        chart=opsview.chart(samples, current),
        crew=hands,
        held=measured.redis.held if measured.redis else (),
        feeds=[feedrows.row(feed, now) for feed in read.feeds],
        failing=read.counts.get("trouble", 0),
        silent=read.counts.get("silent", 0),
        active=known.feeds.get("active", 0) if known else 0,
        dead=read.dead,
        deliveries=read.deliveries,
    )


def _of_ledger(tx: Connection, now: datetime) -> _Read:
    told = troubles.standing(tx, troubles.PIPELINE).get(troubles.STALLED)
    failing = feed_list.chosen(tx, Choice(trouble=True), limit=FEEDS)
    silent = feed_list.chosen(tx, Choice(silent=True), limit=FEEDS - len(failing)) if len(failing) < FEEDS else []
    held = {name: roles.holder(tx, name, now) or "" for name in HOLDERS}
    known = {feed.id: feed for feed in (*failing, *silent)}
    stalled = datetime.fromisoformat(told) if told else None
    return _Read(list(known.values()), feed_list.standings(tx), stalled, held, letters(tx, LETTERS), _deliveries(tx))


def _deliveries(tx: Connection) -> list[Trouble]:
    """Sinks that do not take what they are told, in words."""
    since = dict(deliveries.oldest_waiting(tx))
    found: list[Trouble] = []
    for one in sinks.every(tx):
        dead_ones, back = deliveries.count(tx, one.id, "dead"), held.listed(tx, one.id)
        if one.state == "disabled":
            found.append(Trouble("bad", f"{one.name} is told nothing any more: {one.reason}", one.last_success))
        elif one.state == "active" and (one.failures or dead_ones or back):
            given_up = f"; {show.counted(dead_ones, 'delivery was', 'deliveries were')} given up" if dead_ones else ""
            why = one.last_error if one.failures else _held_back(back) if back else "it answers again"
            way_out = f"see “slugline sinks show {one.name}”"
            found.append(Trouble("warn", f"{one.name}: {why}{given_up}", since.get(one.id), way_out))
    return found


def _held_back(back: Sequence[Held]) -> str:
    """What a sink that takes other events is not told yet."""
    of = back[0].subject if len(back) == 1 else f"{len(back)} subjects"
    events = show.counted(sum(one.events for one in back), "event", "events")
    return f"{events} of {of} held back, since {sinkview.why(back[0])}"


def _of_redis(
    client: redis.Redis | None, holders: dict[str, str], now: datetime
) -> tuple[list[Hand] | None, list[Sample]]:
    if client is None:
        return None, []
    try:
        return crew.hands(client, holders, now), history.recent(client)
    except RedisError:
        return None, []


def letters(tx: Connection, limit: int, *, reason: str | None = None, host: str | None = None) -> Dead:
    counted = articles.reasons(tx, ArticleState.DEAD)
    rows = dead.listed(tx, limit, reason=reason, host=host) if counted else []
    answers = dead.answered(tx, [row["id"] for row in rows])
    found = [
        Letter(
            id=row["id"],
            title=row["title"] or mask(row["url"]),
            url=mask(row["url"]),
            link=show.link(row["url"]),
            host=row["host_key"],
            reason=row["reason"] or "",
            error=show.first_upper(mask(row["error"] or "")),
            attempts=row["attempts"],
            since=row["since"],
            answer=answers[row["id"]].words() if row["id"] in answers else "",
        )
        for row in rows
    ]
    hosts = opsview.reasons(dead.hosts(tx)) if counted else []
    return Dead(sum(counted.values()), opsview.reasons(counted), hosts, found)
