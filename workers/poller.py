"""The poller: takes feeds that are due, fetches them conditionally, records their entries, has them dispatched."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import redis

from pipeline import urls
from pipeline.dispatch import dispatch
from pipeline.errors import FeedError, FetchError, LedgerError, RedisError, SandboxError, SluglineError
from pipeline.feeds.schedule import Bounds, PollOutcome, next_poll, rhythm, spell, updated_state
from pipeline.http import Client, Response, classify
from pipeline.ledger import Ledger, articles, feeds, hosts
from pipeline.records import Feed, FeedDocument
from pipeline.sandbox import Parser, Sandbox
from pipeline.settings import Settings
from workers import logs
from workers.process import Stop, now

T = TypeVar("T")
log = logs.get("poller")
IDLE_SECONDS = 0.5  # between looks at the ledger when nothing is due
TROUBLE_SECONDS = 5.0  # between tries while the ledger is away
STOP_SECONDS = 5.0  # polls in flight get this long to end when the process is to stop; the service has 15
HOST_SECONDS = (
    10.0  # a feed waits this long for its turn at a host; a dead host with 200 feeds must not fill all places
)
BOOKED_SECONDS = 5.0  # a host booked further ahead than this and the spacing of its pages has asked for a pause
LATER = timedelta(seconds=30)  # when a feed comes up again that did not get its turn
UNCONDITIONAL = 0.04  # share of polls without validators: a server that answers 304 for ever would hide its news
PARSERS = 2  # parsing is CPU-bound; two keep one slow feed from holding up the others
ACCEPT = (
    "application/rss+xml, application/atom+xml, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.5"
)


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll gave: the outcome for the schedule, the entries if there was a new body, validators to keep."""

    outcome: PollOutcome
    document: FeedDocument | None = None
    validators: Mapping[str, str | None] | None = None


class _LaterError(Exception):
    """The feed did not get its turn at its host; the text says why."""


