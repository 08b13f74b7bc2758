"""Articles in the ledger: what can be asked about them.

How they get in is in `intake` and `importing`, whose functions are offered here too; what workers do to them is in
`work`, and what becomes of dead ones in `dead`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from pipeline.ledger.importing import import_text, import_url
from pipeline.ledger.intake import (
    BACKFILL,
    CHUNK,
    FRESH,
    PUSHED,
    Recorded,
    chunks,
    record_entries,
    record_url,
)
from pipeline.ledger.schema import articles, sightings, texts
from pipeline.records import FINAL_STATES, ArticleState

__all__ = [
    "BACKFILL",
    "CHUNK",
    "FRESH",
    "PUSHED",
    "UNFINISHED",
    "ArticleState",
    "Recorded",
    "chunks",
    "counts",
    "entries_seen",
    "import_text",
    "import_url",
    "oldest",
    "one",
    "reasons",
    "record_entries",
    "record_url",
    "seen",
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


def seen(tx: Connection, ids: Collection[int]) -> dict[int, datetime]:
    """When these articles were first seen, as far as they are there."""
    found: dict[int, datetime] = {}
    for part in chunks(sorted(ids)):
        rows = tx.execute(select(articles.c.id, articles.c.seen).where(articles.c.id.in_(part)))
        found |= {int(article): first for article, first in rows}
    return found


def one(tx: Connection, article_id: int) -> dict[str, Any] | None:
    """All that the ledger's row of an article says, with the current text, or None."""
    row = tx.execute(select(articles).where(articles.c.id == article_id)).mappings().first()
    if row is None:
        return None
    # While an edit is looked into, the text of before stands.
    newest = select(texts.c.text).where(texts.c.article_id == article_id, texts.c.generation <= row["generation"])
    return {**row, "text": tx.execute(newest.order_by(texts.c.generation.desc()).limit(1)).scalar() or ""}
