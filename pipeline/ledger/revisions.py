"""What stands of an article while an edit of it is looked into, and how it goes back to that.

The look is a generation of its own, after the one that was filed or rejected (`edits.open_looks`). One that came to
nothing is undone: the article has its old generation again, in the state in which it ended, and the number is used for
the next look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, func, insert, literal, select

from pipeline.ledger.columns import UtcDateTime
from pipeline.ledger.schema import articles, memberships, texts, vectors
from pipeline.records import ArticleState

FILED = (ArticleState.FILED, ArticleState.DUPLICATE)
_MARKED = (texts.c.text, texts.c.signature, texts.c.features)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The version that stands: its generation, and how that ended. `etag` and `last_modified` are its page's own;
    `from_feed` says that its text is its feed's, since the page could not be had. It was filed by `outlet` and `lang`.
    `changed` is what the new version changed in substance, once that is known."""

    generation: int
    state: ArticleState
    reason: str | None = None
    error: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    from_feed: bool = False
    outlet: str = ""
    lang: str | None = None
    changed: tuple[str, ...] = ()

    @property
    def filed(self) -> bool:
        """Whether it has a place in a storyline, which it keeps whatever the page has become."""
        return self.state in FILED

    @property
    def stored(self) -> dict[str, Any]:
        """It as the ledger keeps it."""
        return {"generation": self.generation, "state": self.state, "reason": self.reason, "error": self.error}

    def restored(self, *, reason: str | None = None, error: str | None = None) -> dict[str, Any]:
        """The columns of an article that goes back to it; `reason` and `error` say why, where it was not asked for."""
        return {
            "generation": self.generation,
            "reason": self.reason or reason,
            "error": self.error or error,
            "attempts": 0,
            "deaths": 0,
            "futile": articles.c.futile + 1,
            "previous": None,
        }


def of(row: Mapping[Any, Any]) -> Revision | None:
    """What stands of the article with this row; None where nothing does: it is new, or not being looked into."""
    stored = row["previous"]
    if not stored:
        return None
    return Revision(
        generation=stored["generation"],
        state=ArticleState(stored["state"]),
        reason=stored["reason"],
        error=stored["error"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        from_feed=row["sources"].get("text") == "feed",
        outlet=row["outlet"],
        lang=row["lang"],
        changed=tuple(stored.get("changed", ())),
    )


def text_of(tx: Connection, article_id: int, generation: int) -> tuple[str, str]:
    """Title and text of one version; empty when there is none."""
    chosen = select(texts.c.title, texts.c.text).where(
        texts.c.article_id == article_id, texts.c.generation == generation
    )
    row = tx.execute(chosen).one_or_none()
    return (row.title, row.text) if row else ("", "")


def copy_vectors(tx: Connection, article_id: int, before: int, after: int, now: datetime) -> None:
    """Give a version the vectors of the one before it: its text says the same."""
    mine = (vectors.c.article_id == article_id, vectors.c.generation == before)
    names = ["article_id", "generation", "version", "vector", "created"]
    rows = select(
        vectors.c.article_id, literal(after), vectors.c.version, vectors.c.vector, literal(now, UtcDateTime)
    ).where(*mine)
    tx.execute(insert(vectors).from_select(names, rows))


# ---- versions to read ----


def current(version: str) -> Select[Any]:
    """All columns of articles, with text and vector (of that model and preparation) of their current versions."""
    text = and_(texts.c.article_id == articles.c.id, texts.c.generation == articles.c.generation)
    vector = _vector(vectors, version, articles.c.generation)
    chosen = select(articles, texts.c.title.label("told"), *_MARKED, vectors.c.vector)
    return chosen.join(texts, text).outerjoin(vectors, vector)


def as_filed(version: str) -> Select[Any]:
    """The same in the versions by which they were filed. One that has no vector gets that of its current version: a
    model that came later may know that one only."""
    newest = vectors.alias("newest")
    text = and_(texts.c.article_id == articles.c.id, texts.c.generation == memberships.c.generation)
    vector = func.coalesce(vectors.c.vector, newest.c.vector).label("vector")
    return (
        select(articles, texts.c.title.label("told"), *_MARKED, vector)
        .join(memberships, memberships.c.article_id == articles.c.id)
        .join(texts, text)
        .outerjoin(vectors, _vector(vectors, version, memberships.c.generation))
        .outerjoin(newest, _vector(newest, version, articles.c.generation))
    )


def _vector(table: FromClause, version: str, generation: ColumnElement[int]) -> ColumnElement[bool]:
    same = and_(table.c.article_id == articles.c.id, table.c.generation == generation)
    return and_(same, table.c.version == version)
