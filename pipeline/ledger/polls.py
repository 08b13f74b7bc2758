"""Polls in the ledger: whose turn it is, and what came of it. Politeness towards hosts stands here, where work is
handed out, and so holds for all pollers together; the hosts are booked in the same transaction.

A feed is handed out under a lease. Everything that a poll writes is a compare-and-set on its token: what comes from a
poller whose lease was taken away changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, exists, or_, select, update

from pipeline.ledger import hosts
from pipeline.ledger.engine import DISPATCH, one_at_a_time
from pipeline.ledger.feeds import listed
from pipeline.ledger.schema import feeds
from pipeline.ledger.schema import hosts as host_rows
from pipeline.records import Feed, FeedState

PATIENCE_SECONDS = 5.0
"""A host that is booked this far ahead, or its spacing further, is waited for: pages of it are being fetched, and a
feed must not be starved by them. One that is further away has asked for a pause."""
STEP_SECONDS = 1.0
"""Least time between the turns of two feeds of one host that wait for each other."""
SCAN = 1000  # due feeds looked at in one go when the first ones were all of hosts that are busy
SCANS = 4  # goes in one hand-out; what is put off in one is out of the way of the next


@dataclass(frozen=True, slots=True)
class Turn:
    """A feed that is to be polled now. `wait` is for how many seconds its host is booked yet."""

    feed: Feed
    wait: float


@dataclass(slots=True)
class _Choice:
    """What one hand-out has decided so far: feeds and their hosts' next free moment, and feeds that are put off."""

    taken: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    put_off: list[dict[str, Any]] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    waiting: Counter[str] = field(default_factory=Counter)


def claim_due(
    tx: Connection, now: datetime, token: str, lease: float, limit: int, *, spacing: float = 0.0
) -> list[Turn]:
    """Take up to `limit` feeds that are due, for `lease` seconds, those that waited longest first: one of each host,
    none of a host of which another feed is being polled or which asked for a pause. Their hosts are booked for a
    request and then for `spacing` seconds.

    Feeds that are due but whose host is not free are put off to its next free moment, one after the other and with the
    reason: a host with thousands of feeds does not stand in the way of the others, and what waits says why.
    """
    one_at_a_time(tx, DISPATCH)  # pages of the same hosts are handed out under this lock
    choice = _Choice()
    size = limit
    for _ in range(SCANS):
        rows = tx.execute(_waiting(now, size)).all()
        for row in rows:
            _decide(choice, row, now, limit, spacing)
        if choice.put_off:
            tx.execute(_PUT_OFF, choice.put_off)
            choice.put_off = []
        if len(rows) < size or len(choice.taken) >= limit:
            break
        size = SCAN
    return _take(tx, choice, now, token, lease, spacing)


def _waiting(now: datetime, size: int) -> Select[Any]:
    other = feeds.alias("other")
    busy = exists().where(other.c.host_key == feeds.c.host_key, other.c.lease_until >= now).label("busy")
    return (
        select(feeds.c.id, feeds.c.host_key, host_rows.c.next_handout, host_rows.c.next_request, busy)
        .outerjoin(host_rows, host_rows.c.host_key == feeds.c.host_key)
        .where(feeds.c.state == FeedState.ACTIVE, feeds.c.due <= now)
        .where(or_(feeds.c.lease_until.is_(None), feeds.c.lease_until < now))
        .order_by(feeds.c.due, feeds.c.id)
        .limit(size)
        .with_for_update(skip_locked=True, of=feeds)
    )


