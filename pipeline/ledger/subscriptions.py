"""Subscriptions at hubs (WebSub): which feeds should have one, which are due to be asked for, what became of them.

A subscription whose `feed_id` is empty belongs to no feed any more and is to be ended at its hub.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger.schema import feeds, subscriptions
from pipeline.records import FeedState, Subscription

TOKEN_BYTES = 32  # of chance in a callback URL and in a secret: 256 bits, in 43 characters
NEW_AT_ONCE = 200  # rows in one insert; the rest follows in the next round


def align(tx: Connection, base: str, now: datetime) -> int:
    """Give every active feed with a hub a subscription, and part from those that are wanted no more: of feeds that
    were removed, paused or are gone, or that name another hub or topic, and all that hubs know under another address
    than `base`. Returns how many rows changed."""
    wanted = and_(feeds.c.state == FeedState.ACTIVE, feeds.c.hub_url != "", feeds.c.topic_url != "")
    same = and_(
        feeds.c.id == subscriptions.c.feed_id,
        feeds.c.hub_url == subscriptions.c.hub,
        feeds.c.topic_url == subscriptions.c.topic,
        subscriptions.c.base == base,
    )
    unwanted = or_(subscriptions.c.feed_id.is_(None), ~select(feeds.c.id).where(wanted, same).exists())
    strays = list(
        tx.execute(select(subscriptions.c.token).where(subscriptions.c.state != "leaving", unwanted)).scalars()
    )
    if strays:
        parting = {"feed_id": None, "state": "leaving", "due": now, "requested": None, "failures": 0, "error": ""}
        tx.execute(update(subscriptions).where(subscriptions.c.token.in_(strays)).values(**parting))
    have = select(subscriptions.c.token).where(subscriptions.c.feed_id == feeds.c.id).exists()
    found = select(feeds.c.id, feeds.c.hub_url, feeds.c.topic_url).where(wanted, ~have)
    rows = [
        {
            "token": secrets.token_urlsafe(TOKEN_BYTES),
            "secret": secrets.token_urlsafe(TOKEN_BYTES),
            "feed_id": feed_id,
            "base": base,
            "hub": hub,
            "topic": topic,
            "state": "pending",
            "due": now,
        }
        for feed_id, hub, topic in tx.execute(found.order_by(feeds.c.id).limit(NEW_AT_ONCE))
    ]
    if rows:
        insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
        tx.execute(insert(subscriptions).on_conflict_do_nothing(), rows)
    return len(strays) + len(rows)


def due(tx: Connection, now: datetime, limit: int) -> list[Subscription]:
    """Up to `limit` subscriptions that are due, locked until the transaction ends: whoever takes one moves its `due`
    on before that, so that no other process asks for it too."""
    chosen = select(subscriptions).where(subscriptions.c.due <= now).order_by(subscriptions.c.due).limit(limit)
    return [_one(row) for row in tx.execute(chosen.with_for_update(skip_locked=True)).mappings()]


def any_due(tx: Connection, now: datetime) -> bool:
    """Whether a subscription is due; takes no lock."""
    return tx.execute(select(subscriptions.c.token).where(subscriptions.c.due <= now).limit(1)).first() is not None


def save(tx: Connection, held: Subscription, values: Mapping[str, Any]) -> bool:
    """Note `values`, unless the subscription was asked for, agreed on, or parted from since it was read: then nothing
    is written, and False comes back."""
    return tx.execute(update(subscriptions).where(*_unchanged(held)).values(**values)).rowcount == 1


def forget(tx: Connection, token: str) -> None:
    """Delete a subscription; what still comes for it is answered with 410."""
    tx.execute(delete(subscriptions).where(subscriptions.c.token == token))


def by_token(tx: Connection, token: str, *, lock: bool = False) -> Subscription | None:
    """The subscription whose callback has this token; with `lock`, nobody else changes it in this transaction."""
    chosen = select(subscriptions).where(subscriptions.c.token == token)
    row = tx.execute(chosen.with_for_update() if lock else chosen).mappings().first()
    return _one(row) if row else None


def of_feed(tx: Connection, feed_id: int) -> Subscription | None:
    """The subscription of a feed."""
    row = tx.execute(select(subscriptions).where(subscriptions.c.feed_id == feed_id)).mappings().first()
    return _one(row) if row else None


def of_feeds(tx: Connection) -> dict[int, Subscription]:
    """All subscriptions that belong to a feed, by its id."""
    rows = tx.execute(select(subscriptions).where(subscriptions.c.feed_id.is_not(None))).mappings()
    return {row["feed_id"]: _one(row) for row in rows}


def count_push(tx: Connection, token: str, now: datetime) -> None:
    """A push was taken; it makes up for one that was missed."""
    c = subscriptions.c
    tx.execute(update(subscriptions).where(c.token == token).values(pushed=now, pushes=c.pushes + 1))
    tx.execute(update(subscriptions).where(c.token == token, c.missed > 0).values(missed=c.missed - 1))


def count_refused(tx: Connection, token: str) -> None:
    """A push came whose signature was missing or wrong."""
    refused = subscriptions.c.refused + 1
    tx.execute(update(subscriptions).where(subscriptions.c.token == token).values(refused=refused))


def set_missed(tx: Connection, token: str, missed: int) -> None:
    """Note how many polls found what no push had brought."""
    tx.execute(update(subscriptions).where(subscriptions.c.token == token).values(missed=missed))


def _unchanged(held: Subscription) -> tuple[ColumnElement[bool], ...]:
    c = subscriptions.c
    return (
        c.token == held.token,
        c.state == held.state,
        c.requested.is_not_distinct_from(held.requested),
        c.verified.is_not_distinct_from(held.verified),
    )


_COLUMNS = tuple(field.name for field in fields(Subscription))


def _one(row: RowMapping) -> Subscription:
    return Subscription(**{name: row[name] for name in _COLUMNS})
