"""The clusterer's part in the lives of storylines: it looks at those that are due, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping

from pipeline.ledger import lives
from pipeline.ledger.storylines import EMPTY
from pipeline.storylines import life

AT_ONCE = 100  # storylines in one step when nothing waits to be filed
BUSY = 20  # in one step while filing has work
OVERDUE = timedelta(days=1)  # a turn that came so much too late is no news: the clusterer was away, or is new to this
ARRIVALS = 300  # latest articles that a storyline is judged by


def attend(tx: Connection, ids: Sequence[int], moment: datetime, window: timedelta) -> int:
    """Look at these storylines, in a transaction under the clusterer's guard. Returns how many changed their state.

    `window` is how long after its last article another one may join a storyline (`FilingOptions.window_hours`).
    """
    wire, changed = _wire(tx, moment), 0
    for row in lives.taken_up(tx, ids):
        if row["merged_into"] is not None or row["state"] == EMPTY:
            lives.put_off(tx, row["id"], None)
            continue
        latest = [
            life.Arrival(
                seen=one["seen"],
                written=one["published"],
                outlet=one["outlet"],
                original=one["kind"] == "original",
                backfill=one["backfill"],
            )
            for one in lives.arrivals(tx, row["id"], ARRIVALS)
        ]
        pulse = life.Pulse(
            state=row["state"],
            since=row["state_since"] or row["opened"],
            opened=row["opened"],
            declared=row["declared"],
            arrivals=latest,
            whole=len(latest) < ARRIVALS,
        )
        turn = life.look(pulse, wire, moment, window=window)
        if turn.state == row["state"]:
            lives.put_off(tx, row["id"], turn.due)
            continue
        backfill = not any(one.fresh for one in latest) or _overdue(row, latest, moment)
        lives.turn(tx, row, turn.state, turn.due, turn.why, moment, backfill=backfill)
        changed += 1
    return changed


def _overdue(row: RowMapping, latest: Sequence[life.Arrival], moment: datetime) -> bool:
    """Whether it should have been looked at long ago, and nothing fresh came since."""
    long_ago = moment - OVERDUE
    return (
        row["state_due"] is not None
        and row["state_due"] < long_ago
        and not any(one.fresh and one.seen >= long_ago for one in latest)
    )


def _wire(tx: Connection, moment: datetime) -> life.Wire:
    hours = (*life.WINDOWS, life.USUAL_HOURS)
    *counts, usual = lives.filed_since(tx, [moment - timedelta(hours=each) for each in hours])
    return life.Wire(counts=dict(zip(life.WINDOWS, counts, strict=True)), usual=usual)
