"""Feeds in the ledger: which are due, who polls them, what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline import urls
from pipeline.ledger import hosts
from pipeline.ledger.schema import feeds
from pipeline.records import Feed, FeedState


def add(tx: Connection, url: str, now: datetime, *, title: str = "", tags: Iterable[str] = ()) -> int | None:
    """Record a feed, due at once. Returns its id, or None when the URL is there already."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    host_key = urls.host_key(url)
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


def find(tx: Connection, reference: str) -> Feed | None:
    """The feed with this id or URL."""
    condition = feeds.c.url == reference
    if reference.isdecimal() and len(reference) < 19:  # longer ones are no ids, and more than 64 bits
        condition = or_(condition, feeds.c.id == int(reference))
    row = tx.execute(select(feeds).where(condition)).mappings().first()
    return _feed(row) if row else None


def claim_due(tx: Connection, now: datetime, token: str, lease: float, limit: int) -> list[Feed]:
    """Take up to `limit` feeds that are due and that no other poller holds, for `lease` seconds."""
    due = (
        select(feeds)
        .where(feeds.c.state == FeedState.ACTIVE, feeds.c.due <= now)
        .where(or_(feeds.c.lease_until.is_(None), feeds.c.lease_until < now))
        .order_by(feeds.c.due)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = [_feed(row) for row in tx.execute(due).mappings()]
    if taken:
        until = now + timedelta(seconds=lease)
        ids = [feed.id for feed in taken]
        tx.execute(update(feeds).where(feeds.c.id.in_(ids)).values(lease_token=token, lease_until=until))
    return taken


def record_poll(tx: Connection, feed_id: int, token: str, values: dict[str, Any]) -> bool:
    """Write what a poll found and give the lease back. False when the lease was lost: then nothing is written.

    Validators (`etag`, `last_modified`) must be written here, in the transaction that records the entries: saved
    before, a crash would hide the entries behind a 304 for ever.
    """
    done = tx.execute(
        update(feeds)
        .where(feeds.c.id == feed_id, feeds.c.lease_token == token)
        .values(**values, lease_token=None, lease_until=None)
    )
    return done.rowcount == 1


def set_state(tx: Connection, feed_id: int, state: FeedState, now: datetime) -> None:
    reason = {"active": "resumed", "paused": "paused by hand", "gone": "answered 410 Gone"}[state]
    tx.execute(update(feeds).where(feeds.c.id == feed_id).values(state=state, due=now, due_reason=reason))


def set_tags(tx: Connection, feed_id: int, tags: Iterable[str]) -> None:
    tx.execute(update(feeds).where(feeds.c.id == feed_id).values(tags=list(tags)))


def remove(tx: Connection, feed_id: int) -> None:
    """Forget a feed; its articles stay."""
    tx.execute(delete(feeds).where(feeds.c.id == feed_id))


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
