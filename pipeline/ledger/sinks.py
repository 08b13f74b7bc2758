"""Sinks: who is told of events, how far each has come, and how it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.errors import InputError
from pipeline.ledger import events, held
from pipeline.ledger.sinktables import deliveries, held_subjects, sinks
from pipeline.records import Sink

Secret = tuple[str, datetime | None]


def add(
    tx: Connection,
    name: str,
    kind: str,
    url: str,
    now: datetime,
    *,
    secrets: Sequence[Secret] = (),
    types: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> Sink:
    """Record a sink; it is told of what is published from now on. Raises InputError when the name is taken."""
    values = {
        "name": name,
        "kind": kind,
        "url": url,
        "types": list(types),
        "secrets": _stored(secrets),
        "options": dict(options or {}),
        "read_to": events.last_position(tx),
        "created": now,
    }
    if by_name(tx, name) is not None:
        raise InputError(f"there is a sink {name} already; remove it first, or choose another name")
    try:
        tx.execute(insert(sinks).values(**values))
    except IntegrityError as error:  # another one came between
        raise InputError(f"there is a sink {name} already") from error
    return need(tx, name)


def every(tx: Connection) -> list[Sink]:
    return [_sink(row) for row in tx.execute(select(sinks).order_by(sinks.c.name)).mappings()]


def one(tx: Connection, sink_id: int) -> Sink | None:
    row = tx.execute(select(sinks).where(sinks.c.id == sink_id)).mappings().first()
    return _sink(row) if row else None


def by_name(tx: Connection, name: str) -> Sink | None:
    row = tx.execute(select(sinks).where(sinks.c.name == name)).mappings().first()
    return _sink(row) if row else None


def need(tx: Connection, name: str) -> Sink:
    """The sink of that name. Raises InputError when there is none."""
    found = by_name(tx, name)
    if found is None:
        names = ", ".join(sink.name for sink in every(tx))
        raise InputError(f"there is no sink {name}; " + (f"there are: {names}" if names else "none was added yet"))
    return found


def save(tx: Connection, sink_id: int, values: Mapping[str, Any]) -> None:
    tx.execute(update(sinks).where(sinks.c.id == sink_id).values(**values))


def set_secrets(tx: Connection, sink_id: int, secrets: Sequence[Secret]) -> None:
    save(tx, sink_id, {"secrets": _stored(secrets)})


def set_state(tx: Connection, sink_id: int, state: str, reason: str) -> None:
    """Pause, disable or resume. Resuming forgets the failures in a row, and what waits is due, so that it is tried at
    once."""
    fresh: dict[str, Any] = {"failures": 0, "rest_until": None} if state == "active" else {}
    save(tx, sink_id, {"state": state, "reason": reason, **fresh})
    if state == "active":
        waits = (deliveries.c.sink_id == sink_id) & (deliveries.c.state == "waiting")
        tx.execute(update(deliveries).where(waits).values(due=deliveries.c.since))


def remove(tx: Connection, sink_id: int) -> None:
    for table in (deliveries, held_subjects):
        tx.execute(delete(table).where(table.c.sink_id == sink_id))
    tx.execute(delete(sinks).where(sinks.c.id == sink_id))


def rewind(tx: Connection, sink: Sink, position: int, wanted: held.Wanted) -> None:
    """Have a sink told once more, under the same ids and in order, of all that lies behind a position. `wanted` says
    whether it is told of an event."""
    behind = (deliveries.c.sink_id == sink.id) & (deliveries.c.position > position)
    tx.execute(delete(deliveries).where(behind))
    held.rewind(tx, sink, min(position, sink.read_to), wanted)
    save(tx, sink.id, {"read_to": min(position, sink.read_to)})


def _stored(secrets: Sequence[Secret]) -> list[dict[str, str | None]]:
    return [{"secret": secret, "until": until.isoformat() if until else None} for secret, until in secrets]


def _sink(row: RowMapping) -> Sink:
    held = [(one["secret"], datetime.fromisoformat(one["until"]) if one["until"] else None) for one in row["secrets"]]
    return Sink(**{**row, "secrets": tuple(held), "types": tuple(row["types"])})
