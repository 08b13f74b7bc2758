"""What hubs have sent and nobody has read yet. A poller takes it as it takes a feed that is due, under a lease, and of
each feed one after the other: an older push must not come to be recorded after a newer one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select, update

from pipeline.ledger.schema import feeds, pushes
from pipeline.records import FeedState, Push

KEPT = 8
"""Pushes of one feed that wait; older ones go. A hub sends what is new, or the whole feed, and then the last is enough;
what is lost is found by the poll that follows."""
MAX_ATTEMPTS = 3
"""Attempts to read a push; then the feed is polled instead."""
RETRY_SECONDS = 60.0
UNREADABLE = "what its hub pushed could not be read"
STALE_SECONDS = 86_400.0
"""What nobody took for so long (pollers are down, the feed is paused) is no news any more."""


def put(tx: Connection, feed_id: int, content_type: str | None, body: bytes, now: datetime) -> int | None:
    """Keep what a hub sent; an empty body is a ping. Returns its id, or None when the same waits already.

    Only the newest of a feed are kept, besides what is being read.
    """
    waiting = (pushes.c.feed_id == feed_id, pushes.c.lease_token.is_(None))
    length = func.length(pushes.c.body) == len(body)  # not each body has to be compared
    if tx.execute(select(pushes.c.id).where(*waiting, length, pushes.c.body == body).limit(1)).first():
        return None
    values = {"feed_id": feed_id, "content_type": content_type, "body": body, "received": now}
    made = int(tx.execute(pushes.insert().returning(pushes.c.id), values).scalar_one())
    newest = select(pushes.c.id).where(*waiting).order_by(pushes.c.id.desc()).limit(KEPT)
    tx.execute(delete(pushes).where(*waiting, pushes.c.id.not_in(newest)))
    return made


def any_waiting(tx: Connection) -> bool:
    """Whether there is anything to be read, or being read."""
    return tx.execute(select(pushes.c.id).limit(1)).first() is not None


def claim(tx: Connection, now: datetime, token: str, lease: float, limit: int) -> list[Push]:
    """Take the oldest push of up to `limit` active feeds, one of each, for `lease` seconds; none of a feed of which one
    is being read. What killed its readers time and again is not handed out but dropped, and its feed made due."""
    other = pushes.alias("other")
    busy = select(other.c.id).where(other.c.feed_id == pushes.c.feed_id, other.c.lease_until >= now).exists()
    active = select(feeds.c.id).where(feeds.c.id == pushes.c.feed_id, feeds.c.state == FeedState.ACTIVE).exists()
    oldest = select(func.min(pushes.c.id)).where(~busy, active).group_by(pushes.c.feed_id)
    c = pushes.c
    columns = (c.id, c.feed_id, c.content_type, c.body, c.received, c.attempts)
    free = or_(c.lease_until.is_(None), c.lease_until < now)  # of the row itself: another poller may just have had it
    chosen = select(*columns).where(c.id.in_(oldest), free).order_by(c.id).limit(limit)
    chosen = chosen.with_for_update(skip_locked=True)
    taken: list[Push] = []
    for row in tx.execute(chosen).mappings().all():
        if row["attempts"] >= MAX_ATTEMPTS:
            tx.execute(delete(pushes).where(c.id == row["id"]))
            make_due(tx, row["feed_id"], now, UNREADABLE)
        else:
            taken.append(Push(**dict(row) | {"attempts": row["attempts"] + 1}))
    if taken:
        values = {"lease_token": token, "lease_until": now + timedelta(seconds=lease), "attempts": c.attempts + 1}
        tx.execute(update(pushes).where(c.id.in_([one.id for one in taken])).values(**values))
    return taken


def settle(tx: Connection, push_id: int, token: str) -> bool:
    """It was read: delete it. False when the lease was lost; then nothing else in this transaction may stay either."""
    return tx.execute(delete(pushes).where(pushes.c.id == push_id, pushes.c.lease_token == token)).rowcount == 1


def fail(tx: Connection, push: Push, token: str, now: datetime) -> bool:
    """Reading it failed: it is tried again later, or given up and its feed made due. Returns whether given up."""
    if push.attempts < MAX_ATTEMPTS:
        again = now + timedelta(seconds=RETRY_SECONDS * push.attempts)
        _release(tx, push.id, token, lease_until=again)
        return False
    gone = settle(tx, push.id, token)
    if gone:
        make_due(tx, push.feed_id, now, UNREADABLE)
    return gone


def postpone(tx: Connection, push: Push, token: str, until: datetime) -> None:
    """Not now: it is handed out again after `until`, and this does not count as an attempt."""
    _release(tx, push.id, token, lease_until=until, attempts=pushes.c.attempts - 1)


def make_due(tx: Connection, feed_id: int, now: datetime, why: str, least: float = 0.0) -> bool:
    """Have a feed polled now, or `least` seconds after its last poll, unless it is due sooner anyway. False when it is
    being polled at this moment: whether that poll sees what is new cannot be known, and it will set `due` itself."""
    chosen = select(feeds.c.last_polled, feeds.c.lease_until).where(feeds.c.id == feed_id).with_for_update()
    feed = tx.execute(chosen).one_or_none()
    if feed is None or (feed.lease_until is not None and feed.lease_until >= now):
        return feed is None
    at = max(now, feed.last_polled + timedelta(seconds=least)) if feed.last_polled else now
    tx.execute(update(feeds).where(feeds.c.id == feed_id, feeds.c.due > at).values(due=at, due_reason=why))
    return True


def sweep(tx: Connection, now: datetime) -> int:
    """Delete what is too old to be news. Returns how many."""
    old = pushes.c.received < now - timedelta(seconds=STALE_SECONDS)
    free = or_(pushes.c.lease_until.is_(None), pushes.c.lease_until < now)
    return tx.execute(delete(pushes).where(old, free)).rowcount


def _release(tx: Connection, push_id: int, token: str, **values: Any) -> None:
    mine = (pushes.c.id == push_id, pushes.c.lease_token == token)
    tx.execute(update(pushes).where(*mine).values(lease_token=None, **values))
