"""The outbox: events are written with what causes them and numbered, without gaps, when the relay publishes them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, delete, func, select, update

from pipeline.ledger.alert_schema import cursors
from pipeline.ledger.schema import events
from pipeline.records import Event

FLOOR = "published"  # the cursor below which no position is given any more (`rejoin`)


def append(tx: Connection, type_: str, subject: str, sequence: int, time: datetime, data: Mapping[str, Any]) -> None:
    """Put an event in the outbox, in the transaction of its cause. `sequence` counts up by one for each subject."""
    row = {
        "id": str(uuid.uuid4()),
        "type": type_,
        "subject": subject,
        "sequence": sequence,
        "time": time,
        "data": dict(data),
    }
    tx.execute(events.insert(), row)


def number(tx: Connection, limit: int) -> int:
    """Give the next positions to up to `limit` events that have none; call it under the relay's guard.

    The order of one subject is the order in which it was written, since one process at a time writes it.
    """
    last = last_position(tx)
    waiting = tx.execute(
        select(events.c.seq).where(events.c.position.is_(None)).order_by(events.c.seq).limit(limit)
    ).scalars()
    rows = [{"of": seq, "at": last + place} for place, seq in enumerate(waiting, start=1)]
    if rows:
        tx.execute(update(events).where(events.c.seq == bindparam("of")).values(position=bindparam("at")), rows)
    return len(rows)


def after(
    tx: Connection, position: int, limit: int, *, types: Collection[str] = (), subjects: Collection[str] = ()
) -> list[Event]:
    """Published events behind `position`, in order; only of these types and subjects where any are given."""
    chosen = _of(select(events).where(events.c.position > position), types, subjects)
    rows = tx.execute(chosen.order_by(events.c.position).limit(limit)).mappings()
    return [from_row(row) for row in rows]


def of_subject(tx: Connection, subject: str, first: int, last: int, limit: int) -> list[Event]:
    """Events of a subject with positions from `first` to `last`, in order."""
    between = (events.c.position >= first) & (events.c.position <= last)
    # By sequence, which has an index with the subject: that of positions would lead through all other subjects.
    chosen = select(events).where(events.c.subject == subject, between).order_by(events.c.sequence).limit(limit)
    return [from_row(row) for row in tx.execute(chosen).mappings()]


def latest(tx: Connection, limit: int, *, types: Collection[str] = ()) -> list[Event]:
    """The newest published events, oldest first; only of these types where any are given."""
    chosen = _of(select(events).where(events.c.position.is_not(None)), types, ())
    rows = tx.execute(chosen.order_by(events.c.position.desc()).limit(limit)).mappings()
    return [from_row(row) for row in rows][::-1]


def _of(chosen: Select[Any], types: Collection[str], subjects: Collection[str]) -> Select[Any]:
    if types:
        chosen = chosen.where(events.c.type.in_(types))
    return chosen.where(events.c.subject.in_(subjects)) if subjects else chosen


def by_id(tx: Connection, event_id: str) -> Event | None:
    row = tx.execute(select(events).where(events.c.id == event_id)).mappings().first()
    return from_row(row) if row else None


def waiting(tx: Connection) -> int:
    """How many events have not been numbered yet."""
    return int(tx.execute(select(func.count()).where(events.c.position.is_(None))).scalar_one())


def last_position(tx: Connection) -> int:
    """The last position that was ever given, as far as is known."""
    newest = select(func.coalesce(func.max(events.c.position), 0)).scalar_subquery()
    floor = select(func.coalesce(func.max(cursors.c.position), 0)).where(cursors.c.name == FLOOR).scalar_subquery()
    return max(int(given) for given in tx.execute(select(newest, floor)).one())


def first_position(tx: Connection) -> int | None:
    """The oldest position that is kept; None while nothing was published."""
    first = tx.execute(select(func.min(events.c.position))).scalar()
    return None if first is None else int(first)


def is_gap(after: int, first: int | None) -> bool:
    """Whether events behind the position `after` are kept no more, `first` being the oldest that is. Whoever begins
    with 0 asks for what is kept, and misses nothing."""
    return after > 0 and first is not None and first > after + 1


def expire(tx: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` published events older than `before`; the newest is kept, it holds the numbering."""
    # Only the first ones are looked at, not all: positions follow time closely enough, and this runs every minute.
    first = (
        select(events.c.seq, events.c.time)
        .where(events.c.position < select(func.max(events.c.position)).scalar_subquery())
        .order_by(events.c.position)
        .limit(limit)
        .subquery()
    )
    old = select(first.c.seq).where(first.c.time < before)
    return tx.execute(delete(events).where(events.c.seq.in_(old))).rowcount


def from_row(row: RowMapping) -> Event:
    """An event from a row that has the columns of `events`."""
    return Event(
        id=row["id"],
        type=row["type"],
        subject=row["subject"],
        sequence=row["sequence"],
        time=row["time"],
        data=row["data"],
        position=row["position"],
    )
