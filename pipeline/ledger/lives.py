"""The lives of storylines in the ledger: whose turn it is, what to judge by, and the turn that they took.

Only the clusterer calls what writes here, inside a transaction under its guard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from pipeline.ledger import events
from pipeline.ledger.schema import articles, memberships, storylines
from pipeline.ledger.storylines import last_position, summary


def due(tx: Connection, moment: datetime, limit: int) -> list[int]:
    """Storylines whose life is to be looked at by now, the one that waits longest first."""
    chosen = select(storylines.c.id).where(storylines.c.state_due <= moment)
    return list(tx.execute(chosen.order_by(storylines.c.state_due).limit(limit)).scalars())


def taken_up(tx: Connection, ids: Sequence[int]) -> list[RowMapping]:
    """The rows of these storylines."""
    return list(tx.execute(select(storylines).where(storylines.c.id.in_(ids)).order_by(storylines.c.id)).mappings())


def arrivals(tx: Connection, storyline_id: int, limit: int) -> list[RowMapping]:
    """Its latest articles by order of filing: `seen`, `published`, `outlet`, `kind`, `backfill`."""
    names = ("seen", "published", "outlet", "backfill")
    chosen = (
        select(*(articles.c[name] for name in names), memberships.c.kind)
        .join(memberships, memberships.c.article_id == articles.c.id)
        .where(memberships.c.storyline_id == storyline_id)
        .order_by(memberships.c.position.desc())
        .limit(limit)
    )
    return list(tx.execute(chosen).mappings())


def filed_since(tx: Connection, moments: Sequence[datetime]) -> list[int]:
    """How many articles the whole wire filed since each of these times, told by the order of filing: no more is read
    than one entry of an index each."""
    last, counts = last_position(tx), []
    for moment in moments:
        order = (memberships.c.filed, memberships.c.position)
        chosen = select(memberships.c.position).where(memberships.c.filed >= moment).order_by(*order).limit(1)
        first = tx.execute(chosen).scalar()
        counts.append(0 if first is None else last - first + 1)
    return counts


def put_off(tx: Connection, storyline_id: int, until: datetime | None) -> None:
    """Look at this one again at that time; None: when it grows."""
    tx.execute(update(storylines).where(storylines.c.id == storyline_id).values(state_due=until))


def turn(
    tx: Connection,
    row: Mapping[Any, Any],
    state: str,
    until: datetime | None,
    why: Mapping[str, Any],
    moment: datetime,
    *,
    backfill: bool,
) -> None:
    """Write a change of state with its event `storyline.STATE`. `backfill` says that nothing fresh stands behind it.

    It is no change by which lists are ordered: a storyline would come up just because nothing happens in it.
    """
    values = {
        "state": state,
        "state_since": moment,
        "state_due": until,
        "sequence": row["sequence"] + 1,
    }
    tx.execute(update(storylines).where(storylines.c.id == row["id"]).values(**values))
    data = {"storyline": summary({**row, **values}), "before": row["state"], "why": dict(why), "backfill": backfill}
    events.append(tx, f"storyline.{state}", f"storyline/{row['id']}", values["sequence"], moment, data)
