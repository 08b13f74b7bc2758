"""What was filed, read back in the order of filing, and laid out in a ledger of its own to be filed anew.

Reading is done in portions, each in a short transaction of its caller, so that a running service is not held up and
SQLite's log does not grow meanwhile. What writes here is meant for a temporary SQLite ledger only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, and_, exists, func, select, text, update

from pipeline.ledger import revisions
from pipeline.ledger.apart import parts
from pipeline.ledger.schema import articles, events, memberships, storylines, texts, vectors
from pipeline.records import ArticleState

Ids = npt.NDArray[np.int64]
ONCE = 1  # the generation of everything that is laid out: only the version by which it was filed comes along


@dataclass(frozen=True, slots=True)
class Span:
    """Articles filed from `since` to before `until`, at positions from `first` to `last`; `began` and `ended` are when
    the first and the last of them were filed."""

    since: datetime
    until: datetime
    first: int
    last: int
    count: int
    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where n articles are filed, (n,) each, in the order of filing; `pinned` says that a person put them there."""

    articles: Ids
    storylines: Ids
    pinned: npt.NDArray[np.bool_]


def span(tx: Connection, since: datetime, until: datetime) -> Span | None:
    """What was filed in that time; None when nothing was."""
    position, filed = memberships.c.position, memberships.c.filed
    chosen = select(
        func.min(position), func.max(position), func.count(), func.min(filed), func.max(filed)
    ).where(filed >= since, filed < until)  # fmt: skip
    first, last, count, began, ended = tx.execute(chosen).one()
    return Span(since, until, first, last, count, began, ended) if count else None


def without_text(tx: Connection, of: Span) -> int:
    """How many articles of a span have no text any more in the version by which they were filed."""
    mine = and_(texts.c.article_id == memberships.c.article_id, texts.c.generation == memberships.c.generation)
    chosen = select(func.count()).select_from(memberships).where(~exists().where(mine))
    return int(tx.execute(_within(chosen, of)).scalar_one())


def standing(tx: Connection, of: Span) -> Standing:
    """Where the articles of a span are filed now."""
    chosen = select(memberships.c.article_id, memberships.c.storyline_id, memberships.c.pinned)
    rows = tx.execute(_within(chosen, of).order_by(memberships.c.position).execution_options(yield_per=10_000))
    table = np.fromiter((tuple(row) for row in rows), np.dtype("i8, i8, ?"))
    return Standing(table["f0"], table["f1"], table["f2"])


def portion(tx: Connection, of: Span, version: str, after: int, limit: int) -> list[dict[str, Any]]:
    """The next articles of a span behind a position, as `lay_out` takes them, in the versions by which they were filed
    and with the vectors of that model and preparation."""
    columns = (
        texts.c.features.label("packed"),
        memberships.c.storyline_id,
        memberships.c.kind,
        memberships.c.position,
        memberships.c.pinned,
        memberships.c.filed.label("filed_at"),
    )
    chosen = _within(revisions.as_filed(version).add_columns(*columns), of).where(memberships.c.position > after)
    return [dict(row) for row in tx.execute(chosen.order_by(memberships.c.position).limit(limit)).mappings()]


def homes(tx: Connection, ids: Iterable[int]) -> list[dict[str, Any]]:
    """The rows of these storylines."""
    return [
        dict(row)
        for part in parts(sorted(set(ids)))
        for row in tx.execute(select(storylines).where(storylines.c.id.in_(part))).mappings()
    ]


def last_storyline(tx: Connection) -> int:
    return int(tx.execute(select(func.coalesce(func.max(storylines.c.id), 0))).scalar_one())


def headlines(tx: Connection, ids: Iterable[int]) -> dict[int, str]:
    """What these storylines are called."""
    return {row["id"]: row["headline"] or row["title"] for row in homes(tx, ids)}


def titles(tx: Connection, ids: Iterable[int]) -> dict[int, str]:
    """What each of these articles is called."""
    found: dict[int, str] = {}
    for part in parts(sorted(set(ids))):
        chosen = select(articles.c.id, articles.c.title).where(articles.c.id.in_(part))
        found |= {row.id: row.title for row in tx.execute(chosen)}
    return found


def reasons(tx: Connection, ids: Iterable[int]) -> dict[int, Mapping[str, Any]]:
    """Why each of these articles is where it is."""
    found: dict[int, Mapping[str, Any]] = {}
    for part in parts(sorted(set(ids))):
        chosen = select(memberships.c.article_id, memberships.c.why).where(memberships.c.article_id.in_(part))
        found |= {row.article_id: row.why for row in tx.execute(chosen)}
    return found


