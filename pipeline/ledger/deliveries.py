"""What sinks are to be told, was given up, and the last of what they were told: a bounded number of rows for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from pipeline.ledger import events, held, sinks
from pipeline.ledger.events import from_row
from pipeline.ledger.schema import events as log
from pipeline.ledger.sinktables import deliveries
from pipeline.records import Attempt, Delivery, Event, Sink

WINDOW = 500  # waiting rows of one sink; what is beyond them waits in the log
LOOK = 2000  # events looked at in one turn
KEPT_DONE = 20  # of each sink, to be looked at
KEPT_DEAD = 10_000  # of each sink


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attempt at a delivery and what becomes of it."""

    delivery: Delivery
    attempt: Attempt
    state: str
    due: datetime


def fill(tx: Connection, sink: Sink, now: datetime, wanted: Callable[[Sink, Event], bool]) -> tuple[int, int]:
    """Have the next events wait for a sink, as far as there is room. Returns how many do, and how many positions of
    the log were dropped before the sink came to them (its `lost`)."""
    window = held.window(tx, sink, now, wanted)
    room = WINDOW - window.used
    # Empty though it should not be: of those that expire the newest stays. To ask for it now could find one just
    # published.
    found = events.after(tx, sink.read_to, min(LOOK, room * 4)) if room > 0 else []
    lost = window.lost + (max(0, (found[0].position or 0) - sink.read_to - 1) if found else 0)
    chosen: list[Event] = []
    read_to = sink.read_to
    for event in found:
        if len(chosen) >= room:
            break
        read_to = event.position or read_to
        if wanted(sink, event) and window.place(event, now):
            chosen.append(event)
    held.put(tx, sink.id, [(event, now) for event in chosen], now)
    window.save(tx)
    if found or lost:
        sinks.save(tx, sink.id, {"read_to": read_to, "lost": sink.lost + lost})
    return window.filled + len(chosen), lost


def waiting(tx: Connection, sink_id: int) -> int:
    return count(tx, sink_id, "waiting")


def count(tx: Connection, sink_id: int, state: str) -> int:
    """How many deliveries to a sink are in a state."""
    chosen = (deliveries.c.sink_id == sink_id) & (deliveries.c.state == state)
    return int(tx.execute(select(func.count()).select_from(deliveries).where(chosen)).scalar_one())


def refused(tx: Connection, sink_id: int) -> int:
    """Of how many subjects an event was tried, and was neither taken nor given up."""
    chosen = (deliveries.c.sink_id == sink_id) & (deliveries.c.state == "waiting") & (deliveries.c.attempts > 0)
    return int(tx.execute(select(func.count(deliveries.c.subject.distinct())).where(chosen)).scalar_one())


def hopeful(tx: Connection, sink_id: int, attempts: int) -> int:
    """How many deliveries wait of subjects of which no event was refused so many times."""
    tried = func.max(deliveries.c.attempts)
    waiting = (deliveries.c.sink_id == sink_id) & (deliveries.c.state == "waiting")
    rows = select(func.count().label("number")).where(waiting).group_by(deliveries.c.subject).having(tried < attempts)
    return sum(tx.execute(rows).scalars())


def next_due(tx: Connection, sink_id: int) -> tuple[datetime, datetime] | None:
    """When the next waiting delivery of a sink is due, and since when the oldest waits; None: none does."""
    chosen = (deliveries.c.sink_id == sink_id) & (deliveries.c.state == "waiting")
    due, since = tx.execute(select(func.min(deliveries.c.due), func.min(deliveries.c.since)).where(chosen)).one()
    return None if due is None else (due, since)


def queue(tx: Connection, sink_id: int) -> list[Delivery]:
    """All that waits for a sink, in the order of the log; what the log dropped meanwhile is not among it."""
    columns = [deliveries.c[name] for name in ("attempts", "since", "due")]
    rows = tx.execute(
        select(deliveries.c.id.label("delivery_id"), *columns, log)
        .join(log, log.c.position == deliveries.c.position)
        .where(deliveries.c.sink_id == sink_id, deliveries.c.state == "waiting")
        .order_by(deliveries.c.position)
    ).mappings()
    return [
        Delivery(
            id=row["delivery_id"], event=from_row(row), **{name: row[name] for name in ("attempts", "since", "due")}
        )
        for row in rows
    ]


