"""The waiting line: how long what is fresh has waited in it."""

from __future__ import annotations

from datetime import datetime
from itertools import product

from sqlalchemy import Connection, select

from pipeline.ledger.intake import FRESH, PUSHED
from pipeline.ledger.schema import articles
from pipeline.records import ArticleState

TOLERATED = 200
"""Articles that may have waited longer than the age that counts. Of a host that is asked once a second only, or that
is away, some always have; they are no reason to hold back the others."""
LINES = (ArticleState.QUEUED, ArticleState.FETCHED, ArticleState.EMBEDDED)


def ages(tx: Connection, now: datetime, *, tolerated: int = TOLERATED) -> dict[str, float]:
    """Seconds that fresh articles have been due in each state of the line, the `tolerated` oldest left out.

    What a backfill brought and what is not due yet does not count; what a worker has in its hands does not wait.
    """
    found: dict[str, float] = {}
    for state, priority in product(LINES, (PUSHED, FRESH)):
        waiting = (
            select(articles.c.due)
            .where(articles.c.state == state, articles.c.job_id.is_(None), articles.c.priority == priority)
            .where(articles.c.due <= now)
            .order_by(articles.c.due)
            .offset(tolerated)
            .limit(1)
        )
        since = tx.execute(waiting).scalar()
        if since is not None:
            found[str(state)] = max(found.get(str(state), 0.0), (now - since).total_seconds())
    return found
