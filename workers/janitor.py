"""The janitor: hands out what is due, puts back what got stuck, has declared storylines embedded, and again what was
embedded by another model, and lets go of what is old."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import redis

from pipeline.dispatch import dispatch, embed_again, embed_declared, recover
from pipeline.embedding import version
from pipeline.errors import LedgerError, RedisError
from pipeline.ledger import Ledger, clock, logouts, reembed, retention
from pipeline.settings import Settings
from pipeline.storylines.options import FilingOptions
from workers import logs
from workers.process import Stop, now

log = logs.get("janitor")
DISPATCH_SECONDS = 0.5
DECLARED_EVERY = timedelta(seconds=2)  # a job that fails is enqueued again at this pace, not at that of dispatch
RECOVER_EVERY = timedelta(seconds=5)
AGAIN_EVERY = timedelta(minutes=10)  # a look through all that filing remembers, which mostly finds nothing
RETIRE_EVERY = timedelta(seconds=10)
RETIRED_AT_ONCE = 2_000  # articles looked at, and commands
LOGOUTS_KEPT = timedelta(days=1)  # after the session would have ended anyway: clocks of machines differ
TROUBLE_SECONDS = 5.0  # between tries while Redis or the ledger is away


class Janitor:
    """`step` is one round; `run` repeats it. Any number may run: each of its acts is harmless when done twice."""

    def __init__(self, settings: Settings, ledger: Ledger, client: redis.Redis) -> None:
        self._settings = settings
        self._ledger = ledger
        self._redis = client
        self._declared = self._recovered = self._looked = self._retired = datetime.min.replace(tzinfo=UTC)
        self._retired_to = 0  # the article after which the round of retirement goes on
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
            self._look_at_the_clock(moment)
            done = recover(self._ledger, self._redis, settings, moment)
            self._recovered = moment
            if done.returned or done.dead:
                log.warning("put back", returned=done.returned, dead=done.dead)
        handed_out = dispatch(self._ledger, self._redis, settings, moment)
        self._embed_again(moment)
        if abs(moment - self._retired) >= RETIRE_EVERY:
            self._retire(moment)
        return handed_out

    def _look_at_the_clock(self, moment: datetime) -> None:
        settings = self._settings
        with self._ledger.write() as tx:
            back = clock.note(tx, socket.gethostname(), moment)
            if back is None:
                return
            moved = clock.bring_forward(tx, moment, back, timedelta(seconds=settings.lease_seconds))
        log.warning("the clock was set back", seconds=round(back.total_seconds()), brought_forward=moved)

    def _retire(self, moment: datetime) -> None:
        """One small step through the ledger, over and over again."""
        self._retired = moment
        settings = self._settings
        replaced = moment - timedelta(days=settings.version_retention_days)
        done = moment - timedelta(days=settings.event_retention_days)
        with self._ledger.read() as tx:
            articles, last = retention.replaced(tx, self._retired_to, replaced, RETIRED_AT_ONCE)
            old = retention.done(tx, done, RETIRED_AT_ONCE)
            ended = logouts.past(tx, moment - LOGOUTS_KEPT)
        versions = commands = 0
        if articles or old or ended:
            with self._ledger.write() as tx:
                versions = retention.retire_versions(tx, articles, replaced)
                commands = retention.retire_commands(tx, old)
                logouts.clear(tx, moment - LOGOUTS_KEPT)
        pages = retention.give_back(self._ledger)
        self._retired_to = last or 0
        if versions or commands:
            log.info("old versions and commands dropped", versions=versions, commands=commands, pages=pages)

    def _embed_again(self, moment: datetime) -> None:
        if self._before is None and abs(moment - self._looked) < AGAIN_EVERY:
            return
        before = self._before or reembed.NEWEST
        since = moment - FilingOptions().horizon
        self._looked = moment
        self._before = embed_again(
            self._ledger, self._redis, self._settings, version(self._settings.model), since, before
        )


def run(settings: Settings, ledger: Ledger, client: redis.Redis, stop: Stop) -> None:
    """Run a janitor until asked to stop."""
    Janitor(settings, ledger, client).run(stop)
