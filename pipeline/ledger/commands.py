"""What people ask of the clusterer, such as to declare a storyline; applied in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from pipeline.ledger.schema import commands


@dataclass(frozen=True, slots=True)
class Command:
    id: int
    kind: str
    payload: Mapping[str, Any]


def put(tx: Connection, kind: str, payload: Mapping[str, Any], now: datetime) -> int:
    """Ask for something. Returns the command's id."""
    values = {"kind": kind, "payload": dict(payload), "created": now}
    return int(tx.execute(commands.insert().returning(commands.c.id), values).scalar_one())


def pending(tx: Connection, limit: int) -> list[Command]:
    chosen = select(commands.c.id, commands.c.kind, commands.c.payload).where(commands.c.state == "pending")
    return [Command(*row) for row in tx.execute(chosen.order_by(commands.c.id).limit(limit))]


def settle(tx: Connection, command_id: int, now: datetime, *, result: Any = None, error: str | None = None) -> None:
    """Say what came of a command: its result, or the reason why it was refused."""
    values = {"state": "refused" if error else "applied", "result": result, "error": error, "applied": now}
    tx.execute(update(commands).where(commands.c.id == command_id).values(**values))


def outcome(tx: Connection, command_id: int) -> tuple[str, Any, str | None]:
    """State (`pending`, `applied`, `refused`), result and error of a command."""
    chosen = select(commands.c.state, commands.c.result, commands.c.error).where(commands.c.id == command_id)
    row = tx.execute(chosen).one()
    return row.state, row.result, row.error


@dataclass(frozen=True, slots=True)
class Asked:
    """A command and what came of it."""

    kind: str
    payload: Mapping[str, Any]
    state: str
    result: Mapping[str, Any] | None
    error: str | None


def one(tx: Connection, command_id: int) -> Asked | None:
    names = ("kind", "payload", "state", "result", "error")
    row = tx.execute(select(*(commands.c[name] for name in names)).where(commands.c.id == command_id)).first()
    return Asked(*row) if row else None
