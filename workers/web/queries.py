"""Reading the ledger in pages. Every order is complete (ties end with the id), so that no row shows up twice."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from pipeline import urls
from pipeline.errors import InputError
from pipeline.ledger import apart, words
from pipeline.ledger.schema import articles, feeds, memberships, sightings, storylines
from pipeline.ledger.storylines import SHOWN
from pipeline.records import FeedState

T = TypeVar("T")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor behind the last one (None: there are no more)."""

    rows: Sequence[T]
    next_cursor: str | None


def encode(order: str, value: datetime | float, row_id: int) -> str:
    """An opaque cursor: the place behind one row in one order."""
    plain = value.isoformat() if isinstance(value, datetime) else value
    packed = json.dumps([order, plain, row_id], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode(order: str, cursor: str) -> tuple[datetime | float, int]:
    """What `encode` packed. Raises InputError when the cursor is damaged or belongs to another order."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        of, value, row_id = json.loads(packed)
        place: datetime | float = datetime.fromisoformat(value) if isinstance(value, str) else value + 0
        zoned = place.tzinfo is not None if isinstance(place, datetime) else abs(place) < 2**63
        if of != order or not zoned or not 0 <= int(row_id) < 2**63:
            raise ValueError("another order")
    except (ValueError, TypeError, binascii.Error, RecursionError, OverflowError) as error:
        raise InputError("this cursor is damaged or belongs to another list; begin again without it") from error
    return place, int(row_id)


def _behind(column: ColumnElement[Any], identity: ColumnElement[int], place: tuple[Any, int]) -> ColumnElement[bool]:
    value, row_id = place
    return or_(column < value, and_(column == value, identity < row_id))


def _rows(tx: Connection, chosen: Select[Any]) -> list[Row]:
    return [dict(row) for row in tx.execute(chosen).mappings()]


def _page(rows: Sequence[Row], limit: int, order: str, value: str) -> Page[Row]:
    kept = rows[:limit]
    more = len(rows) > limit
    return Page(kept, encode(order, kept[-1][value], kept[-1]["id"]) if more else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What storylines a list shows; what is None or empty narrows nothing down. `since`: the latest article is no
    older. `name` is looked for among the words of headline and lead. `muted`: those that were muted instead of the
    others."""

    lang: str | None = None
    state: str | None = None
    outlet: str = ""
    name: str = ""
    since: datetime | None = None
    muted: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        of = storylines.c
        found = [of.merged_into.is_(None), SHOWN, of.muted if self.muted else of.muted.is_(False)]
        if self.lang:
            found.append(of.lang == self.lang)
        if self.state:
            found.append(of.state == self.state)
        if self.outlet:
            found.append(words.by_outlet(self.outlet))
        if self.since:
            found.append(of.last_article >= self.since)
        if self.name:
            named = words.having(self.name)
            found.append(false() if named is None else named)
        return found


ORDERS: Mapping[str, ColumnElement[Any]] = {
    "momentum": storylines.c.momentum,
    "updated": storylines.c.updated,
    "size": storylines.c.originals,
}
_HEAVY = ("text", "vector", "vector_version", "state_due")  # columns that no list shows
_LISTED = [column for column in storylines.c if column.name not in _HEAVY]


def storyline_page(
    tx: Connection,
    *,
    limit: int,
    sort: str = "updated",
    cursor: str | None = None,
    filters: Filters = Filters(),
) -> Page[Row]:
    """Storylines that were not merged away. `size` is the number of originals: forty reprints are one report.

    Raises InputError on a cursor that is none of this order.
    """
    column = ORDERS[sort]
    chosen = select(*_LISTED).where(*filters.conditions())
    if cursor:
        chosen = chosen.where(_behind(column, storylines.c.id, decode(sort, cursor)))
    chosen = chosen.order_by(column.desc(), storylines.c.id.desc()).limit(limit + 1)
    return _page(_rows(tx, chosen), limit, sort, column.key or "")


def storylines_with(tx: Connection, question: str, filters: Filters, limit: int) -> list[int]:
    """Ids of the storylines that have all words of a question, by momentum; the last word may be only begun."""
    condition = words.having(question, beginnings=True)
    if condition is None:
        return []
    chosen = select(storylines.c.id).where(condition, *filters.conditions())
    order = (storylines.c.momentum.desc(), storylines.c.id.desc())
    return list(tx.execute(chosen.order_by(*order).limit(limit)).scalars())


def storyline_rows(tx: Connection, ids: Sequence[int], filters: Filters) -> dict[int, Row]:
    """Those of these storylines that the filters leave, by id."""
    chosen = select(*_LISTED).where(storylines.c.id.in_(ids), *filters.conditions())
    return {row["id"]: row for row in _rows(tx, chosen)}


def homes(tx: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Where each of these storylines lives now: itself, or what it was merged into."""
    return apart.living(tx, ids) if ids else {}


def storyline_count(tx: Connection) -> int:
    """How many storylines lists show; read from indexes alone."""
    listed = select(func.count()).where(storylines.c.merged_into.is_(None), SHOWN)
    muted = select(func.count()).where(storylines.c.muted, storylines.c.merged_into.is_(None), SHOWN)
    return int(tx.execute(listed).scalar_one()) - int(tx.execute(muted).scalar_one())


def storyline_row(tx: Connection, storyline_id: int) -> Row | None:
    """The row as it stands; `merged_into` says whether it leads elsewhere."""
    return next(iter(_rows(tx, select(storylines).where(storylines.c.id == storyline_id))), None)


def coverage_page(tx: Connection, storyline_id: int, *, limit: int, cursor: str | None = None) -> Page[Row]:
    """The articles filed under a storyline, newest first; `at` is when it was published, or else first seen.

    Raises InputError on a cursor that is none of this order.
    """
    at = func.coalesce(articles.c.published, articles.c.seen)
    originals = articles.alias("originals")
    names = ("id", "url", "title", "lead", "outlet", "lang", "published", "seen", "original_id")
    chosen = (
        select(
            *(articles.c[name] for name in names),
            at.label("at"),
            originals.c.outlet.label("original_outlet"),
            memberships.c.kind,
            memberships.c.why,
            memberships.c.filed,
        )
        .join(memberships, memberships.c.article_id == articles.c.id)
        .outerjoin(originals, originals.c.id == articles.c.original_id)
        .where(memberships.c.storyline_id == storyline_id)
    )
    if cursor:
        chosen = chosen.where(_behind(at, articles.c.id, decode("coverage", cursor)))
    chosen = chosen.order_by(at.desc(), articles.c.id.desc()).limit(limit + 1)
    return _page(_rows(tx, chosen), limit, "coverage", "at")


def article_by_url(tx: Connection, url: str) -> int | None:
    """The article at this URL, or of which this URL is a sighting."""
    key = urls.key(url) if urls.is_http(url) else url
    found = tx.execute(select(articles.c.id).where(articles.c.url_key == key)).scalar()
    if found is None:
        found = tx.execute(select(sightings.c.article_id).where(sightings.c.url_key == key).limit(1)).scalar()
    return found


def membership(tx: Connection, article_id: int) -> Row | None:
    """Where an article was filed and why."""
    columns = (memberships.c.storyline_id, memberships.c.kind, memberships.c.why)
    return next(iter(_rows(tx, select(*columns).where(memberships.c.article_id == article_id))), None)


def feed_health(tx: Connection) -> tuple[int, int]:
    """How many feeds are polled, and how many of those failed the last time."""
    failing = func.count().filter(feeds.c.failures > 0)
    row = tx.execute(select(func.count(), failing).where(feeds.c.state == FeedState.ACTIVE)).one()
    return int(row[0]), int(row[1])
