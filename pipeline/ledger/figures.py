"""How much waits where, for gauges: asked every few seconds, so every question has a bound.

What waits is counted over the small indexes of the waiting line, up to `MOST`; what is done is not counted here at all,
since it grows without end (`pipeline.tally` counts it as it happens). Feeds are counted whole: there are thousands of
them, not millions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from pipeline import metrics
from pipeline.ledger import events as ledger_events
from pipeline.ledger.schema import articles, commands, events, feeds, storylines
from pipeline.records import ArticleState, FeedState

MOST = 100_000  # counted of anything: beyond that it does not matter how much it is
LATE = timedelta(minutes=1)  # a feed that is due for longer should have been polled
WAITING = (ArticleState.QUEUED, ArticleState.FETCHED, ArticleState.EMBEDDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The ledger's gauges at one moment. Counts end at `MOST`; times are None when nothing waits.

    `articles`: for each state in which articles wait, how many by `due`, `put-off`, `handed-out`, `in-work`. `oldest`:
    seconds that the one due longest has waited, handed out or not. `expired`: leases that ran out. `dead`: by class of
    reason. `feeds`: by state; of active ones `failing`, `silent` and `overdue`, and for how many seconds the first has
    been due. `storylines`: those whose life is followed, by state. `outbox`: events without a position, the time of the
    first of them, and the last position given.
    """

    articles: Mapping[str, Mapping[str, int]]
    oldest: Mapping[str, float]
    expired: int
    dead: Mapping[str, int]
    feeds: Mapping[str, int]
    failing: int
    silent: int
    overdue: int
    feed_lateness: float
    storylines: Mapping[str, int]
    commands: int
    outbox: int
    outbox_since: datetime | None
    last_position: int


def figures(tx: Connection, now: datetime) -> Figures:
    """All of them, in one reading transaction."""
    standing, oldest = _articles(tx, now)
    by_state, failing, silent = _feeds(tx)
    overdue, lateness = _overdue(tx, now)
    return Figures(
        articles=standing,
        oldest=oldest,
        expired=_count(tx, select(articles.c.id).where(articles.c.lease_until < now)),
        dead=_dead(tx),
        feeds=by_state,
        failing=failing,
        silent=silent,
        overdue=overdue,
        feed_lateness=lateness,
        storylines=_storylines(tx),
        commands=_count(tx, select(commands.c.id).where(commands.c.state == "pending")),
        outbox=_count(tx, select(events.c.seq).where(events.c.position.is_(None))),
        outbox_since=_first_waiting(tx),
        last_position=ledger_events.last_position(tx),
    )


def waiting(tx: Connection, now: datetime) -> dict[str, int]:
    """How many articles wait in each state, those put off to a later attempt aside; counts end at `MOST`."""
    standing, _ = _articles(tx, now)
    return {state: sum(counts.values()) - counts["put-off"] for state, counts in standing.items()}


def time_of(tx: Connection, position: int) -> datetime | None:
    """When the first event behind this position happened; None when there is none."""
    chosen = select(events.c.time).where(events.c.position > position).order_by(events.c.position).limit(1)
    return tx.execute(chosen).scalar()


def _count(tx: Connection, chosen: Select[Any]) -> int:
    """How many rows, up to `MOST`."""
    return int(tx.execute(select(func.count()).select_from(chosen.limit(MOST).subquery())).scalar_one())


def _articles(tx: Connection, now: datetime) -> tuple[dict[str, dict[str, int]], dict[str, float]]:
    standing: dict[str, dict[str, int]] = {}
    since: dict[str, list[datetime]] = {state: [] for state in WAITING}
    for state in WAITING:
        due = put_off = 0
        for priority in _priorities(tx, state):
            line = _line(state, priority)
            due += _count(tx, select(articles.c.id).where(line, articles.c.due <= now))
            put_off += _count(tx, select(articles.c.id).where(line, articles.c.due > now))
            first = tx.execute(select(articles.c.due).where(line).order_by(articles.c.due).limit(1)).scalar()
            since[state] += [first] if first is not None else []
        standing[state] = {"due": min(due, MOST), "put-off": min(put_off, MOST), "handed-out": 0, "in-work": 0}
    held = articles.c.lease_owner.is_not(None).label("held")
    # Asked for in this way since a database may else prefer to read all articles in the order of their states.
    with_job = select(articles.c.state, held, articles.c.due).where(articles.c.job_id > "").limit(MOST).subquery()
    in_hands = select(
        with_job.c.state, with_job.c.held, func.count().label("number"), func.min(with_job.c.due).label("first")
    ).group_by(with_job.c.state, with_job.c.held)
    for row in tx.execute(in_hands):
        if row.state in standing:
            standing[row.state]["in-work" if row.held else "handed-out"] += row.number
            since[row.state].append(row.first)
    oldest = {
        str(state): max((max(0.0, (now - one).total_seconds()) for one in found), default=0.0)
        for state, found in since.items()
    }
    return standing, oldest


def _line(state: str, priority: int) -> ColumnElement[bool]:
    return and_(articles.c.state == state, articles.c.priority == priority, articles.c.job_id.is_(None))


def _priorities(tx: Connection, state: str) -> list[int]:
    """Those that occur in this line, found by leaping over the index: one look for each."""
    found: list[int] = []
    waiting = and_(articles.c.state == state, articles.c.job_id.is_(None))
    chosen = select(articles.c.priority).where(waiting).order_by(articles.c.priority).limit(1)
    while (one := tx.execute(chosen.where(articles.c.priority > found[-1]) if found else chosen).scalar()) is not None:
        found.append(one)
    return found


def _dead(tx: Connection) -> dict[str, int]:
    looked = select(articles.c.reason).where(articles.c.state == ArticleState.DEAD).limit(MOST).subquery()
    grouped = select(looked.c.reason, func.count()).group_by(looked.c.reason)
    found = dict.fromkeys(metrics.CLASSES, 0)
    for reason, count in tx.execute(grouped):
        found[metrics.class_of(reason)] += count
    return found


def _feeds(tx: Connection) -> tuple[dict[str, int], int, int]:
    grouped = select(feeds.c.state, func.count()).group_by(feeds.c.state)
    by_state: dict[str, int] = {str(state): count for state, count in tx.execute(grouped)}
    failing = func.count().filter(feeds.c.failures > 0)
    silent = func.count().filter(feeds.c.silent_since.is_not(None))
    row = tx.execute(select(failing, silent).where(feeds.c.state == FeedState.ACTIVE)).one()
    return by_state, int(row[0]), int(row[1])


def _overdue(tx: Connection, now: datetime) -> tuple[int, float]:
    """How many active feeds are late, and by how many seconds the one that is due longest."""
    active = feeds.c.state == FeedState.ACTIVE
    late = _count(tx, select(feeds.c.id).where(active, feeds.c.due < now - LATE))
    first = tx.execute(select(feeds.c.due).where(active).order_by(feeds.c.due).limit(1)).scalar()
    return late, max(0.0, (now - first).total_seconds()) if first is not None else 0.0


def _storylines(tx: Connection) -> dict[str, int]:
    followed = select(storylines.c.state).where(storylines.c.state_due.is_not(None)).limit(MOST).subquery()
    grouped = select(followed.c.state, func.count()).group_by(followed.c.state)
    return {str(state): count for state, count in tx.execute(grouped)}


def _first_waiting(tx: Connection) -> datetime | None:
    chosen = select(events.c.time).where(events.c.position.is_(None)).order_by(events.c.seq).limit(1)
    return tx.execute(chosen).scalar()
