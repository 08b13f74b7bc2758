"""What a storyline is told by: its latest originals, each in the version that stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from pipeline.ledger.revisions import FILED
from pipeline.ledger.schema import articles, memberships, texts
from pipeline.records import Article

_COLUMNS = ("id", "seen", "url", "outlet", "lang", "published")


def originals(tx: Connection, storyline_id: int, most: int, chars: int) -> list[Article]:
    """The originals filed last, oldest first, with the first `chars` characters of their texts.

    Of an article that has been told again that is the newer version; of one that is being looked into, the version
    that stands.
    """
    chosen = (
        select(
            *(articles.c[name] for name in _COLUMNS),
            articles.c.state,
            articles.c.generation,
            articles.c.previous,
            memberships.c.generation.label("filed_in"),
        )
        .join(memberships, memberships.c.article_id == articles.c.id)
        .where(memberships.c.storyline_id == storyline_id, memberships.c.kind == "original")
        .order_by(memberships.c.position.desc())
        .limit(most)
    )
    rows = tx.execute(chosen).mappings().all()[::-1]
    versions = _versions(tx, [row["id"] for row in rows], chars)
    found = []
    for row in rows:
        words = versions.get((row["id"], _standing(row))) or versions.get((row["id"], row["filed_in"]))
        if words is not None:
            found.append(Article(**{name: row[name] for name in _COLUMNS}, title=words[0], text=words[1]))
    return found


def _versions(tx: Connection, ids: list[int], chars: int) -> dict[tuple[int, int], tuple[str, str]]:
    columns = (texts.c.article_id, texts.c.generation, texts.c.title, func.substr(texts.c.text, 1, chars))
    chosen = select(*columns).where(texts.c.article_id.in_(ids))
    return {(article, generation): (title, text) for article, generation, title, text in tx.execute(chosen)}


def _standing(row: Mapping[Any, Any]) -> int:
    """The generation of the version that stands."""
    if row["state"] in FILED:
        return int(row["generation"])
    previous = row["previous"]
    return int(previous["generation"] if previous and previous["state"] in FILED else row["filed_in"])