class Poller:
    """Polls with many requests in flight, one at a time for each host."""

    def __init__(self, settings: Settings, ledger: Ledger, client: redis.Redis | None, sandbox: Sandbox) -> None:
        self._settings = settings
        self._ledger = ledger
        self._redis = client
        self._bounds = Bounds(min_seconds=settings.poll_min_seconds, max_seconds=settings.poll_max_seconds)
        self._sandbox = sandbox
        self._lease = HOST_SECONDS + settings.request_seconds + 2 * settings.parse_seconds + 15
        self._hosts: dict[str, asyncio.Lock] = {}
        self._parsers: asyncio.Queue[Parser] = asyncio.Queue()
        for _ in range(PARSERS):
            self._parsers.put_nowait(sandbox.connect())
        self._random = random.Random()  # noqa: S311 - jitter, not a secret
        self._threads = ThreadPoolExecutor(PARSERS + 4, thread_name_prefix="poller")

    async def run(self, stop: Stop) -> None:
        """Poll until `stop`; polls in flight then have a few seconds to end, the others are left to the next poller.

        Raises SandboxError when the process that reads feeds has died: only a new poller can start another.
        """
        settings = self._settings
        running: set[asyncio.Task[None]] = set()
        async with Client(
            user_agent=settings.user_agent,
            allow_networks=settings.allow_networks,
            timeout=settings.request_seconds,
            max_bytes=settings.feed_max_bytes,
            connections=settings.poll_concurrency,
        ) as client:
            while not stop.is_set() and self._sandbox.alive():
                running |= await self._begin(client, settings.poll_concurrency - len(running), stop)
                if running:
                    _, running = await asyncio.wait(running, timeout=IDLE_SECONDS, return_when="FIRST_COMPLETED")
                else:
                    await asyncio.sleep(IDLE_SECONDS)
            if running:
                _, late = await asyncio.wait(running, timeout=STOP_SECONDS)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)
        while not self._parsers.empty():
            self._parsers.get_nowait().close()
        if not self._sandbox.alive() and not stop.is_set():
            raise SandboxError("the parsers of this poller are gone; it ends, to be started afresh", reason="gone")

    async def _begin(self, client: Client, room: int, stop: Stop) -> set[asyncio.Task[None]]:
        """Start polls of feeds that are due. The ledger being away is waited out."""
        if room <= 0:
            return set()
        token = uuid.uuid4().hex
        try:
            due = await self._off_loop(self._claim, token, room)
        except LedgerError as error:
            log.warning("waiting for the ledger", error=str(error))
            for _ in range(int(TROUBLE_SECONDS / IDLE_SECONDS)):
                if not stop.is_set():
                    await asyncio.sleep(IDLE_SECONDS)
            return set()
        return {asyncio.create_task(self._poll(client, feed, token)) for feed in due}

    async def _off_loop(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def _claim(self, token: str, room: int) -> list[Feed]:
        with self._ledger.write() as tx:
            return feeds.claim_due(tx, now(), token, self._lease, room)

    async def _poll(self, client: Client, feed: Feed, token: str) -> None:
        """Poll one feed, whatever happens: nothing that one feed brings along may stop the others."""
        try:
            polled, asked = await self._take_turn(client, feed)
            new = await self._record_safely(feed, token, polled, asked)
            if new:
                await self._off_loop(self._dispatch)
        except _LaterError as error:
            await self._off_loop(self._put_off, feed, token, str(error))
        except asyncio.CancelledError:
            self._let_go(feed, token)
            raise
        except LedgerError as error:  # the lease runs out and the feed is due again
            log.error("poll not recorded", feed=feed.id, url=feed.url, error=str(error))
        except Exception:
            log.exception("poll failed", feed=feed.id, url=feed.url)

    async def _take_turn(self, client: Client, feed: Feed) -> tuple[Polled, datetime]:
        """Ask when it is this feed's turn at its host. Returns what came of it and when it was asked."""
        asked = now()
        try:
            host_key = urls.host_key(feed.url)
            lock = self._hosts.setdefault(host_key, asyncio.Lock())
            try:
                async with asyncio.timeout(HOST_SECONDS):
                    await lock.acquire()
            except TimeoutError as error:
                raise _LaterError("its host was busy with other feeds") from error
            try:
                await self._off_loop(self._refuse_if_held_off, host_key)
                asked = now()
                return await self._ask(client, feed), asked
            finally:
                lock.release()
        except (_LaterError, LedgerError):
            raise
        except SluglineError as error:
            if isinstance(error, SandboxError) and error.reason == "gone":
                raise _LaterError("there was nothing to read it with") from error
            return Polled(_failure(error)), asked
        except Exception as error:
            log.exception("unforeseen", feed=feed.id, url=feed.url)
            return Polled(_unforeseen(error)), asked

    def _refuse_if_held_off(self, host_key: str) -> None:
        """Raise FetchError while the host wants to be left alone (Retry-After), for whatever page or feed it said so:
        the wish is kept in the ledger, so it holds for all pollers and across restarts."""
        with self._ledger.read() as tx:
            free = hosts.free_at(tx, host_key)
        pause = (free - now()).total_seconds() if free else 0.0
        if pause > BOOKED_SECONDS + self._settings.host_spacing_seconds:
            words = f"{host_key} asked for a pause, which has {spell(pause)} to go"
            raise FetchError(words, reason="throttled", after=pause)

    async def _ask(self, client: Client, feed: Feed) -> Polled:
        conditional = self._random.random() >= UNCONDITIONAL
        headers = {"accept": ACCEPT}
        if conditional and feed.etag:
            headers["if-none-match"] = feed.etag
        if conditional and feed.last_modified:
            headers["if-modified-since"] = feed.last_modified
        response = await client.get(feed.url, headers=headers)
        if response.status == 304:
            if len(headers) == 1:
                raise FeedError("answered 304 although nothing was asked conditionally", reason="unsolicited-304")
            return Polled(PollOutcome(not_modified=True))
        failed = classify(response)
        if failed is not None:
            raise failed
        return await self._read(feed, response)

    async def _read(self, feed: Feed, response: Response) -> Polled:
        digest = hashlib.sha256(response.body).hexdigest()
        validators = {
            "etag": response.headers.get("etag"),
            "last_modified": response.headers.get("last-modified"),
            "body_hash": digest,
        }
        if digest == feed.body_hash:
            return Polled(PollOutcome(not_modified=True), validators=validators)
        parser = await self._parsers.get()
        try:
            content_type = response.headers.get("content-type")
            document = await self._off_loop(parser.call, "feed", response.body, response.final_url, content_type, now())
        finally:
            self._parsers.put_nowait(parser)
        return Polled(PollOutcome(), document=document, validators=validators)

    async def _record_safely(self, feed: Feed, token: str, polled: Polled, asked: datetime) -> int:
        """Record a poll; when the ledger refuses what the feed brought, record that instead, so that the feed is seen
        to be in trouble and is not asked again at once. Returns the number of new articles."""
        try:
            return await self._off_loop(self._record, feed, token, polled, asked)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - told in the feed's record, and logged there
            refused = error
        log.error("entries refused by the ledger", feed=feed.id, url=feed.url, error=repr(refused)[:500])
        return await self._off_loop(self._record, feed, token, Polled(_unforeseen(refused)), asked)

    def _record(self, feed: Feed, token: str, polled: Polled, asked: datetime) -> int:
        """Entries, validators and schedule in one transaction. Returns the number of new articles."""
        moment = now()
        outcome, new = polled.outcome, 0
        with self._ledger.write() as tx:
            if polled.document is not None:
                recorded = articles.record_entries(
                    tx, polled.document.entries, moment, feed_id=feed.id, backfill=feed.first_polled is None
                )
                new = recorded.articles
                pace = rhythm(polled.document.entries, moment)
                outcome = PollOutcome(new=recorded.articles + recorded.sightings, rhythm=pace)
            if outcome.retry_after:
                key = urls.host_key(feed.url)
                hosts.ensure(tx, [key], moment)
                hosts.hold_off(tx, key, moment + timedelta(seconds=outcome.retry_after))
            due = next_poll(feed, outcome, now=moment, bounds=self._bounds, jitter=self._random.random())
            values = _values(feed, polled, outcome, moment) | {
                "last_polled": asked,
                "due": due.at,
                "interval": due.interval,
                "due_reason": due.reason,
            }
            if not feeds.record_poll(tx, feed.id, token, values):
                log.warning("another poller took over", feed=feed.id)
        if new or outcome.error:
            log.info("polled", feed=feed.id, url=feed.url, new=new, error=outcome.error, next=due.reason)
        return new

    def _put_off(self, feed: Feed, token: str, why: str) -> None:
        due = now() + LATER * self._random.uniform(0.5, 1.0)
        with self._ledger.write() as tx:
            feeds.record_poll(tx, feed.id, token, {"due": due, "due_reason": f"put off: {why}"})

    def _let_go(self, feed: Feed, token: str) -> None:
        """Give the lease of a poll back that was cut short; the feed stays due."""
        with contextlib.suppress(LedgerError), self._ledger.write() as tx:
            feeds.record_poll(tx, feed.id, token, {})

    def _dispatch(self) -> None:
        if self._redis is None:
            return
        try:
            dispatch(self._ledger, self._redis, self._settings, now())
        except (RedisError, LedgerError) as error:
            log.warning("not dispatched, the janitor will", error=str(error))


def _failure(error: SluglineError) -> PollOutcome:
    after = error.after if isinstance(error, FetchError) else None
    reason = error.reason if isinstance(error, FetchError | FeedError) else "error"
    if isinstance(error, SandboxError):
        reason = f"parser-{error.reason}"  # not to be mixed up with what hosts say: a parser, too, can be "gone"
    return PollOutcome(error=str(error), error_reason=reason, retry_after=after)


def _unforeseen(error: Exception) -> PollOutcome:
    words = str(error).strip().splitlines() or [""]
    return PollOutcome(error=f"could not be taken in ({type(error).__name__}: {words[0][:300]})", error_reason="error")


def _values(feed: Feed, polled: Polled, outcome: PollOutcome, moment: datetime) -> dict[str, Any]:
    if outcome.error_reason:
        state = updated_state(feed, outcome)
        return {"failures": feed.failures + 1, "error": outcome.error, "state": state}
    values: dict[str, Any] = {
        "failures": 0,
        "error": "",
        "last_success": moment,
        "first_polled": feed.first_polled or moment,
    }
    if polled.validators is not None:
        values |= dict(polled.validators)
    if outcome.new:
        values["last_new"] = moment
    if polled.document is not None and polled.document.title and not feed.title:
        values["title"] = polled.document.title
    return values