# ---- the ledger of its own ----


def open_homes(tx: Connection, rows: Sequence[Mapping[Any, Any]], before: datetime) -> None:
    """Storylines as if nothing had been filed under them yet, under their ids; opened no later than `before`, so that
    filing waits for no vector of a declared one."""
    kept = ("id", "title", "text", "lang", "declared", "locked", "renamed", "headline", "vector", "vector_version")
    fresh = {"state": "emerging", "updated": before, "sequence": 1}
    values = [
        {**{name: row[name] for name in kept}, **fresh, "opened": min(row["opened"], before), "outlets": row["outlets"]}
        for row in rows
    ]
    if values:
        tx.execute(storylines.insert(), values)


def number_from(tx: Connection, last: int) -> None:
    """Storylines that are opened from now on get ids behind `last`."""
    tx.execute(text("DELETE FROM sqlite_sequence WHERE name = 'storylines'"))
    tx.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES ('storylines', :last)"), {"last": last})


def lay_out(tx: Connection, rows: Sequence[Mapping[str, Any]], version: str, *, filed: bool) -> None:
    """Articles with texts and vectors, waiting to be filed; with `filed` as they were filed, for filing to remember.

    A reprint whose original was filed too long ago to be among them counts as one of itself, and so stays a reprint.
    """
    if not rows:
        return
    present: set[int] = set()
    if filed:
        originals = sorted({row["original_id"] for row in rows if row["original_id"] is not None})
        for part in parts(originals):
            present.update(tx.execute(select(articles.c.id).where(articles.c.id.in_(part))).scalars())
        present.update(row["id"] for row in rows if row["kind"] == "original")
    ahead = [row for row in rows if row["kind"] == "original"] + [row for row in rows if row["kind"] != "original"]
    tx.execute(articles.insert(), [_article(row, present, filed=filed) for row in ahead])
    tx.execute(
        texts.insert(),
        [
            {
                "article_id": row["id"],
                "generation": ONCE,
                "title": row["told"],
                "text": row["text"],
                "signature": row["signature"],
                "features": row["packed"],
                "created": row["filed_at"],
            }
            for row in rows
        ],
    )
    known = [
        {
            "article_id": row["id"],
            "generation": ONCE,
            "version": version,
            "vector": row["vector"],
            "created": row["filed_at"],
        }
        for row in rows
        if row["vector"] is not None
    ]
    if known:
        tx.execute(vectors.insert(), known)
    if filed:
        tx.execute(memberships.insert(), [_membership(row) for row in rows])


def _article(row: Mapping[str, Any], present: set[int], *, filed: bool) -> dict[str, Any]:
    copied = ("id", "url", "lang", "outlet", "published", "seen", "backfill", "title", "lead")
    values: dict[str, Any] = {name: row[name] for name in copied}
    values |= {"url_key": str(row["id"]), "host_key": "", "due": row["filed_at"], "generation": ONCE}
    state, original = ArticleState.EMBEDDED, None
    if filed:
        state = ArticleState.FILED if row["kind"] == "original" else ArticleState.DUPLICATE
        original = row["original_id"]
        if state == ArticleState.DUPLICATE and original not in present:
            original = row["id"]
    return {**values, "state": state, "original_id": original, "filed": row["filed_at"] if filed else None}


def _membership(row: Mapping[str, Any]) -> dict[str, Any]:
    copied = ("storyline_id", "kind", "position", "pinned")
    values = {name: row[name] for name in copied}
    return {**values, "article_id": row["id"], "generation": ONCE, "why": {}, "filed": row["filed_at"]}


def count_members(tx: Connection) -> None:
    """Have each storyline say how many articles and originals are filed under it."""
    mine = memberships.c.storyline_id == storylines.c.id
    every = select(func.count()).where(mine).scalar_subquery()
    first = select(func.count()).where(mine, memberships.c.kind == "original").scalar_subquery()
    tx.execute(update(storylines).values(articles=every, originals=first))


def drop_events(tx: Connection) -> None:
    """Events that nobody will be told."""
    tx.execute(events.delete())


def where(tx: Connection, first: int) -> dict[int, int]:
    """The storyline of each article that was filed from position `first` on."""
    chosen = select(memberships.c.article_id, memberships.c.storyline_id).where(memberships.c.position >= first)
    rows = tx.execute(chosen.execution_options(yield_per=10_000))
    return {row.article_id: row.storyline_id for row in rows}


def _within(chosen: Select[Any], of: Span) -> Select[Any]:
    return chosen.where(
        memberships.c.position.between(of.first, of.last),
        memberships.c.filed >= of.since,
        memberships.c.filed < of.until,
    )
