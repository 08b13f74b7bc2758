"""Articles in the ledger: what can be asked about them, and how dead ones are tried again.

How they get in is in `intake`, whose functions are offered here too; what workers do to them is in `work`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, insert, literal, select, update

from pipeline.ledger.columns import UtcDateTime
from pipeline.ledger.intake import (
    BACKFILL,
    CHUNK,
    FRESH,
    Recorded,
    chunks,
    import_text,
    import_url,
    record_entries,
    record_url,
)
from pipeline.ledger.schema import articles, sightings, texts
from pipeline.records import FINAL_STATES, ArticleState

__all__ = [
    "BACKFILL",
    "CHUNK",
    "FRESH",
    "UNFINISHED",
    "ArticleState",
    "Recorded",
    "chunks",
    "counts",
    "dead",
    "dead_hosts",
    "drop_dead",
    "entries_seen",
    "import_text",
    "import_url",
    "oldest",
    "one",
    "reasons",
    "record_entries",
    "record_url",
    "retry_dead",
    "unfinished",
]

UNFINISHED = [state for state in ArticleState if state not in FINAL_STATES]


def counts(tx: Connection) -> dict[str, int]:
    """How many articles stand in each state."""
    found = dict.fromkeys(ArticleState, 0)
    for state, count in tx.execute(select(articles.c.state, func.count()).group_by(articles.c.state)):
        found[ArticleState(state)] = count
    return {str(state): count for state, count in found.items()}


def unfinished(tx: Connection) -> int:
    """How many articles are in no final state."""
    return int(tx.execute(select(func.count()).where(articles.c.state.in_(UNFINISHED))).scalar_one())


def oldest(tx: Connection) -> dict[str, datetime]:
    """Since when the longest-waiting article of each unfinished state has waited in that state."""
    entered = {
        ArticleState.QUEUED: articles.c.due,
        ArticleState.FETCHED: articles.c.fetched,
        ArticleState.EMBEDDED: articles.c.embedded,
    }
    found = {}
    for state, column in entered.items():
        since = tx.execute(select(func.min(column)).where(articles.c.state == state)).scalar()
        if since is not None:
            found[str(state)] = since if isinstance(since, datetime) else datetime.fromisoformat(since)
    return {state: since.replace(tzinfo=since.tzinfo or UTC) for state, since in found.items()}


def reasons(tx: Connection, state: ArticleState) -> dict[str, int]:
    """How many articles ended in `state` for which reason."""
    grouped = select(articles.c.reason, func.count()).where(articles.c.state == state).group_by(articles.c.reason)
    return {str(reason): count for reason, count in tx.execute(grouped)}


def entries_seen(tx: Connection) -> int:
    """How many feed entries have been recorded, several sightings of one article counted each."""
    return int(tx.execute(select(func.count()).select_from(sightings)).scalar_one())


DROPPED = "dropped"
"""Why an article is rejected that a person let go of when it was dead."""


def dead(tx: Connection, limit: int, *, reason: str | None = None, host: str | None = None) -> list[Mapping[str, Any]]:
    """Articles that were given up: what, where, why, how often, since when; the latest first. `host` is a registrable
    domain."""
    names = ("id", "url", "host_key", "feed_id", "title", "reason", "error", "attempts", "seen")
    chosen = (
        select(*(articles.c[name] for name in names), articles.c.due.label("since"))
        .where(articles.c.state == ArticleState.DEAD, _among(reason, host))
        .order_by(articles.c.due.desc(), articles.c.id.desc())
        .limit(limit)
    )
    return [dict(row) for row in tx.execute(chosen).mappings()]


def dead_hosts(tx: Connection) -> dict[str, int]:
    """How many articles were given up of each registrable domain, most first."""
    count = func.count().label("dead")
    found = select(articles.c.host_key, count).where(articles.c.state == ArticleState.DEAD).group_by("host_key")
    return {row.host_key: row.dead for row in tx.execute(found.order_by(count.desc(), articles.c.host_key))}


def _among(reason: str | None, host: str | None) -> ColumnElement[bool]:
    held: list[ColumnElement[bool]] = [literal(True)]
    if reason is not None:
        held.append(articles.c.reason == reason)
    if host is not None:
        held.append(articles.c.host_key == host)
    return and_(*held)


def retry_dead(
    tx: Connection,
    now: datetime,
    ids: Sequence[int] | None = None,
    *,
    reason: str | None = None,
    host: str | None = None,
) -> int:
    """Open a new generation for dead articles (all, or those named) that failed for this reason, and at this
    registrable domain, where these are given. Returns how many.

    Those whose text is known begin with it: an imported text cannot be fetched again.
    """
    return _for_each(ids, lambda among: _renew(tx, now, and_(among, _among(reason, host))))


def drop_dead(
    tx: Connection,
    now: datetime,
    ids: Sequence[int] | None = None,
    *,
    reason: str | None = None,
    host: str | None = None,
) -> int:
    """Let go of dead articles, chosen as in `retry_dead`: rejected as `dropped` in a new generation, they are neither
    listed as dead nor tried again, and their feed does not bring them back. Returns how many."""
    dropped: dict[str, Any] = {
        "state": ArticleState.REJECTED,
        "reason": DROPPED,
        "generation": articles.c.generation + 1,
        "due": now,
    }

    def drop(among: ColumnElement[bool]) -> int:
        chosen = update(articles).where(articles.c.state == ArticleState.DEAD, among, _among(reason, host))
        return int(tx.execute(chosen.values(**dropped)).rowcount)

    return _for_each(ids, drop)


def _for_each(ids: Sequence[int] | None, act: Callable[[ColumnElement[bool]], int]) -> int:
    if ids is None:
        return act(literal(True))
    return sum(act(articles.c.id.in_(part)) for part in chunks(ids))


def _renew(tx: Connection, now: datetime, among: ColumnElement[bool]) -> int:
    dead = and_(articles.c.state == ArticleState.DEAD, among)
    current = and_(texts.c.article_id == articles.c.id, texts.c.generation == articles.c.generation)
    kept = ("title", "text", "signature", "features")
    copies = select(
        articles.c.id, articles.c.generation + 1, *(texts.c[name] for name in kept), literal(now, UtcDateTime)
    )
    chosen = copies.join(texts, current).where(dead)
    tx.execute(insert(texts).from_select(["article_id", "generation", *kept, "created"], chosen))
    following = and_(texts.c.article_id == articles.c.id, texts.c.generation == articles.c.generation + 1)
    renewed: dict[str, Any] = {
        "state": case((exists().where(following), ArticleState.FETCHED), else_=ArticleState.QUEUED),
        "generation": articles.c.generation + 1,
        "attempts": 0,
        "reason": None,
        "error": None,
        "due": now,
        "job_id": None,
        "lease_owner": None,
        "lease_until": None,
    }
    return tx.execute(update(articles).where(dead).values(**renewed)).rowcount


def one(tx: Connection, article_id: int) -> dict[str, Any] | None:
    """All that the ledger's row of an article says, with the current text, or None."""
    row = tx.execute(select(articles).where(articles.c.id == article_id)).mappings().first()
    if row is None:
        return None
    # While an edit is looked into, the text of before stands.
    newest = select(texts.c.text).where(texts.c.article_id == article_id, texts.c.generation <= row["generation"])
    return {**row, "text": tx.execute(newest.order_by(texts.c.generation.desc()).limit(1)).scalar() or ""}
