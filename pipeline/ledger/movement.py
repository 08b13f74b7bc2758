"""Whether articles move, told from what is on its way: no query here reads more than the backlog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from pipeline.ledger.articles import UNFINISHED
from pipeline.ledger.schema import articles, hosts
from pipeline.ledger.storylines import last_position
from pipeline.records import ArticleState


@dataclass(frozen=True, slots=True)
class Seen:
    """How many articles were on their way in each state, the newest id by then, and the place of the last one filed."""

    newest: int
    counts: Mapping[str, int]
    filed: int


def seen(tx: Connection) -> Seen:
    newest = int(tx.execute(select(func.coalesce(func.max(articles.c.id), 0))).scalar_one())
    return Seen(newest, _counts(tx, newest), last_position(tx))


def moved(tx: Connection, before: Seen, now: Seen) -> bool:
    """Whether anything moved between two looks. Only what was there at the first one counts: that feeds bring more
    is no movement, and an edited article which goes back into the line is none either."""
    if now.filed != before.filed:
        return True
    counts = _counts(tx, before.newest)
    if counts[ArticleState.QUEUED] < before.counts[ArticleState.QUEUED]:
        return True
    later = (ArticleState.FETCHED, ArticleState.EMBEDDED)
    return any(counts[state] != before.counts[state] for state in later)


def waiting(tx: Connection, moment: datetime) -> dict[str, int]:
    """How many articles could move at that moment, by state: what waits for its time, or for a host that wants to be
    left alone, is not held up by us."""
    mine = hosts.c.host_key == articles.c.host_key
    free = select(hosts.c.host_key).where(mine, hosts.c.next_handout <= moment).exists()
    found = {}
    for state in UNFINISHED:
        may = articles.c.due <= moment
        if state == ArticleState.QUEUED:
            may = and_(may, or_(articles.c.job_id.is_not(None), free))
        chosen = select(func.count()).where(articles.c.state == state, may)
        found[str(state)] = int(tx.execute(chosen).scalar_one())
    return found


def _counts(tx: Connection, newest: int) -> dict[str, int]:
    chosen = select(articles.c.state, func.count()).where(articles.c.state.in_(UNFINISHED), articles.c.id <= newest)
    found = dict.fromkeys(map(str, UNFINISHED), 0)
    return found | {str(state): count for state, count in tx.execute(chosen.group_by(articles.c.state))}
