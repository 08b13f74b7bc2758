"""A clock that was set back.

What is due, leased or booked is so by the clock. While a clock is ahead, by a wrong time at boot perhaps, all that is
written is ahead with it; once it is set right nothing of that would be due for as long as it had been ahead, and no
lease would run out. So each machine notes how late it got, and what lies ahead is brought forward when it gets earlier.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, case, delete, func, literal, select, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger.articles import UNFINISHED
from pipeline.ledger.columns import UtcDateTime
from pipeline.ledger.schema import articles, feeds, hosts, pushes, roles
from pipeline.ledger.sinktables import deliveries, sinks

LEEWAY = timedelta(seconds=5)  # less is done away with by waiting
NOTES_KEPT = timedelta(days=7)  # of machines that are gone
PREFIX = "clock of "


def note(tx: Connection, machine: str, moment: datetime) -> timedelta | None:
    """Note how late it is on this machine. Returns by how much its clock was set back since the last note, if it was.

    Several processes of a machine may note in turn: one that was overtaken on the way is no clock that was set back.
    """
    name = PREFIX + machine
    before = tx.execute(select(roles.c.until).where(roles.c.name == name)).scalar()
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    row = insert(roles).values(name=name, token=0, owner="", until=moment)
    tx.execute(row.on_conflict_do_update(index_elements=["name"], set_={"until": moment}))
    tx.execute(delete(roles).where(roles.c.name.startswith(PREFIX), roles.c.until < moment - NOTES_KEPT))
    return before - moment if before is not None and before - moment > LEEWAY else None


def bring_forward(tx: Connection, moment: datetime, by: timedelta, lease: timedelta) -> int:
    """What is due or booked after `moment` is so earlier by `by`, and no claim lasts longer than `lease` from now.
    Returns how many rows that were."""
    done = 0
    now = literal(moment, UtcDateTime)
    waiting = articles.c.state.in_(UNFINISHED)
    for table, name, which in (
        (articles, "due", (waiting,)),
        (feeds, "due", ()),
        (hosts, "next_handout", ()),
        (hosts, "next_request", ()),
        (sinks, "rest_until", ()),
        (deliveries, "due", (deliveries.c.state == "waiting",)),
    ):
        column = table.c[name]
        earlier = _earlier(tx, column, by)
        values = {name: case((earlier > now, earlier), else_=now)}
        done += tx.execute(update(table).where(column > moment, *which).values(**values)).rowcount
    for table, name in ((articles, "lease_until"), (feeds, "lease_until"), (pushes, "lease_until"), (roles, "until")):
        longer = table.c[name] > moment + lease
        done += tx.execute(update(table).where(longer).values({name: moment + lease})).rowcount
    return done


def _earlier(tx: Connection, column: ColumnElement[Any], by: timedelta) -> ColumnElement[Any]:
    """The column's time less `by`; SQLite keeps times as text, with six digits after the point."""
    if tx.dialect.name == "postgresql":
        return column - literal(by)
    back = func.strftime("%Y-%m-%d %H:%M:%f", column, f"-{by.total_seconds():.3f} seconds", type_=Text)
    return type_coerce(back.concat("000"), UtcDateTime)
