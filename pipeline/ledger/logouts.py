"""Sessions of the pages that were ended before their time: a cookie is its own proof, so only its end is kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger.schema import logouts


def add(tx: Connection, session: str, until: datetime) -> None:
    """End a session, which would have ended by itself at `until`. Twice is as good as once."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    tx.execute(insert(logouts).values(session=session, until=until).on_conflict_do_nothing())


def holds(tx: Connection, session: str) -> bool:
    """Whether that session was ended."""
    return tx.execute(select(logouts.c.session).where(logouts.c.session == session)).first() is not None


def past(tx: Connection, before: datetime) -> bool:
    """Whether `clear` would find something."""
    return tx.execute(select(logouts.c.session).where(logouts.c.until < before).limit(1)).first() is not None


def clear(tx: Connection, before: datetime) -> int:
    """Forget the sessions that would have ended by themselves before that time. Returns how many."""
    return tx.execute(delete(logouts).where(logouts.c.until < before)).rowcount
