"""What a change of the model leaves to do: articles that filing remembers, without a vector of the present version.

Their states and leases are not touched: a second row of vectors is all that comes of it, and a job that is lost or run
twice does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from pipeline.ledger.revisions import FILED
from pipeline.ledger.schema import articles, memberships, texts, vectors

NEWEST = 2**62  # a place in the order of filing that nothing reaches


@dataclass(frozen=True, slots=True)
class Text:
    """What is to be embedded, and the version of the article whose text it is."""

    article_id: int
    generation: int
    title: str
    text: str


def lacking(
    tx: Connection, version: str, since: datetime, limit: int, *, before: int = NEWEST
) -> list[tuple[int, int]]:
    """Ids of articles filed after `since` that lack a vector of this version, each with its place in the order of
    filing: the latest first, those before the place `before`, which lets a caller go on where it was."""
    filed = memberships.c.filed >= since
    # Reading ends there: to look through all that was ever filed would take its time.
    first = (
        select(memberships.c.position)
        .where(filed)
        .order_by(memberships.c.filed, memberships.c.position)
        .limit(1)
        .scalar_subquery()
    )
    chosen = (
        select(articles.c.id, memberships.c.position)
        .join(memberships, memberships.c.article_id == articles.c.id)
        .where(
            memberships.c.position < before,
            memberships.c.position >= first,
            filed,
            articles.c.state.in_(FILED),
            _lacks(version),
        )
        .order_by(memberships.c.position.desc())
        .limit(limit)
    )
    return [(article, position) for article, position in tx.execute(chosen)]


def texts_of(tx: Connection, ids: Sequence[int], version: str) -> list[Text]:
    """The current texts of those of these articles that still lack a vector of this version."""
    chosen = (
        select(articles.c.id, articles.c.generation, texts.c.title, texts.c.text)
        .join(texts, and_(texts.c.article_id == articles.c.id, texts.c.generation == articles.c.generation))
        .where(articles.c.id.in_(ids), articles.c.state.in_(FILED), _lacks(version))
        .order_by(articles.c.id)
    )
    return [Text(*row) for row in tx.execute(chosen)]


def _lacks(version: str) -> ColumnElement[bool]:
    mine = and_(
        vectors.c.article_id == articles.c.id,
        vectors.c.generation == articles.c.generation,
        vectors.c.version == version,
    )
    return ~select(vectors.c.article_id).where(mine).exists()


def put(tx: Connection, one: Text, version: str, vector: bytes, now: datetime) -> bool:
    """Keep a vector, unless the article's text is gone by now or another worker was faster. Returns whether it was."""
    there = select(texts.c.article_id).where(
        texts.c.article_id == one.article_id, texts.c.generation == one.generation, texts.c.text == one.text
    )
    if tx.execute(there).first() is None:
        return False
    insert = postgres_insert if tx.dialect.name == "postgresql" else sqlite_insert
    row = {"article_id": one.article_id, "generation": one.generation, "version": version}
    made = insert(vectors).values(**row, vector=vector, created=now).on_conflict_do_nothing()
    return tx.execute(made.returning(vectors.c.article_id)).first() is not None
