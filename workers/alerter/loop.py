"""The alerter's loop: events behind its cursor are looked at, matches are written together with the cursor.

What is written follows from the log, the rules and what they rang for, all in the ledger; so an alerter that is killed
at any moment has either rung and moved on, or neither, and its successor goes on from there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from pipeline.errors import FencedError, LedgerError
from pipeline.ledger import Ledger, alerts, cursors, events, roles, rules
from pipeline.ledger.roles import Claim
from pipeline.records import Event
from pipeline.settings import Settings
from pipeline.tally import Tally
from workers import logs
from workers.alerter import rulebook
from workers.alerter.ringing import Found, Ringing
from workers.alerter.rulebook import Embed, Rulebook
from workers.alerter.sight import READS, Known, Sight, background, changes_hands
from workers.process import Stop, is_time, now, owner

log = logs.get("alerter")
ROLE = "alerter"
IDLE_SECONDS = 0.25
TROUBLE_SECONDS = 2.0
STAND_BY_SECONDS = 1.0
BATCH = 200
SAVE_SECONDS = 2.0  # between saves of a cursor before which nothing rang: what it rereads then rings once all the same
ORDINARY_SECONDS = 300.0  # between looks at what is ordinary here
EXPIRE_SECONDS = 3600.0
NEVER = datetime.min.replace(tzinfo=now().tzinfo)


class Alerter:
    """`step` looks at what happened and returns; `run` repeats it."""

    def __init__(
        self, settings: Settings, ledger: Ledger, version: str, embed: Embed, tally: Tally | None = None
    ) -> None:
        """`embed` gives vectors (n, d) of sentences, of length 1, of the model and preparation `version`."""
        self._settings, self._ledger, self._version, self._embed = settings, ledger, version, embed
        self._tally = tally or Tally()
        self._owner = owner()
        self._token: Claim | None = None
        self._position: int | None = None
        self._saved = 0
        self._book: Rulebook | None = None
        self._sight: Sight | None = None
        self._rules_as_of: tuple[Any, ...] = ()
        self._look_at = self._save_at = self._ordinary_at = self._expire_at = NEVER

    def run(self, stop: Stop) -> None:
        """Ring until asked to stop, then hand the role over. The ledger being away is waited out."""
        try:
            while not stop.is_set():
                try:
                    if not self.step(now()):
                        stop.wait(IDLE_SECONDS)
                except LedgerError as error:
                    log.warning("waiting", error=str(error))
                    stop.wait(TROUBLE_SECONDS)
        finally:
            with contextlib.suppress(LedgerError):
                self._hand_over()

    def step(self, moment: datetime) -> int:
        """Look at one batch of events. Returns how many there were; 0 while another alerter is active."""
        if not self._lead(moment):
            return 0
        try:
            done = self._look(moment)
        except FencedError as error:
            log.warning("no longer the active one", error=str(error))
            self._forget()
            return 0
        self._tally.moved(ROLE, moment.timestamp())
        return done

    def _lead(self, moment: datetime) -> bool:
        """Take or renew the role when it is time to."""
        if is_time(moment, self._look_at, self._settings.leader_seconds):
            with self._ledger.write() as tx:
                token = roles.take(tx, ROLE, self._owner, moment, self._settings.leader_seconds)
                if token != self._token:
                    self._forget()
                self._token = token
                if token is not None and self._position is None:
                    cursors.begin(tx, cursors.RULES)
                    self._position = self._saved = cursors.position(tx, cursors.RULES) or 0
            pause = STAND_BY_SECONDS if self._token is None else self._settings.leader_seconds / 3
            self._look_at = moment + timedelta(seconds=pause)
        return self._token is not None

    def _forget(self) -> None:
        """What was read as the active one is read anew when this is that again."""
        self._token = self._position = None
        self._look_at = NEVER

    def _look(self, moment: datetime) -> int:
        book, sight = self._prepared(moment)
        position = cast("int", self._position)
        with self._ledger.read() as tx:
            batch = events.after(tx, position, BATCH)
            due = alerts.waiting(tx, moment)
            there = self._seen(tx, batch, book, sight)
        end = batch[-1].position or position if batch else position
        if there or due or (end > self._saved and is_time(moment, self._save_at, SAVE_SECONDS)):
            self._write(there, due, end, book, moment)
        self._position = end
        self._expire(moment)
        return len(batch)

    def _seen(self, tx: Any, batch: Sequence[Event], book: Rulebook, sight: Sight) -> list[Event | Found]:
        """What is to be written down of these events, in order: those by which one storyline inherits from another, and
        those that rules match or that tell of a surge."""
        known: dict[int, Known] = {}
        found: list[Event | Found] = []
        for event in batch:
            if event.type not in READS:
                continue
            if changes_hands(event) is not None:
                found.append(event)
                continue
            seen = sight.of(tx, event, known) if book.compiled else None
            if seen is None:
                continue
            matches = book.matches(seen)
            if matches or "surging" in seen.view.states:
                found.append(Found(seen, matches))
        return found

    def _write(
        self, there: Sequence[Event | Found], due: Sequence[int], end: int, book: Rulebook, moment: datetime
    ) -> None:
        with self._ledger.write() as tx:
            roles.guard(tx, ROLE, self._token)
            ringing = Ringing(tx, book.compiled, moment)
            for one in there:
                if isinstance(one, Found):
                    ringing.take(one)
                elif (hands := changes_hands(one)) is not None:
                    source, target, gone = hands
                    alerts.inherit(tx, source, target, gone=gone)
            ringing.digests(due)
            cursors.move(tx, cursors.RULES, end)
        self._saved, self._save_at = end, moment + timedelta(seconds=SAVE_SECONDS)
        if ringing.rings or ringing.held:
            log.info("rules matched", rung=ringing.rings, held=ringing.held)

    def _prepared(self, moment: datetime) -> tuple[Rulebook, Sight]:
        """The rules as they are now, and the eyes to see with."""
        with self._ledger.read() as tx:
            as_of = rules.version(tx)
        if self._book is None or as_of != self._rules_as_of:
            self._book, self._sight, self._rules_as_of = (
                rulebook.read(self._ledger, self._version, self._embed),
                None,
                as_of,
            )
        if self._sight is None or is_time(moment, self._ordinary_at, ORDINARY_SECONDS):
            with self._ledger.read() as tx:
                here = background(tx, self._version)
            self._sight = Sight(self._version, self._book.sentences, here)
            self._ordinary_at = moment + timedelta(seconds=ORDINARY_SECONDS)
        return self._book, self._sight

    def _expire(self, moment: datetime) -> None:
        if is_time(moment, self._expire_at, EXPIRE_SECONDS):
            with self._ledger.write() as tx:
                roles.guard(tx, ROLE, self._token)
                alerts.expire(tx, moment - timedelta(days=self._settings.event_retention_days), BATCH)
            self._expire_at = moment + timedelta(seconds=EXPIRE_SECONDS)

    def _hand_over(self) -> None:
        if self._token is None:
            return
        with contextlib.suppress(FencedError), self._ledger.write() as tx:
            roles.guard(tx, ROLE, self._token)
            cursors.move(tx, cursors.RULES, cast("int", self._position))
            roles.release(tx, ROLE, self._owner, now())
