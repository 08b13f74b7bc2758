"""Writing what polls gave. What ends within a moment goes into one transaction: beginning and committing one costs more
than what a poll without news writes, and all writers of an SQLite file stand in one line."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection

from pipeline import metrics, pressure
from pipeline.errors import LedgerError
from pipeline.feeds import identity
from pipeline.feeds.freshness import freshness
from pipeline.feeds.identity import rekeyed
from pipeline.feeds.schedule import SPREAD, Bounds, Due, next_poll
from pipeline.ledger import Ledger, articles, hosts, polls
from pipeline.records import Feed
from pipeline.settings import Settings
from pipeline.tally import Tally
from workers import logs, traces
from workers.poller import trouble
from workers.poller.moving import moved
from workers.poller.outcome import Polled, columns, unforeseen
from workers.poller.pushes import after_poll
from workers.process import now

T = TypeVar("T")
log = logs.get("poller")
GATHER_SECONDS = 0.02  # how long a poll that has ended waits for others that end
BATCH = 100  # polls in one transaction, if they have no more entries than these together: while it lasts others wait
ENTRIES = 500
LATER = timedelta(seconds=30)  # when a feed comes up again that did not get its turn


@dataclass(frozen=True, slots=True)
class Job:
    """A poll that is to be recorded, under the token of its lease."""

    feed: Feed
    token: str
    polled: Polled


def batch_size(jobs: Sequence[Job]) -> int:
    """How many of these polls go into one transaction, from the first on: one at least."""
    entries = 0
    for number, job in enumerate(jobs[:BATCH]):
        entries += len(job.polled.document.entries) if job.polled.document is not None else 0
        if number and entries > ENTRIES:
            return number
    return min(len(jobs), BATCH)


class Recorder:
    """Records polls in batches, in one thread. `found` is called after a batch that brought articles; `pressed` gives
    the pressure on polls, from 0 to 1."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        found: Callable[[], None],
        pressed: Callable[[], float] = lambda: 0.0,
        tally: Tally | None = None,
    ) -> None:
        self._ledger = ledger
        self._tally = tally or Tally()
        self._found, self._pressed = found, pressed
        self._blocked = settings.block_list
        self._bounds = Bounds(min_seconds=settings.poll_min_seconds, max_seconds=settings.poll_max_seconds)
        self._random = random.Random()  # noqa: S311 - jitter, not a secret
        self._waiting: list[tuple[Job, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        # One thread for all that is written here: a second one would find the file locked, and SQLite then sleeps for
        # up to a tenth of a second before it looks again.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")

    async def record(self, feed: Feed, token: str, polled: Polled) -> None:
        """Entries, validators and schedule of one poll, in one transaction. Raises LedgerError when that is away."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((Job(feed, token, polled), done))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await done

    async def writing(self, function: Callable[..., T], *args: Any) -> T:
        """Run something that writes to the ledger in this poller's one writing thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    async def _flush(self) -> None:
        while self._waiting:
            if len(self._waiting) < BATCH:
                await asyncio.sleep(GATHER_SECONDS)
            size = batch_size([job for job, _ in self._waiting])
            batch, self._waiting = self._waiting[:size], self._waiting[size:]
            failed: Exception | None = None
            try:
                await self.writing(self.write, [job for job, _ in batch])
            except Exception as error:  # noqa: BLE001 - given to those who wait
                failed = error
            for _, done in batch:
                if done.cancelled():
                    continue
                if failed is None:
                    done.set_result(None)
                else:
                    done.set_exception(failed)
        self._flushing = None

    def write(self, jobs: list[Job]) -> None:
        """Record these polls. When the ledger refuses what one of them brought, the others do not suffer from it, and
        the refusal is recorded in its stead: it is seen to be in trouble and is not asked again at once."""
        self._hold_off(jobs)
        self._record(jobs)

    def _record(self, jobs: list[Job]) -> None:
        try:
            with self._ledger.write() as tx:
                moment = now()
                made = self._write(tx, jobs, moment)
        except LedgerError:
            raise
        except Exception as error:
            if len(jobs) > 1:
                for job in jobs:
                    self._record([job])
                return
            (job,) = jobs
            if job.polled.document is None and job.polled.answer is None:
                raise  # nothing of it came from outside: this is the refusal itself
            log.error("poll refused by the ledger", feed=job.feed.id, error=repr(error)[:500])
            refused = Polled(asked=job.polled.asked, outcome=unforeseen(error))
            self._record([replace(job, polled=refused)])
            return
        ended = now()
        self._count(jobs, sum(map(len, made)))
        if any(made):
            self._found()
        if traces.on():
            for job, ids in zip(jobs, made, strict=True):
                for article in ids:
                    one = traces.Traced(article, 1, moment)
                    traces.seen(one, job.polled.asked, ended, by="poll", feed=job.feed.id)

    def _count(self, jobs: Sequence[Job], new: int) -> None:
        moment = now()
        self._tally.count(metrics.TAKEN_IN, new, by="poll")
        for job in jobs:
            outcome = job.polled.outcome
            ending = "failed" if outcome.error_reason else "unmodified" if outcome.not_modified else "read"
            self._tally.count(metrics.POLLS, outcome=ending)
            self._tally.observe(metrics.STAGE_SECONDS, (moment - job.polled.asked).total_seconds(), stage="poll")
            if outcome.error_reason:
                self._tally.count(metrics.POLL_FAILURES, class_=metrics.class_of(outcome.error_reason))

    def _write(self, tx: Connection, jobs: list[Job], moment: datetime) -> list[tuple[int, ...]]:
        """The ids of the articles that are new, for each poll."""
        new: list[tuple[int, ...]] = []
        rows: list[tuple[int, str, dict[str, Any]]] = []
        for job in jobs:
            values, made = self._one(tx, job, moment)
            rows.append((job.feed.id, job.token, values))
            new.append(made)
        self._tell(tx, jobs, [values for _, _, values in rows], moment)
        polls.record_all(tx, rows)
        return new

    def _tell(self, tx: Connection, jobs: list[Job], found: list[dict[str, Any]], moment: datetime) -> None:
        """The events of these polls, but for those whose lease was lost: another poller's word counts then."""
        telling = {
            job.feed.id: (job, values)
            for job, values in zip(jobs, found, strict=True)
            if trouble.concerned(job.feed, values)
        }
        if not telling:
            return
        # All of them are locked, in the order in which `record_all` does it: two batches may meet.
        held = polls.held(tx, {job.feed.id: job.token for job in jobs})
        for feed_id in sorted(held & telling.keys()):
            job, values = telling[feed_id]
            trouble.tell(tx, job.feed, values, moment)

    def _hold_off(self, jobs: list[Job]) -> None:
        """Leave hosts alone that asked for it. In a transaction of its own: whoever hands articles out locks their
        hosts first, and would wait for articles that the batch has locked while that waits for a host."""
        moment = now()
        paused: dict[str, datetime] = {}
        for job in jobs:
            pause = job.polled.outcome.retry_after
            if pause and job.polled.throttled:
                # More than was asked for, by chance: or everyone who was sent away comes back in the same moment.
                until = moment + timedelta(seconds=pause * (1 + SPREAD * self._random.random()))
                paused[job.polled.throttled] = max(until, paused.get(job.polled.throttled, until))
        if not paused:
            return
        with self._ledger.write() as tx:
            hosts.ensure(tx, paused, moment)
            for key in sorted(paused):
                hosts.hold_off(tx, key, paused[key])

    def _one(self, tx: Connection, job: Job, moment: datetime) -> tuple[dict[str, Any], tuple[int, ...]]:
        """What is to be written of the feed, and which articles are new."""
        feed, polled = job.feed, job.polled
        outcome, new = polled.outcome, tuple[int, ...]()
        learned: dict[str, Any] = {}
        if polled.document is not None:
            entries, left_out = self._blocked.part(polled.document.entries)
            entries = rekeyed(entries, feed.identity, not_links=(feed.url, polled.document.home))
            recorded = articles.record_entries(tx, entries, moment, feed_id=feed.id, backfill=feed.first_polled is None)
            new = recorded.ids
            shown = [entry.published or entry.updated for entry in entries]  # sitemaps give the latter only
            found = recorded.articles + recorded.sightings
            outcome = replace(outcome, new=found, shown=shown, hints=polled.document.hints)
            counts = {"known": recorded.known, "renamed": recorded.renamed, "moved": recorded.moved}
            learned["identity"] = dict(identity.after_poll(feed.identity, moment, **counts))
            if left_out:
                document = replace(polled.document, problems=(*polled.document.problems, left_out))
                polled = replace(polled, document=document)
        if polled.answer is not None and not outcome.error_reason:
            outcome = replace(outcome, max_age=freshness(polled.answer.headers, now=moment))
        due = next_poll(feed, outcome, now=moment, bounds=self._bounds, jitter=self._random.random())
        if not outcome.error_reason:
            draw, longest = self._random.random(), self._bounds.max_seconds
            due = after_poll(tx, feed, outcome.new, due, moment=moment, longest=longest, jitter=draw)
        due = _slowed(due, moment, self._pressed(), self._bounds.max_seconds)
        learned |= {"pace": dict(due.pace), "hints": dict(due.hints)}
        pushed = due.silent_since and feed.last_new and feed.last_new > due.silent_since  # the pace knows polls only
        learned |= {"silent_since": None if pushed else due.silent_since, "entries_per_day": due.entries_per_day}
        learned |= {"due": due.at, "interval": due.interval, "due_reason": due.reason}
        values = columns(feed, polled, outcome, moment) | learned | moved(tx, feed, polled, outcome, moment)
        if new or outcome.error:
            log.info("polled", feed=feed.id, new=len(new), error=outcome.error, next=due.reason)
        return values, new

    def put_off(self, feed: Feed, token: str, why: str, until: datetime | None) -> None:
        """The feed did not get its turn: it comes up again soon, without blame."""
        moment = until or now()
        due = moment + LATER * self._random.uniform(0.5, 1.0)
        with self._ledger.write() as tx:
            polls.record(tx, feed.id, token, {"due": due, "due_reason": f"put off: {why}"})
        self._tally.count(metrics.POLLS, outcome="put-off")

    def close(self) -> None:
        """Finish what is being written."""
        self._thread.shutdown(wait=True)


def _slowed(due: Due, moment: datetime, pressed: float, longest: float) -> Due:
    """The next poll later than it would be, where polls are held back; no later than the longest time between two."""
    wait = (due.at - moment).total_seconds()
    later = min(pressure.stretched(wait, pressed), max(wait, longest))
    if later <= wait:
        return due
    return replace(due, at=moment + timedelta(seconds=later), reason=f"{due.reason}; {later / wait:.1f} times as late")
