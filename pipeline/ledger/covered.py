"""What rules read of storylines: who covers them, what the latest originals say, and the vectors of these."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, select

from pipeline.ledger.schema import articles, memberships, storylines, vectors
from pipeline.ledger.storylines import unpack
from pipeline.records import Vector

_ARTICLE = ("id", "seen", "outlet", "url", "lang", "published", "backfill")


def members(tx: Connection, storyline_id: int, most: int) -> list[RowMapping]:
    """The articles of a storyline that were filed last, oldest first: the columns above, `kind` and `filed`."""
    chosen = (
        select(*(articles.c[name] for name in _ARTICLE), memberships.c.kind, memberships.c.filed)
        .join(memberships, memberships.c.article_id == articles.c.id)
        .where(memberships.c.storyline_id == storyline_id)
        .order_by(memberships.c.position.desc())
        .limit(most)
    )
    return list(tx.execute(chosen).mappings())[::-1]


def is_muted(tx: Connection, storyline_id: int) -> bool:
    """Whether people want to hear no more of a storyline."""
    return bool(tx.execute(select(storylines.c.muted).where(storylines.c.id == storyline_id)).scalar())


def vectors_of(tx: Connection, ids: Sequence[int], version: str) -> dict[int, Vector]:
    """The vectors of these articles, of the model and preparation `version`, in the latest version that is there."""
    chosen = select(vectors.c.article_id, vectors.c.vector).where(
        vectors.c.article_id.in_(ids), vectors.c.version == version
    )
    found: dict[int, Vector] = {}
    for article, stored in tx.execute(chosen.order_by(vectors.c.article_id, vectors.c.generation)):
        vector = unpack(stored)
        if vector is not None:
            found[article] = vector
    return found


def recent(tx: Connection, version: str, most: int) -> list[tuple[Vector, str | None, int]]:
    """Vector, language and storyline of the originals that were filed last, oldest first."""
    chosen = (
        select(vectors.c.vector, articles.c.lang, memberships.c.storyline_id)
        .join(articles, articles.c.id == memberships.c.article_id)
        .join(
            vectors,
            (vectors.c.article_id == memberships.c.article_id) & (vectors.c.generation == memberships.c.generation),
        )
        .where(vectors.c.version == version, memberships.c.kind == "original")
        .order_by(memberships.c.position.desc())
        .limit(most)
    )
    found = []
    for stored, lang, storyline in tx.execute(chosen):
        vector = unpack(stored)
        if vector is not None:
            found.append((vector, lang, storyline))
    return found[::-1]
