"""Feeds in the ledger. Who polls them when, and what comes of it, is in `polls`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline import urls
from pipeline.ledger import hosts
from pipeline.ledger import troubles as told
from pipeline.ledger.schema import feeds, troubles
from pipeline.records import Feed, FeedState


def add(tx: Connection, url: str, now: datetime, *, title: str = "", tags: Iterable[str] = ()) -> int | None:
    """Record a feed, due at once. Returns its id, or None when the URL is there already."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    host_key = urls.host_key(url) if urls.is_http(url) else ""  # imports may bring what is no URL; its poll says so
    hosts.ensure(tx, [host_key], now)
    values = {
        "url": url,
        "host_key": host_key,
        "title": title,
        "tags": list(tags),
        "due": now,
        "due_reason": "new",
        "created": now,
    }
    made: int | None = tx.execute(
        insert(feeds).values(values).on_conflict_do_nothing().returning(feeds.c.id)
    ).scalar_one_or_none()
    return made


def every(tx: Connection) -> list[Feed]:
    return [_feed(row) for row in tx.execute(select(feeds).order_by(feeds.c.id)).mappings()]


def listed(tx: Connection, selected: Select[Any]) -> list[Feed]:
    """The feeds that a SELECT of whole rows of their table gives, in its order."""
    return [_feed(row) for row in tx.execute(selected).mappings()]


def find(tx: Connection, reference: str) -> Feed | None:
    """The feed with this id or URL."""
    condition = feeds.c.url == reference
    if reference.isdecimal() and len(reference) < 19:  # longer ones are no ids, and more than 64 bits
        condition = or_(condition, feeds.c.id == int(reference))
    row = tx.execute(select(feeds).where(condition)).mappings().first()
    return _feed(row) if row else None


def set_state(tx: Connection, feed_id: int, state: FeedState, now: datetime) -> None:
    """Pause or resume a feed; of one that is paused, troubles that were told are told to be over."""
    reason = {"active": "resumed", "paused": "paused by hand", "gone": "answered 410 Gone"}[state]
    tx.execute(update(feeds).where(feeds.c.id == feed_id).values(state=state, due=now, due_reason=reason))
    feed = find(tx, str(feed_id)) if state == FeedState.PAUSED else None
    if feed is not None:
        told.end_of_feed(tx, feed, "paused", now)


def set_tags(tx: Connection, feed_id: int, tags: Iterable[str]) -> None:
    tx.execute(update(feeds).where(feeds.c.id == feed_id).values(tags=list(tags)))


def remove(tx: Connection, feed_id: int, now: datetime) -> None:
    """Forget a feed; its articles stay. Troubles of it that were told are told to be over."""
    feed = find(tx, str(feed_id))
    tx.execute(delete(feeds).where(feeds.c.id == feed_id))  # first: a poll that is being recorded has ended then
    if feed is not None:
        told.end_of_feed(tx, feed, "removed", now)
    tx.execute(delete(troubles).where(troubles.c.subject == f"feed/{feed_id}"))


def make_due(tx: Connection, now: datetime) -> None:
    """Make every active feed due at once."""
    tx.execute(update(feeds).where(feeds.c.state == FeedState.ACTIVE).values(due=now, due_reason="asked for"))


def not_polled_since(tx: Connection, since: datetime) -> int:
    """How many active feeds have not been polled after `since`."""
    waiting = select(func.count()).where(
        feeds.c.state == FeedState.ACTIVE, or_(feeds.c.last_polled.is_(None), feeds.c.last_polled < since)
    )
    return int(tx.execute(waiting).scalar_one())


_TUPLES = ("tags", "problems")
_COLUMNS = tuple(field.name for field in fields(Feed))


def _feed(row: RowMapping) -> Feed:
    values = {name: row[name] for name in _COLUMNS}
    values |= {name: tuple(row[name]) for name in _TUPLES}
    return Feed(**values | {"state": FeedState(row["state"])})
