"""A ledger that was set back: restored from a backup, or a stand-by that took over without the last transactions.

The stream in Redis, and whoever reads it, then knows positions that the ledger is about to give a second time. So what
the ledger says differently is numbered anew behind all that was ever published, and every reader in the ledger goes on
there: a position means one event for ever, and nothing that the ledger has goes unpublished.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger import events, held, sinks
from pipeline.ledger.alert_schema import cursors
from pipeline.ledger.schema import events as log


def agreed(tx: Connection, published: Mapping[int, str]) -> int | None:
    """The newest of these positions, given with the ids of their events, at which the ledger has the same event."""
    known = select(log.c.position, log.c.id).where(log.c.position.in_(list(published)))
    same = [row.position for row in tx.execute(known) if published[row.position] == row.id]
    return max(same, default=None)


def rejoin(tx: Connection, common: int, last: int, wanted: held.Wanted) -> int:
    """Number what lies behind `common`, the last position at which ledger and stream agree, anew behind `last`, the
    last one in the stream; `wanted` says of what a sink is told. Returns how many events that are; they get their
    positions as all do, by `events.number`.
    """
    # In between lies nothing any more: readers that were there go on at its end, those further back come to it.
    for sink in sinks.every(tx):
        if sink.read_to >= common:
            sinks.rewind(tx, sink, common, wanted)
            sinks.save(tx, sink.id, {"read_to": last})
    again = tx.execute(update(log).where(log.c.position > common).values(position=None)).rowcount
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    floor = insert(cursors).values(name=events.FLOOR, position=last)
    tx.execute(floor.on_conflict_do_update(index_elements=["name"], set_={"position": last}))
    tx.execute(
        update(cursors).where(cursors.c.position >= common, cursors.c.name != events.FLOOR).values(position=last)
    )
    return again
