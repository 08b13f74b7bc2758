"""The poller: takes feeds that are due, fetches them conditionally, records their entries, has them dispatched."""

from __future__ import annotations

import asyncio
import hashlib
import random
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from pipeline import urls
from pipeline.dispatch import dispatch
from pipeline.errors import FeedError, FetchError, RedisError, SandboxError, SluglineError
from pipeline.feeds.schedule import Bounds, PollOutcome, next_poll, rhythm, updated_state
from pipeline.http import Client, Response, classify
from pipeline.ledger import Ledger, articles, feeds
from pipeline.records import Feed, FeedDocument
from pipeline.sandbox import Parser, Sandbox
from pipeline.settings import Settings
from workers import logs
from workers.process import Stop, now

log = logs.get("poller")
IDLE_SECONDS = 0.5  # between looks at the ledger when nothing is due
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


class Poller:
    """Polls with many requests in flight, one at a time for each host."""

    def __init__(self, settings: Settings, ledger: Ledger, client: redis.Redis | None, sandbox: Sandbox) -> None:
        self._settings = settings
        self._ledger = ledger
        self._redis = client
        self._bounds = Bounds(min_seconds=settings.poll_min_seconds, max_seconds=settings.poll_max_seconds)
        self._lease = settings.request_seconds + 2 * settings.parse_seconds + 15
        self._hosts: dict[str, asyncio.Lock] = {}
        self._parsers: asyncio.Queue[Parser] = asyncio.Queue()
        for _ in range(PARSERS):
            self._parsers.put_nowait(sandbox.connect())
        self._random = random.Random()  # noqa: S311 - jitter, not a secret
        self._threads = ThreadPoolExecutor(PARSERS + 4, thread_name_prefix="poller")

    async def run(self, stop: Stop) -> None:
        """Poll until `stop`; requests in flight are finished."""
        settings = self._settings
        running: set[asyncio.Task[None]] = set()
        async with Client(
            user_agent=settings.user_agent,
            allow_networks=settings.allow_networks,
            timeout=settings.request_seconds,
            max_bytes=settings.feed_max_bytes,
            connections=settings.poll_concurrency,
        ) as client:
            while not stop.is_set():
                token = uuid.uuid4().hex
                room = settings.poll_concurrency - len(running)
                due = await self._off_loop(self._claim, token, room) if room else []
                for feed in due:
                    running.add(asyncio.create_task(self._poll(client, feed, token)))
                if running:
                    done, running = await asyncio.wait(running, timeout=IDLE_SECONDS, return_when="FIRST_COMPLETED")
                    for task in done:
                        task.result()
                else:
                    await asyncio.sleep(IDLE_SECONDS)
            if running:
                await asyncio.wait(running, timeout=settings.request_seconds)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _off_loop(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def _claim(self, token: str, room: int) -> list[Feed]:
        with self._ledger.write() as tx:
            return feeds.claim_due(tx, now(), token, self._lease, room)

    async def _poll(self, client: Client, feed: Feed, token: str) -> None:
        asked = now()
        try:
            async with self._hosts.setdefault(urls.host_key(feed.url), asyncio.Lock()):
                asked = now()
                polled = await self._ask(client, feed)
        except SluglineError as error:
            polled = Polled(_failure(error))
        try:
            new = await self._off_loop(self._record, feed, token, polled, asked)
        except SluglineError as error:
            log.error("poll not recorded", feed=feed.id, url=feed.url, error=str(error))
            return
        if new:
            await self._off_loop(self._dispatch)

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

    def _record(self, feed: Feed, token: str, polled: Polled, asked: datetime) -> int:
        """Entries, validators and schedule in one transaction. Returns the number of new articles."""
        moment = now()
        with self._ledger.write() as tx:
            new = 0
            outcome = polled.outcome
            if polled.document is not None:
                recorded = articles.record_entries(
                    tx, polled.document.entries, moment, feed_id=feed.id, backfill=feed.first_polled is None
                )
                new = recorded.articles
                pace = rhythm(polled.document.entries, moment)
                outcome = PollOutcome(new=recorded.articles + recorded.sightings, rhythm=pace)
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

    def _dispatch(self) -> None:
        if self._redis is None:
            return
        try:
            dispatch(self._ledger, self._redis, self._settings, now())
        except RedisError as error:
            log.warning("not dispatched, the janitor will", error=str(error))


def _failure(error: SluglineError) -> PollOutcome:
    after = error.after if isinstance(error, FetchError) else None
    reason = error.reason if isinstance(error, FetchError | FeedError | SandboxError) else "error"
    return PollOutcome(error=str(error), error_reason=reason, retry_after=after)


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
