"""What a poller does with pushes (WebSub): it reads them in its sandbox and records their entries as it does those of
polls; and what pushes mean for polling."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from pipeline import metrics
from pipeline.errors import FeedError, LedgerError, SandboxError
from pipeline.feeds import websub
from pipeline.feeds.identity import rekeyed
from pipeline.feeds.schedule import SPREAD, Due
from pipeline.feeds.words import spell
from pipeline.ledger import Ledger, articles, feeds, pushes, subscriptions
from pipeline.ledger.schema import feeds as feed_table
from pipeline.records import Feed, FeedDocument, Push
from pipeline.settings import Settings
from pipeline.tally import Tally
from workers import logs, traces
from workers.poller import trouble
from workers.poller.outcome import LaterError
from workers.process import now

Read = Callable[[bytes, str, str | None], Awaitable[FeedDocument]]
"""Reads a feed's body in the sandbox: body, base URL, Content-Type."""

log = logs.get("poller")
AT_ONCE = 4  # pushes in hand; each may be as long as a feed, and there are two parsers
LOOK_SECONDS = 0.5  # between looks at whether some have come
STOP_SECONDS = 5.0  # those in hand get this long when the process is to stop
LEASE_SECONDS = 120.0  # reading takes a few seconds, and some more in the line before the parsers
AGAIN = timedelta(seconds=10)  # a ping for a feed that is just being polled waits for the end of that poll


class _LostError(Exception):
    """Another poller took the push over; rolls back what was written."""


class PushReader:
    """Takes pushes and records their entries. `read` reads a body in the sandbox; `found` is called, in a thread, after
    a push that brought articles."""

    def __init__(
        self, settings: Settings, ledger: Ledger, read: Read, found: Callable[[], None], tally: Tally | None = None
    ) -> None:
        self._settings = settings
        self._tally = tally or Tally()
        self._ledger = ledger
        self._read = read
        self._found = found
        self._token = uuid.uuid4().hex
        self._tasks: set[asyncio.Task[None]] = set()
        self._looked = -LOOK_SECONDS

    async def begin(self) -> None:
        """Start to read what has come. The ledger being away is left to others to tell."""
        room = AT_ONCE - len(self._tasks)
        if room <= 0 or time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        with contextlib.suppress(LedgerError):
            for push in await asyncio.to_thread(self.claim, room):
                task = asyncio.create_task(self.take(push))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Let what is being read come to its end; what does not in time is read again by the next poller."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def claim(self, limit: int) -> list[Push]:
        """Take up to `limit` pushes. Raises LedgerError."""
        moment = now()
        with self._ledger.read() as tx:  # nearly always there is none, and no lock is needed to see that
            if not pushes.any_waiting(tx):
                return []
        with self._ledger.write() as tx:
            return pushes.claim(tx, moment, self._token, LEASE_SECONDS, limit)

    async def take(self, push: Push) -> None:
        """Read and record one push, whatever it holds."""
        try:
            await self._take(push)
        except LedgerError as error:  # the lease runs out and it is taken again
            log.error("push not recorded", feed=push.feed_id, error=str(error))
        except Exception:
            log.exception("push failed", feed=push.feed_id)
            await asyncio.to_thread(self._fail, push)

    async def _take(self, push: Push) -> None:
        feed = await asyncio.to_thread(self._feed, push)
        if feed is None:
            return
        if not push.body:
            await asyncio.to_thread(self._ping, push, "its hub says that there is news")
            return
        try:
            document = await self._read(push.body, feed.url, push.content_type)
        except LaterError:
            await asyncio.to_thread(self._put_off, push)
        except FeedError as error:
            log.warning("push is no feed", feed=feed.id, error=str(error))
            await asyncio.to_thread(self._ping, push, "its hub pushed something that is no feed")
        except SandboxError as error:
            log.warning("push cannot be read", feed=feed.id, error=str(error))
            await asyncio.to_thread(self._fail, push)
        else:
            await asyncio.to_thread(self._keep, push, feed, document)

    def _feed(self, push: Push) -> Feed | None:
        with self._ledger.read() as tx:
            return feeds.find(tx, str(push.feed_id))

    def _keep(self, push: Push, feed: Feed, document: FeedDocument) -> None:
        """Entries and the end of the push in one transaction. Validators and schedule stay: they are of polls."""
        moment = now()
        entries, _ = self._settings.block_list.part(document.entries)
        entries = rekeyed(entries, feed.identity, not_links=(feed.url, document.home))
        try:
            with self._ledger.write() as tx:
                recorded = articles.record_entries(
                    tx, entries, moment, feed_id=feed.id, backfill=feed.first_polled is None, pushed=True
                )
                if recorded.articles:
                    mine = feed_table.c.id == feed.id
                    tx.execute(update(feed_table).where(mine).values(last_new=moment, silent_since=None))
                    trouble.heard(tx, feed, moment)
                if not pushes.settle(tx, push.id, self._token):
                    raise _LostError
        except _LostError:
            log.warning("another poller took over", feed=feed.id)
            return
        log.info("pushed", feed=feed.id, entries=len(entries), new=recorded.articles)
        self._tally.count(metrics.TAKEN_IN, recorded.articles, by="push")
        for article in recorded.ids:
            traces.seen(traces.Traced(article, 1, moment), moment, now(), by="push", feed=feed.id)
        if recorded.articles:
            self._found()

    def _ping(self, push: Push, why: str) -> None:
        moment = now()
        with self._ledger.write() as tx:
            if pushes.make_due(tx, push.feed_id, moment, why, self._settings.poll_min_seconds):
                pushes.settle(tx, push.id, self._token)
            else:
                pushes.postpone(tx, push, self._token, moment + AGAIN)

    def _put_off(self, push: Push) -> None:
        with self._ledger.write() as tx:
            pushes.postpone(tx, push, self._token, now() + AGAIN)

    def _fail(self, push: Push) -> None:
        with contextlib.suppress(LedgerError), self._ledger.write() as tx:  # else the lease runs out
            pushes.fail(tx, push, self._token, now())


def after_poll(
    tx: Connection, feed: Feed, new: int, due: Due, *, moment: datetime, longest: float, jitter: float
) -> Due:
    """Give when a feed that its hub pushes is polled next, after a poll that went well and found `new` entries.

    Notes in the ledger what the hub should have pushed and did not. `feed` is as it was before the poll, `due` what the
    schedule decided, `longest` the greatest time between two polls (seconds), `jitter` a random number from 0 to 1.
    """
    held = subscriptions.of_feed(tx, feed.id) if feed.hub_url else None
    if held is None:
        return due
    missed = websub.missed_after_poll(held, new=new, last_polled=feed.last_polled, now=moment)
    if missed != held.missed:
        log.warning("its hub pushed nothing of what a poll found", feed=feed.id, hub=held.hub, new=new)
        subscriptions.set_missed(tx, held.token, missed)
        held = replace(held, missed=missed)
    least, why = websub.backup(held, moment, longest)
    if least <= (due.at - moment).total_seconds():
        return due
    wait = least * (1 + SPREAD * jitter)
    return replace(due, at=moment + timedelta(seconds=wait), reason=f"next in {spell(wait)}: {why}")
