"""Taking an article out of its storyline. Only the clusterer calls this, inside a transaction under its guard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from pipeline.ledger import coverage
from pipeline.ledger.schema import articles, memberships, storylines
from pipeline.records import ArticleState


def leave(tx: Connection, article_id: int) -> int | None:
    """End an article's membership; returns the storyline it was in, None when it was in none.

    Of its reprints the first becomes the original of the others: the text still stands there, and is told once.
    """
    gone = delete(memberships).where(memberships.c.article_id == article_id).returning(memberships.c.storyline_id)
    storyline = tx.execute(gone).scalar_one_or_none()
    chosen = (
        select(articles.c.id)
        .join(memberships, memberships.c.article_id == articles.c.id)
        .where(articles.c.original_id == article_id)
        .order_by(memberships.c.position)
    )
    reprints = list(tx.execute(chosen).scalars())
    if reprints:
        first = reprints[0]
        _promote(tx, first)
    others = articles.c.original_id == article_id
    tx.execute(update(articles).where(others).values(original_id=reprints[0] if reprints else None))
    return None if storyline is None else int(storyline)


def _promote(tx: Connection, article_id: int) -> None:
    row = tx.execute(select(articles.c.state, articles.c.previous).where(articles.c.id == article_id)).one()
    values: dict[str, Any] = {"original_id": None}
    if row.state == ArticleState.DUPLICATE:
        values["state"] = ArticleState.FILED
    if row.previous and row.previous.get("state") == ArticleState.DUPLICATE:  # an edit of it is being looked into
        values["previous"] = {**row.previous, "state": ArticleState.FILED}
    tx.execute(update(articles).where(articles.c.id == article_id).values(**values))
    tx.execute(update(memberships).where(memberships.c.article_id == article_id).values(kind="original"))


def titles(tx: Connection, storyline_id: int) -> list[str]:
    """The titles of a storyline's articles, and its own if it was declared or renamed."""
    chosen = select(articles.c.title).join(memberships, memberships.c.article_id == articles.c.id)
    own = select(storylines.c.title).where(storylines.c.id == storyline_id)
    given = select(storylines.c.headline).where(storylines.c.id == storyline_id, storylines.c.renamed)
    chosen = chosen.where(memberships.c.storyline_id == storyline_id)
    return [title for each in (chosen, own, given) for title in tx.execute(each).scalars()]


def retell(
    tx: Connection,
    storyline_id: int,
    article_id: int,
    *,
    headline: str,
    lead: str,
    redacted: Sequence[int],
    now: datetime,
) -> None:
    """Count a storyline anew and say that the article is no part of it any more. `redacted` are the positions of the
    events that read differently now."""
    said = {"article": {"id": article_id, "forgotten": True}, "redacted": list(redacted)}
    coverage.retell(tx, storyline_id, "article.removed", said, now, headline=headline, lead=lead)
