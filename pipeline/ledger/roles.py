"""Who is the clusterer, who the relay: one owner at a time, with a fencing token that grows at each change of hands.

The token is checked inside the transaction that writes (`guard`), so that an owner that was paused for longer than
its claim cannot write over its successor (Kleppmann, "How to do distributed locking", 2016).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.errors import FencedError
from pipeline.ledger.schema import roles


def take(tx: Connection, name: str, owner: str, now: datetime, seconds: float) -> int | None:
    """Claim or renew the role for `seconds`. Returns the fencing token, or None while another owner holds it."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    fresh = insert(roles).values(name=name, token=0, owner="", until=now).on_conflict_do_nothing()
    tx.execute(fresh)
    row = tx.execute(select(roles).where(roles.c.name == name).with_for_update()).one()
    if row.owner != owner and row.until > now:
        return None
    token = int(row.token) if row.owner == owner else int(row.token) + 1
    until = now + timedelta(seconds=seconds)
    tx.execute(update(roles).where(roles.c.name == name).values(owner=owner, token=token, until=until))
    return token


def guard(tx: Connection, name: str, token: int) -> None:
    """Make sure, until this transaction ends, that `token` is still the newest. Raises FencedError when it is not."""
    held = tx.execute(select(roles.c.token).where(roles.c.name == name).with_for_update()).scalar()
    if held != token:
        raise FencedError(f"another {name} took over (its token is {held}, this one's is {token})")


def holder(tx: Connection, name: str, now: datetime) -> str | None:
    """Who holds the role at that moment, if anybody does."""
    return tx.execute(
        select(roles.c.owner).where(roles.c.name == name, roles.c.owner != "", roles.c.until > now)
    ).scalar()


def release(tx: Connection, name: str, owner: str, now: datetime) -> None:
    """Give the role back, so that a stand-by need not wait for the claim to run out."""
    tx.execute(update(roles).where(roles.c.name == name, roles.c.owner == owner).values(owner="", until=now))
