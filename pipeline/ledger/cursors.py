"""How far into the log of events each of its readers has come, written together with what came of it."""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger import events
from pipeline.ledger.alert_schema import cursors

RULES = "rules"


def begin(tx: Connection, name: str) -> None:
    """Have a reader begin with what happens from now on, unless it has begun."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    tx.execute(insert(cursors).values(name=name, position=events.last_position(tx)).on_conflict_do_nothing())


def position(tx: Connection, name: str) -> int | None:
    """The position of the last event that this reader is done with; None: it has not begun."""
    found = tx.execute(select(cursors.c.position).where(cursors.c.name == name)).scalar()
    return None if found is None else int(found)


def move(tx: Connection, name: str, to: int) -> None:
    """This reader, which has begun, is done with everything up to there."""
    tx.execute(cursors.update().where(cursors.c.name == name).values(position=to))
