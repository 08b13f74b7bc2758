"""Subjects of which a sink refuses an event. Order is kept for each subject, so that all that follows of it must wait;
were it all to wait as rows, one such subject would fill the sink's window and hold up every other one for a day.

While an event of a subject is refused it has a few rows. What follows waits in the log, from the position that
`held_subjects` notes, and is filled from there in order when the refused one was taken or given up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from pipeline.ledger import events
from pipeline.ledger.sinktables import deliveries, held_subjects
from pipeline.records import Event, Held, Sink

ROWS = 5  # of a subject of which an event is refused
FEWEST = 2  # where many are: one that is tried, and one that is tried next
TOGETHER = 250  # rows of all such subjects: half of what a sink has, so that the others go on
BATCH = 100  # events read at once

Wanted = Callable[[Sink, Event], bool]


@dataclass(slots=True)
class _Back:
    """What is held back of a subject: from which position on, how many events, since when."""

    position: int
    events: int
    since: datetime


@dataclass(slots=True)
class Window:
    """The waiting rows of a sink. `used` is how much of its window they take; `place` says whether an event may have a
    row, and holds it back where not. What changed is written by `save`."""

    sink_id: int
    share: int
    rows: dict[str, int]
    refused: set[str]
    held: dict[str, _Back]
    filled: int = 0
    lost: int = 0
    _changed: set[str] = field(default_factory=set)

    @property
    def used(self) -> int:
        """Rows in the window. Those of a refused subject count for its share only: replayed ones may be many more."""
        few = self.refused | self.held.keys()
        return sum(min(count, self.share) if subject in few else count for subject, count in self.rows.items())

    def place(self, event: Event, now: datetime) -> bool:
        """Whether the next event of the log gets a row now."""
        subject, position = event.subject, event.position or 0
        back = self.held.get(subject)
        if back is None and (subject not in self.refused or self.rows.get(subject, 0) < self.share):
            self.rows[subject] = self.rows.get(subject, 0) + 1
            return True
        if back is None:
            self.held[subject] = _Back(position, 1, now)
        else:
            back.events += 1
        self._changed.add(subject)
        return False

    def give_back(self, subject: str, positions: Sequence[int], now: datetime) -> None:
        """Rows of a subject became events of the log again."""
        back = self.held.setdefault(subject, _Back(positions[0], 0, now))
        back.position, back.events = min(back.position, positions[0]), back.events + len(positions)
        self.rows[subject] -= len(positions)
        self._changed.add(subject)

    def go_on(self, subject: str, position: int | None, events_left: int) -> None:
        """What is held back begins at a position, or nothing is any more."""
        if position is None:
            del self.held[subject]
        else:
            self.held[subject].position, self.held[subject].events = position, events_left
        self._changed.add(subject)

    def save(self, tx: Connection) -> None:
        of_sink = held_subjects.c.sink_id == self.sink_id
        for subject in sorted(self._changed):
            tx.execute(delete(held_subjects).where(of_sink, held_subjects.c.subject == subject))
            if back := self.held.get(subject):
                values = {"position": back.position, "events": back.events, "since": back.since}
                tx.execute(insert(held_subjects).values(sink_id=self.sink_id, subject=subject, **values))
        self._changed.clear()


def window(tx: Connection, sink: Sink, now: datetime, wanted: Wanted) -> Window:
    """The waiting rows of a sink, after those of refused subjects that are too many went back to the log and those that
    were held back got the rows that they may have by now. `save` it when the log was looked through."""
    made = _read(tx, sink.id)
    for subject in sorted(made.refused):
        if made.rows[subject] > made.share and (positions := _surplus(tx, sink.id, subject, made.share)):
            made.give_back(subject, positions, now)
    first = events.first_position(tx) if made.held else None
    for subject in sorted(made.held):
        _refill(tx, made, sink, subject, first or 0, now, wanted)
    return made


def _read(tx: Connection, sink_id: int) -> Window:
    counted = select(
        deliveries.c.subject, func.count().label("number"), func.max(deliveries.c.attempts).label("attempts")
    )
    waiting = (deliveries.c.sink_id == sink_id) & (deliveries.c.state == "waiting")
    rows = tx.execute(counted.where(waiting).group_by(deliveries.c.subject)).all()
    backs = tx.execute(select(held_subjects).where(held_subjects.c.sink_id == sink_id)).all()
    held = {row.subject: _Back(row.position, row.events, row.since) for row in backs}
    refused = {row.subject for row in rows if row.attempts}
    share = max(FEWEST, min(ROWS, TOGETHER // max(1, len(refused | held.keys()))))
    return Window(sink_id, share, {row.subject: row.number for row in rows}, refused, held)


def _surplus(tx: Connection, sink_id: int, subject: str, share: int) -> list[int]:
    """Delete a subject's last rows. Returns their positions, in order.

    What a person had replayed stays: it was told before, and so was what lies behind it in the log.
    """
    mine = (deliveries.c.sink_id == sink_id) & (deliveries.c.subject == subject) & (deliveries.c.state == "waiting")
    columns = (deliveries.c.id, deliveries.c.position, deliveries.c.replayed)
    rows = tx.execute(select(*columns).where(mine).order_by(deliveries.c.position)).all()
    fresh = [row for row in rows if not row.replayed]
    gone = fresh[max(1, share - (len(rows) - len(fresh))) :]
    if gone:
        tx.execute(delete(deliveries).where(deliveries.c.id.in_([row.id for row in gone])))
    return [row.position for row in gone]


def _refill(tx: Connection, made: Window, sink: Sink, subject: str, first: int, now: datetime, wanted: Wanted) -> None:
    back, room = made.held[subject], made.share - made.rows.get(subject, 0)
    left = back.events
    if back.position < first:  # the log dropped some of it
        left = sum(1 for _ in _following(tx, sink, subject, first, sink.read_to, wanted))
        made.lost += max(0, back.events - left)
        made.go_on(subject, first if left else None, left)
    if room <= 0 or not left:
        return
    found: list[Event] = []
    following = None
    for event in _following(tx, sink, subject, back.position, sink.read_to, wanted):
        if len(found) == room:
            following = event.position
            break
        found.append(event)
    # It has waited since it would have had a row; the day after which it is given up counts from then.
    put(tx, sink.id, [(event, min(now, max(back.since, event.time))) for event in found], now)
    made.rows[subject] = made.rows.get(subject, 0) + len(found)
    made.filled += len(found)
    made.go_on(subject, following, max(1, left - len(found)))


def _following(tx: Connection, sink: Sink, subject: str, position: int, until: int, wanted: Wanted) -> Iterator[Event]:
    """The wanted events of a subject from one position to another, in order."""
    while True:
        found = events.of_subject(tx, subject, position, until, BATCH)
        yield from (event for event in found if wanted(sink, event))
        if len(found) < BATCH:
            return
        position = (found[-1].position or 0) + 1


def put(tx: Connection, sink_id: int, waiting: Sequence[tuple[Event, datetime]], now: datetime) -> None:
    """Have events wait for a sink as rows, due now, each since a time."""
    if not waiting:
        return
    # A clock or a replay may have brought one here already.
    positions = [event.position for event, _ in waiting]
    tx.execute(delete(deliveries).where(deliveries.c.sink_id == sink_id, deliveries.c.position.in_(positions)))
    rows: list[dict[str, Any]] = [
        {
            "sink_id": sink_id,
            "event_id": event.id,
            "position": event.position,
            "type": event.type,
            "subject": event.subject,
            "since": since,
            "due": now,
        }
        for event, since in waiting
    ]
    tx.execute(insert(deliveries), rows)


def rewind(tx: Connection, sink: Sink, position: int, wanted: Wanted) -> None:
    """Hold back no more than what lies up to a position: what is behind it is looked at anew."""
    mine = held_subjects.c.sink_id == sink.id
    tx.execute(delete(held_subjects).where(mine, held_subjects.c.position > position))
    made = _read(tx, sink.id)
    for subject, back in list(made.held.items()):
        left = sum(1 for _ in _following(tx, sink, subject, back.position, position, wanted))
        made.go_on(subject, back.position if left else None, left)
    made.save(tx)


def listed(tx: Connection, sink_id: int) -> list[Held]:
    """What is held back of a sink's subjects and why, most first."""
    refused = (
        select(deliveries.c.error)
        .where(deliveries.c.sink_id == held_subjects.c.sink_id, deliveries.c.subject == held_subjects.c.subject)
        .where(deliveries.c.state == "waiting")
        .order_by(deliveries.c.position)
        .limit(1)
        .scalar_subquery()
    )
    columns = [held_subjects.c[name] for name in ("subject", "position", "events", "since")]
    chosen = select(*columns, func.coalesce(refused, "").label("error")).where(held_subjects.c.sink_id == sink_id)
    rows = tx.execute(chosen.order_by(held_subjects.c.events.desc(), held_subjects.c.subject)).mappings()
    return [Held(**row) for row in rows]
