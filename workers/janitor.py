"""The janitor: hands out what is due, holds the wire back where that is needed, puts back what got stuck, has declared
storylines embedded, and again what was embedded by another model, lets go of what is old, and tells when nothing
moves."""

from __future__ import annotations

import contextlib
import socket
import time
from datetime import UTC, datetime, timedelta

import redis

from pipeline import history, metrics, pressure, queues, tally
from pipeline.dispatch import dispatch, embed_again, embed_declared, recover
from pipeline.embedding import version
from pipeline.errors import LedgerError, RedisError
from pipeline.ledger import Ledger, clock, figures, reembed, retention
from pipeline.settings import Settings
from pipeline.storylines.options import FilingOptions
from pipeline.tally import Tally
from workers import logs
from workers.process import Stop, now
from workers.retiring import Round
from workers.stall import Watch

log = logs.get("janitor")
DISPATCH_SECONDS = 0.5
DECLARED_EVERY = timedelta(seconds=2)  # a job that fails is enqueued again at this pace, not at that of dispatch
RECOVER_EVERY = timedelta(seconds=5)
AGAIN_EVERY = timedelta(minutes=10)  # a look through all that filing remembers, which mostly finds nothing
RETIRE_EVERY = timedelta(seconds=10)
TROUBLE_SECONDS = 5.0  # between tries while Redis or the ledger is away


class Janitor:
    """`step` is one round; `run` repeats it. Any number may run: each of its acts is harmless when done twice."""

    def __init__(self, settings: Settings, ledger: Ledger, client: redis.Redis, tally: Tally | None = None) -> None:
        self._settings = settings
        self._tally = tally or Tally()
        self._ledger = ledger
        self._redis = client
        self._declared = self._recovered = self._looked = self._retired = datetime.min.replace(tzinfo=UTC)
        self._orphans: set[str] = set()  # jobs in Redis that neither waited nor ran at the last look
        self._round = Round(settings, ledger)
        self._watch = Watch(ledger, settings.stall_seconds)
        self._holds: list[pressure.Hold] = []
        self._noted = 0  # the last step of the history
        self._before: int | None = None  # where it is with embedding again, None while that rests

    def run(self, stop: Stop) -> None:
        """Work until asked to stop. Redis or the ledger being away is waited out."""
        while not stop.is_set():
            try:
                self.step(now())
                stop.wait(DISPATCH_SECONDS)
            except (RedisError, LedgerError) as error:
                log.warning("waiting", error=str(error))
                stop.wait(TROUBLE_SECONDS)

    def step(self, moment: datetime) -> int:
        """Do what is due at that moment. Returns how many articles were handed out.

        Raises RedisError or LedgerError when one of the two is away.
        """
        settings = self._settings
        if abs(moment - self._declared) >= DECLARED_EVERY:  # a clock that is set back must not stop it either
            embed_declared(self._ledger, self._redis, version(settings.model))
            self._declared = moment
        if abs(moment - self._recovered) >= RECOVER_EVERY:
            self._hold_back(self._look_at_the_clock(moment), moment)
            self._bury()
            done = recover(self._ledger, self._redis, settings, moment)
            self._recovered = moment
            self._tally.count(metrics.PUT_BACK, done.returned)
            self._tally.count(metrics.DEAD, done.dead, stage=metrics.OTHER, class_="worker")
            if done.returned or done.dead:
                log.warning("put back", returned=done.returned, dead=done.dead)
        handed_out = dispatch(self._ledger, self._redis, settings, moment)
        self._watch.look(moment)
        self._note(moment)
        self._embed_again(moment)
        if abs(moment - self._retired) >= RETIRE_EVERY:
            self._retire(moment)
        self._tally.moved("janitor", moment.timestamp())
        return handed_out

    def _look_at_the_clock(self, moment: datetime) -> float:
        """Returns the seconds that its small transaction took."""
        settings, began = self._settings, time.monotonic()
        with self._ledger.write() as tx:
            back = clock.note(tx, socket.gethostname(), moment)
            if back is not None:
                moved = clock.bring_forward(tx, moment, back, timedelta(seconds=settings.lease_seconds))
        if back is not None:
            log.warning("the clock was set back", seconds=round(back.total_seconds()), brought_forward=moved)
        return time.monotonic() - began

    def _hold_back(self, write_seconds: float, moment: datetime) -> None:
        """Measure, decide what holds the wire back, and let everybody know."""
        reading = pressure.measure(self._ledger, self._redis, self._settings, moment, write_seconds)
        found = pressure.holds(reading, self._settings, moment, self._holds)
        before, after = ({hold.limit for hold in some} for some in (self._holds, found))
        for hold in found:
            if hold.limit not in before:
                log.warning("held back", limit=hold.limit, says=hold.says, **hold.stages)
        for limit in sorted(before - after):
            log.info("no longer held back", limit=limit)
        self._holds = found
        with contextlib.suppress(RedisError):  # what comes next tells
            pressure.keep(self._redis, found)

    def _bury(self) -> None:
        """Let jobs run out that were orphans at the last look as well: RQ may have been about to list them."""
        found = queues.orphans(self._redis)
        if dead := found & self._orphans:
            queues.bury(self._redis, dead)
            log.info("orphaned jobs dropped", count=len(dead))
        self._orphans = found

    def _note(self, moment: datetime) -> None:
        """Note how the hour goes, for those who look at it; without that everything else goes on."""
        at = moment.timestamp()
        if history.step(at) == self._noted:
            return
        self._noted = history.step(at)
        with contextlib.suppress(RedisError):
            with self._ledger.read() as tx:
                waiting = sum(figures.waiting(tx, moment).values())
            history.keep(self._redis, history.sample(tally.read(self._redis), waiting, at))

    def _retire(self, moment: datetime) -> None:
        """One small step through the ledger, over and over again."""
        self._retired = moment
        gone = self._round.step(moment)
        pages = retention.give_back(self._ledger)
        if any(gone.values()):
            log.info("old things dropped", pages=pages, **gone)

    def _embed_again(self, moment: datetime) -> None:
        if self._before is None and abs(moment - self._looked) < AGAIN_EVERY:
            return
        before = self._before or reembed.NEWEST
        since = moment - FilingOptions().horizon
        self._looked = moment
        self._before = embed_again(
            self._ledger, self._redis, self._settings, version(self._settings.model), since, before
        )


def run(settings: Settings, ledger: Ledger, client: redis.Redis, stop: Stop, tally: Tally | None = None) -> None:
    """Run a janitor until asked to stop."""
    Janitor(settings, ledger, client, tally).run(stop)
