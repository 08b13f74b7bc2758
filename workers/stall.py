"""Whether the pipeline moves: what the janitor notices, and tells as `pipeline.stalled` and `pipeline.recovered`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.ledger import Ledger, movement, troubles
from pipeline.ledger.troubles import PIPELINE, STALLED
from workers import logs

log = logs.get("janitor")
EVERY = timedelta(seconds=30)
ASLEEP = 4 * EVERY  # looks further apart than this: the machine slept, or the janitor was busy; the time counts not


@dataclass(frozen=True, slots=True)
class _Look:
    moment: datetime
    seen: movement.Seen


class Watch:
    """`look` is to be called every now and then. What it knows it has seen itself: a janitor that has just started
    tells of no stall before the whole time has passed again."""

    def __init__(self, ledger: Ledger, seconds: float) -> None:
        self._ledger = ledger
        self._patience = timedelta(seconds=seconds)
        self._last: _Look | None = None
        self._since: datetime | None = None  # when something last moved, or nothing waited

    def look(self, moment: datetime) -> None:
        """Compare with the look before. Raises LedgerError when the ledger is away."""
        last, self._last = self._last, None
        if last is not None and abs(moment - last.moment) < EVERY:
            self._last = last
            return
        if last is None or not timedelta(0) < moment - last.moment <= ASLEEP:
            last = self._since = None
        with self._ledger.read() as tx:
            seen = movement.seen(tx)
            waiting = movement.waiting(tx, moment)
            moved = last is not None and movement.moved(tx, last.seen, seen)
            told = STALLED in troubles.standing(tx, PIPELINE)
        self._last = _Look(moment, seen)
        if moved or self._since is None or not any(waiting.values()):
            self._since = moment
        if told and (moved or not any(waiting.values())):
            self._recovered(moment)
        elif not told and moment - self._since >= self._patience:
            self._stalled(waiting, self._since, moment)

    def _stalled(self, waiting: Mapping[str, int], since: datetime, moment: datetime) -> None:
        data = {"since": since.isoformat(), "waiting": dict(waiting)}
        with self._ledger.write() as tx:
            new = troubles.begin(tx, PIPELINE, STALLED, "pipeline.stalled", data, moment)
        if new:
            log.warning("the pipeline stands still", since=since.isoformat(), **waiting)

    def _recovered(self, moment: datetime) -> None:
        with self._ledger.write() as tx:
            over = troubles.end(tx, PIPELINE, STALLED, "pipeline.recovered", {}, moment)
        if over:
            log.info("the pipeline moves again")