def _decide(choice: _Choice, row: Row[Any], now: datetime, limit: int, spacing: float) -> None:
    key: str = row.host_key
    if row.id in choice.taken:
        return
    free: datetime = max(row.next_handout or now, row.next_request or now, now)
    paused = free > now + timedelta(seconds=PATIENCE_SECONDS + spacing)
    busy = bool(key) and (row.busy or key in choice.hosts)  # without a key: a URL that is none, which nobody asks
    if not paused and not busy:
        if len(choice.taken) < limit:
            choice.taken[row.id] = (key, max(row.next_request or now, now))
            choice.hosts.add(key)
        return
    if not paused:
        choice.waiting[key] += 1
        why = "put off: another feed of its host is being polled"
    else:
        why = f"put off: {key} asked to be left alone until {free:%Y-%m-%d %H:%M:%S} UTC"
    turn = choice.waiting[key] * max(spacing, STEP_SECONDS)
    choice.waiting[key] += paused
    choice.put_off.append({"feed": row.id, "later": free + timedelta(seconds=turn), "why": why})


def _take(tx: Connection, choice: _Choice, now: datetime, token: str, lease: float, spacing: float) -> list[Turn]:
    if not choice.taken:
        return []
    hosts.book(tx, dict(choice.taken.values()), now, spacing)
    ids = list(choice.taken)
    until = now + timedelta(seconds=lease)
    tx.execute(update(feeds).where(feeds.c.id.in_(ids)).values(lease_token=token, lease_until=until))
    found = listed(tx, select(feeds).where(feeds.c.id.in_(ids)).order_by(feeds.c.due, feeds.c.id))
    return [Turn(one, (choice.taken[one.id][1] - now).total_seconds()) for one in found]


def renew(tx: Connection, held: Iterable[tuple[int, str]], now: datetime, lease: float) -> None:
    """Keep the leases of polls (feed, token) that take long."""
    until = now + timedelta(seconds=lease)
    rows = [{"feed": feed_id, "token": token, "until": until} for feed_id, token in sorted(held)]
    if rows:
        tx.execute(update(feeds).where(*_HELD).values(lease_until=bindparam("until")), rows)


def record(tx: Connection, feed_id: int, token: str, values: Mapping[str, Any]) -> bool:
    """Write what a poll found and give the lease back. False when the lease was lost: then nothing is written.

    Validators (`etag`, `last_modified`) must be written here, in the transaction that records the entries: saved
    before, a crash would hide the entries behind a 304 for ever.
    """
    free: dict[str, Any] = {"lease_token": None, "lease_until": None}
    held = (feeds.c.id == feed_id, feeds.c.lease_token == token)
    return tx.execute(update(feeds).where(*held).values(**values, **free)).rowcount == 1


def held(tx: Connection, tokens: Mapping[int, str]) -> set[int]:
    """Those of these feeds whose leases are still under these tokens and that nobody paused meanwhile; they stay so
    until the transaction ends."""
    columns = (feeds.c.id, feeds.c.lease_token, feeds.c.state)
    rows = tx.execute(
        select(*columns).where(feeds.c.id.in_(tokens)).order_by(feeds.c.id).with_for_update(key_share=True)
    )
    return {row.id for row in rows if row.lease_token == tokens[row.id] and row.state != FeedState.PAUSED}


def record_all(tx: Connection, polls: Sequence[tuple[int, str, Mapping[str, Any]]]) -> None:
    """`record` for many polls (feed, token, values): those that write the same columns go in one statement."""
    if tx.dialect.name == "postgresql":  # locked in the order of their ids: two such transactions may meet
        mine = feeds.c.id.in_([feed_id for feed_id, _, _ in polls])
        tx.execute(select(feeds.c.id).where(mine).order_by(feeds.c.id).with_for_update(key_share=True)).all()
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for feed_id, token, values in polls:
        alike.setdefault(tuple(sorted(values)), []).append({"feed": feed_id, "token": token, **values})
    for names, rows in alike.items():
        written: dict[str, Any] = {name: bindparam(name) for name in names}
        free: dict[str, Any] = {"lease_token": None, "lease_until": None}
        tx.execute(update(feeds).where(*_HELD).values(written | free), rows)


_HELD = (feeds.c.id == bindparam("feed"), feeds.c.lease_token == bindparam("token"))
_PUT_OFF = (
    update(feeds).where(feeds.c.id == bindparam("feed")).values(due=bindparam("later"), due_reason=bindparam("why"))
)