def drop_trimmed(tx: Connection, sink_id: int) -> int:
    """Delete rows whose events the log dropped. Returns how many of them still waited."""
    first = tx.execute(select(func.min(log.c.position))).scalar()
    gone = (deliveries.c.sink_id == sink_id) & (deliveries.c.position < (first or 0))
    waited = tx.execute(select(func.count()).select_from(deliveries).where(gone, deliveries.c.state == "waiting"))
    count = int(waited.scalar_one())
    tx.execute(delete(deliveries).where(gone))
    return count


def record(tx: Connection, sink_id: int, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Note what came of attempts. Of deliveries that were taken only the last few stay."""
    done = [one for one in outcomes if one.state == "done"]
    gone = [one.delivery.id for one in done[:-KEPT_DONE]]
    if gone:
        tx.execute(delete(deliveries).where(deliveries.c.id.in_(gone)))
    kept = [one for one in outcomes if one.state != "done"] + done[-KEPT_DONE:]
    if kept:
        fields = ("state", "attempts", "due", "ended", "status", "seconds", "error", "answer")
        rows = [_values(one, now) for one in kept]
        tx.execute(
            update(deliveries)
            .where(deliveries.c.id == bindparam("of"))
            .values({name: bindparam(f"to_{name}") for name in fields}),
            rows,
        )
    for state, most in (("done", KEPT_DONE), ("dead", KEPT_DEAD)):
        if any(one.state == state for one in outcomes):
            _keep(tx, sink_id, state, most)


def _values(one: Outcome, now: datetime) -> dict[str, Any]:
    return {
        "of": one.delivery.id,
        "to_state": one.state,
        "to_attempts": one.delivery.attempts + 1,
        "to_due": one.due,
        "to_ended": None if one.state == "waiting" else now,
        "to_status": one.attempt.status,
        "to_seconds": one.attempt.seconds,
        "to_error": one.attempt.error,
        "to_answer": one.attempt.answer,
    }


def _keep(tx: Connection, sink_id: int, state: str, most: int) -> None:
    chosen = (deliveries.c.sink_id == sink_id) & (deliveries.c.state == state)
    oldest = tx.execute(
        select(deliveries.c.id).where(chosen).order_by(deliveries.c.id.desc()).offset(most - 1).limit(1)
    ).scalar()
    if oldest is not None:
        tx.execute(delete(deliveries).where(chosen, deliveries.c.id < oldest))


def give_up(tx: Connection, sink_id: int, since: datetime, now: datetime) -> int:
    """Give up what waits since before a time, tried or not. Returns how many."""
    old = (deliveries.c.sink_id == sink_id) & (deliveries.c.state == "waiting") & (deliveries.c.since <= since)
    count = tx.execute(update(deliveries).where(old).values(state="dead", ended=now)).rowcount
    if count:
        _keep(tx, sink_id, "dead", KEPT_DEAD)
    return count


def listed(
    tx: Connection, limit: int, *, sink_id: int | None = None, states: Collection[str] = ("dead", "waiting", "done")
) -> list[dict[str, Any]]:
    """Deliveries as rows with their sink's id, the newest first."""
    chosen = select(deliveries).where(deliveries.c.state.in_(states)).order_by(deliveries.c.id.desc()).limit(limit)
    if sink_id is not None:
        chosen = chosen.where(deliveries.c.sink_id == sink_id)
    return [dict(row) for row in tx.execute(chosen).mappings()]


def replay(tx: Connection, delivery_id: int, now: datetime) -> bool:
    """Have a delivery that ended wait again, under the same id. Returns False when there is none that ended."""
    ended = (deliveries.c.id == delivery_id) & (deliveries.c.state != "waiting")
    return tx.execute(update(deliveries).where(ended).values(**_again(now))).rowcount == 1


def replay_dead(tx: Connection, sink_id: int, now: datetime) -> int:
    """Have all that was given up wait again. Returns how many."""
    dead = (deliveries.c.sink_id == sink_id) & (deliveries.c.state == "dead")
    return tx.execute(update(deliveries).where(dead).values(**_again(now))).rowcount


def _again(now: datetime) -> dict[str, Any]:
    return {"state": "waiting", "attempts": 0, "since": now, "due": now, "ended": None, "replayed": True}


def oldest_waiting(tx: Connection) -> list[tuple[int, datetime]]:
    """For each sink for which something waits, since when."""
    rows = tx.execute(
        select(deliveries.c.sink_id, func.min(deliveries.c.since))
        .where(deliveries.c.state == "waiting")
        .group_by(deliveries.c.sink_id)
    )
    return [(row[0], row[1]) for row in rows]
