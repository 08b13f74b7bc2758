"""Who is the clusterer, who the relay: one owner at a time, with a fencing token that grows at each change of hands.

The token is checked inside the transaction that writes (`guard`), so that an owner that was paused for longer than
its claim cannot write over its successor (Kleppmann, "How to do distributed locking", 2016). A claim is also bound to
the run of the database server that gave it: after a fail-over the new one may lack the last transactions, among them
that by which the role changed hands, and what its holder remembers may be ahead of what is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Text, cast, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.errors import FencedError
from pipeline.ledger.schema import roles


@dataclass(frozen=True, slots=True)
class Claim:
    """The role as one owner holds it. `token` grows at each change of hands; `server` is the run of the database server
    that gave it (empty for SQLite, which has none). A claim that is equal to the one before was held all the time."""

    token: int
    owner: str
    server: str


def take(tx: Connection, name: str, owner: str, now: datetime, seconds: float) -> Claim | None:
    """Claim or renew the role for `seconds`. Returns None while another owner holds it."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    fresh = insert(roles).values(name=name, token=0, owner="", until=now).on_conflict_do_nothing()
    tx.execute(fresh)
    row = tx.execute(select(roles).where(roles.c.name == name).with_for_update()).one()
    if row.owner != owner and row.until > now:
        return None
    token = int(row.token) if row.owner == owner else int(row.token) + 1
    until = now + timedelta(seconds=seconds)
    tx.execute(update(roles).where(roles.c.name == name).values(owner=owner, token=token, until=until))
    return Claim(token, owner, tx.execute(select(_run(tx))).scalar_one())


def guard(tx: Connection, name: str, claim: Claim | None) -> None:
    """Make sure, until this transaction ends, that `claim` still holds. Raises FencedError when it does not, or is
    None."""
    if claim is None:
        raise FencedError(f"this {name} does not have the role")
    asked = select(roles.c.token, roles.c.owner, _run(tx)).where(roles.c.name == name).with_for_update()
    held = tx.execute(asked).first()
    if held is None or (held[0], held[1]) != (claim.token, claim.owner):
        token = None if held is None else held[0]
        raise FencedError(f"another {name} took over (its token is {token}, this one's is {claim.token})")
    if held[2] != claim.server:
        raise FencedError(f"the database server is another one, or was started anew, since this {name} took the role")


def _run(tx: Connection) -> ColumnElement[str]:
    """Names one run of the database server."""
    return cast(func.pg_postmaster_start_time(), Text) if tx.dialect.name == "postgresql" else literal("")


def holder(tx: Connection, name: str, now: datetime) -> str | None:
    """Who holds the role at that moment, if anybody does."""
    return tx.execute(
        select(roles.c.owner).where(roles.c.name == name, roles.c.owner != "", roles.c.until > now)
    ).scalar()


def release(tx: Connection, name: str, owner: str, now: datetime) -> None:
    """Give the role back, so that a stand-by need not wait for the claim to run out."""
    tx.execute(update(roles).where(roles.c.name == name, roles.c.owner == owner).values(owner="", until=now))
