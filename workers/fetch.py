"""The fetch worker: an RQ job is a small batch of article ids; their pages are fetched together and read one by one.

Runs in RQ's forking Worker, so that a batch that goes wrong costs one work-horse. The sandbox that reads the pages is
made before RQ starts, and so is what each work-horse would have to make again: the ledger's engine, without connections
but with compiled statements, and what TLS trusts. Its event loop and connections are the work-horse's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import Connection

from pipeline import blocklist, metrics, queues
from pipeline.articles import EntryHint, repeats, versions
from pipeline.articles import robots as robots_rules
from pipeline.articles.versions import Change
from pipeline.dispatch import dispatch
from pipeline.errors import (
    FetchError,
    LeaseLostError,
    LedgerError,
    RedisError,
    RejectedError,
    SandboxError,
    SluglineError,
)
from pipeline.http import Client, Response, classify
from pipeline.http.client import trusted
from pipeline.ledger import Ledger, hosts, lines, revisions, work
from pipeline.ledger import hints as said
from pipeline.ledger.work import Claim, Validators
from pipeline.records import ArticleState, Entry, Extraction
from pipeline.sandbox import Parser, Sandbox
from pipeline.settings import Settings
from pipeline.tally import Tally
from workers import conditional, endings, logs, parsers, traces
from workers.endings import Ending, Read
from workers.marks import Asked
from workers.process import now, owner
from workers.rehearsal import rehearse

T = TypeVar("T")
Threads = tuple[ThreadPoolExecutor, ThreadPoolExecutor]  # one that reads, one that writes

log = logs.get("fetch")
PATIENCE_SECONDS = 3.0  # how long a batch waits for a host that is booked; beyond it the article goes back
ROBOTS_HOURS = 24  # RFC 9309, section 2.4: a copy should not be used for longer
ROBOTS_BYTES = 512_000  # RFC 9309, section 2.5: at least 500 KiB must be read
RETRY_MOST_SECONDS = 3600.0
# Answers that say that there is no page for us; asking again would not change them.
NO_PAGE = frozenset({"not-found", "gone", "login", "payment", "legal"})
# Of the sandbox. A page is read once more, for the machine may have been busy or short of memory; that there was no
# parser at all says nothing about the page.
ONCE_MORE = frozenset({"parser-timeout", "parser-crashed", "parser-memory"})
NO_PARSER = "parser-gone"

_surroundings: tuple[Settings, Sandbox, Ledger, ssl.SSLContext] | None = None


def prepare(settings: Settings, sandbox: Sandbox, ledger: Ledger) -> None:
    """Give this process, and the work-horses forked from it, what they need before RQ starts. All connections of the
    ledger are closed, since none may be carried over a fork."""
    global _surroundings  # noqa: PLW0603 - RQ calls plain functions; this is how they find their surroundings
    rehearse(ledger)
    _surroundings = (settings, sandbox, ledger, trusted())


def fetch_batch(job_id: str, ids: list[int]) -> dict[str, int]:
    """The RQ job. Returns how many articles ended in which way."""
    if _surroundings is None:
        raise SluglineError("fetch jobs run in `slugline worker fetch` only")
    settings, workers_own, ledger, tls = _surroundings
    with _living(workers_own, settings) as sandbox, contextlib.closing(ledger):
        batch = Batch(settings, ledger, sandbox, job_id, tls)
        outcomes = batch.run(ids)
        batch.tally.moved("fetch", now().timestamp())
        with contextlib.suppress(RedisError, LedgerError):  # the work is done; the janitor dispatches as well
            client = queues.connect(settings.valkey_url)
            batch.tally.send(client)
            dispatch(ledger, client, settings, now(), full_only=True)
    traces.end()  # the work-horse ends here
    return outcomes


@contextlib.contextmanager
def _living(sandbox: Sandbox, settings: Settings) -> Iterator[Sandbox]:
    """The worker's sandbox, or one for this job alone when that has died: the work-horse has neither threads nor
    connections of its own yet, so it may start one."""
    if sandbox.alive():
        yield sandbox
        return
    log.error("the parsers of this worker are gone; this job starts its own")
    with parsers.sandbox(settings) as own:
        yield own


def retry_delay(attempts: int, error: FetchError, settings: Settings) -> float | None:
    """Seconds until the next attempt, or None when there should be none. The host's own wish comes first."""
    if not error.retry or attempts >= settings.max_attempts:
        return None
    doubled: float = settings.retry_base_seconds * 2 ** (attempts - 1)
    return max(min(doubled, RETRY_MOST_SECONDS), error.after or 0.0)


class Batch:
    """One fetch job: the claims, the requests, the readings and what is written of them."""

    def __init__(
        self, settings: Settings, ledger: Ledger, sandbox: Sandbox, job_id: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self.settings = settings
        self.tally = Tally()
        self._tls = tls
        self._ledger = ledger
        self._sandbox = sandbox
        self._job_id = job_id
        self._owner = owner()
        self._outcomes: dict[str, int] = {}
        self._began, self._job = now(), traces.job()

    def run(self, ids: list[int]) -> dict[str, int]:
        """Take each of the articles that this job still holds to an ending. Returns how many ended in which way."""
        claims, hints = self._claim(ids)
        if claims:
            asyncio.run(self._fetch(claims, hints))
        return self._outcomes

    def _claim(self, ids: list[int]) -> tuple[list[tuple[Claim, float]], Mapping[int, EntryHint]]:
        """Claim the articles and book their hosts; those whose host is booked far ahead go back at once."""
        settings, moment = self.settings, now()
        ready, self._began = [], moment
        with self._ledger.write() as tx:
            held = work.claim(tx, ids, ArticleState.QUEUED, self._job_id, self._owner, moment, settings.lease_seconds)
            for claim in held:
                wait = hosts.reserve_request(
                    tx, claim.host_key, moment, settings.host_spacing_seconds, PATIENCE_SECONDS
                )
                if wait is None:
                    free = hosts.free_at(tx, claim.host_key) or moment
                    work.give_back(tx, claim, ArticleState.QUEUED, free)
                    self._count("host-booked")
                else:
                    ready.append((claim, wait))
            entries = said.entries_of(tx, [claim.id for claim, _ in ready])
            repeated = lines.often(tx, [claim.host_key for claim, _ in ready], repeats.OFTEN)
        none: frozenset[str] = frozenset()
        hints = {claim.id: _hint(entries.get(claim.id), repeated.get(claim.host_key, none)) for claim, _ in ready}
        return ready, hints

    async def _fetch(self, claims: list[tuple[Claim, float]], hints: Mapping[int, EntryHint]) -> None:
        settings = self.settings
        parser = self._sandbox.connect()
        # One thread reads pages, in one killable child; the other writes to the ledger.
        with contextlib.closing(parser), ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
            async with Client(
                user_agent=settings.user_agent,
                allow_networks=settings.allow_networks,
                timeout=settings.request_seconds,
                max_bytes=settings.page_max_bytes,
                connections=settings.fetch_batch,
                ssl_context=self._tls,
                admit=settings.block_list.admit,
            ) as client:
                one = self.fetcher(client, parser, (reader, writer))
                renewing = asyncio.create_task(self._renew(writer))
                try:
                    await asyncio.gather(*(one.take(claim, wait, hints[claim.id]) for claim, wait in claims))
                finally:
                    renewing.cancel()

    def fetcher(self, client: Client, parser: Parser, threads: Threads) -> Fetcher:
        return Fetcher(self, client, parser, threads)

    async def _renew(self, writer: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.settings.lease_seconds / 3)
            await loop.run_in_executor(writer, self._renew_once)

    def _renew_once(self) -> None:
        try:
            with self._ledger.write() as tx:
                work.renew(tx, self._job_id, self._owner, now(), self.settings.lease_seconds)
        except LedgerError as error:
            log.warning("lease not renewed", error=str(error))

    def write(self, claim: Claim, action: Ending) -> None:
        """Write one ending in its own transaction. One that comes too late changes nothing."""
        try:
            with self._ledger.write() as tx:
                ending = action(tx, now())
        except LeaseLostError as error:
            log.warning("too late", article=claim.id, error=str(error))
            ending = "lease-lost"
        log.debug("looked at", article=claim.id, ending=ending)
        traces.worked("fetch", claim, self._job, (self._began, now()), ending)
        self._count(ending)

    def compare(self, claim: Claim, page: Extraction) -> Change | None:
        """What an edit changed; None for a page of which no version is kept."""
        if claim.revision is None or not claim.revision.filed:
            return None
        with self._ledger.read() as tx:
            before = revisions.text_of(tx, claim.id, claim.revision.generation)
        return versions.compare(before, (page.title, page.text))

    def robots(self, origin: str) -> str | None:
        with self._ledger.read() as tx:
            return hosts.robots(tx, origin, now())

    def keep_robots(self, origin: str, text: str) -> None:
        moment = now()
        with self._ledger.write() as tx:
            hosts.ensure(tx, [origin], moment)
            hosts.keep_robots(tx, origin, text, moment + timedelta(hours=ROBOTS_HOURS))

    def hold_off(self, host_key: str, seconds: float) -> None:
        with self._ledger.write() as tx:
            hosts.hold_off(tx, host_key, now() + timedelta(seconds=seconds))

    def _count(self, ending: str) -> None:
        self._outcomes[ending] = self._outcomes.get(ending, 0) + 1
        self.tally.count(metrics.FETCHES, outcome=ending)


class Fetcher:
    """Takes one article from claim to ending."""

    def __init__(self, batch: Batch, client: Client, parser: Parser, threads: Threads) -> None:
        self._batch, self._client, self._parser = batch, client, parser
        self._reader, self._writer = threads

    async def take(self, claim: Claim, wait: float, hint: EntryHint) -> None:
        """Bring one article to its ending, whatever happens: the others of the batch must not suffer."""
        with logs.about(article=claim.id):
            await self._taken(claim, wait, hint)

    async def _taken(self, claim: Claim, wait: float, hint: EntryHint) -> None:
        await asyncio.sleep(wait)
        try:
            ending = await self._ending(claim, hint)
            await self._write(self._batch.write, claim, ending)
        except LedgerError as error:  # the lease runs out and the article comes back
            log.error("ending not recorded", article=claim.id, url=claim.url, error=str(error))
        except Exception as error:
            log.exception("unforeseen", article=claim.id, url=claim.url)
            words = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            with contextlib.suppress(LedgerError):
                failed = await self._failed(claim, hint, FetchError(words, reason="unforeseen"))
                await self._write(self._batch.write, claim, failed)

    async def _ending(self, claim: Claim, hint: EntryHint) -> Ending:
        response: Response | None = None
        try:
            response = await self._page(claim)
            failed = classify(response)
            if failed is not None:
                raise failed
            if response.status == 304:
                return endings.unchanged(claim, work.NO_VALIDATORS)
            content_type = response.headers.get("content-type")
            found = (response.body, response.final_url, content_type)
            read: Read = await self._read("article", *found, hint, Asked.of(claim))
            self._batch.settings.block_list.refuse(read[0].canonical_url or response.final_url)
        except RejectedError as error:
            return self._rejected(claim, error)
        except FetchError as error:
            if error.after:
                await self._write(self._batch.hold_off, claim.host_key, error.after)
            return await self._failed(claim, hint, error, response)
        except SandboxError as error:
            reason = f"parser-{error.reason}"
            retry = reason == NO_PARSER or (reason in ONCE_MORE and claim.reason not in ONCE_MORE)
            failed = FetchError(str(error), reason=reason, retry=retry)
            return await self._failed(claim, hint, failed, response)
        return await self._compared(claim, read, conditional.validators(response))

    async def _page(self, claim: Claim) -> Response:
        """The page's answer; asked for conditionally when a version of it is kept and only an edit is looked into."""
        await self._check_robots(claim.url, claim.host_key)
        began = time.monotonic()
        try:
            return await self._client.get(claim.url, headers=conditional.conditions(claim))
        finally:
            self._batch.tally.observe(metrics.STAGE_SECONDS, time.monotonic() - began, stage="fetch")

    async def _compared(self, claim: Claim, read: Read, validators: Validators = work.NO_VALIDATORS) -> Ending:
        """What becomes of a text, which may be a new version of one that is kept."""
        change = await self._write(self._batch.compare, claim, read[0])
        if change is not None and change.same:
            return endings.unchanged(claim, validators)
        return endings.text(claim, read, change, validators)

    async def _check_robots(self, url: str, host_key: str) -> None:
        """Raises FetchError when robots.txt of the page's origin keeps it from us, or cannot be had for now: then all
        is forbidden (RFC 9309, 2.3.1.4), and a copy that allows all must not be kept for a day."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
        text = await self._write(self._batch.robots, origin)
        if text is None:
            text = await self._ask_robots(f"{parts.scheme}://{parts.netloc}/robots.txt")
            await self._write(self._batch.keep_robots, origin, text)
        if text and not robots_rules.allowed(text, url, self._batch.settings.user_agent):
            raise FetchError(f"{origin}/robots.txt does not allow {url}", reason="robots", retry=False)
        delay = robots_rules.crawl_delay(text, self._batch.settings.user_agent) if text else None
        if delay is not None and delay > self._batch.settings.host_spacing_seconds:
            await self._write(self._batch.hold_off, host_key, delay)  # not standard, but it says what the host can bear

    async def _ask_robots(self, url: str) -> str:
        """The text of a robots.txt; empty when there is none (RFC 9309, 2.3.1.3: then everything is allowed)."""
        try:
            answer = await self._client.get(url, max_bytes=ROBOTS_BYTES)
        except FetchError as error:
            if error.reason in ("too-large", "too-many-redirects"):
                return ""
            raise
        failed = classify(answer)
        if failed is not None and (answer.status >= 500 or failed.reason == "throttled"):
            raise failed
        return answer.body.decode("utf-8", "replace").replace("\0", "") if answer.status == 200 else ""

    async def _failed(
        self, claim: Claim, hint: EntryHint, error: FetchError, response: Response | None = None
    ) -> Ending:
        """What becomes of an article whose page was not had: another attempt; else the article as its feed carried it;
        else an end with its reason, and with the beginning of what was answered."""
        if error.reason == blocklist.REASON:
            return self._rejected(claim, error)
        tally, kind = self._batch.tally, metrics.class_of(error.reason)
        tally.count(metrics.FETCH_FAILURES, class_=kind)
        delay = retry_delay(claim.attempts, error, self._batch.settings)
        if delay is None and (hint.content or hint.summary) and conditional.may_stand_in(claim):
            with contextlib.suppress(SluglineError):
                found: Read | None = await self._read("feed-text", hint, Asked.of(claim))
                if found is not None:
                    return await self._compared(claim, found)
        if error.reason in NO_PAGE or error.reason == "robots":
            return self._rejected(claim, error)
        log.info("fetch failed", article=claim.id, url=claim.url, reason=error.reason, retry_in=delay)
        return self._tallied(endings.failure(claim, error, delay, response), kind)

    def _tallied(self, failure: Ending, kind: str) -> Ending:
        def failed(tx: Connection, moment: datetime) -> str:
            ending = failure(tx, moment)
            self._batch.tally.count(metrics.DEAD, int(ending == "dead"), stage="fetch", class_=kind)
            return ending

        return failed

    def _rejected(self, claim: Claim, error: FetchError | RejectedError) -> Ending:
        self._batch.tally.count(metrics.REJECTED, reason=error.reason)
        log.info("no article", article=claim.id, url=claim.url, reason=error.reason)
        return endings.rejection(claim, error.reason, str(error))

    async def _read(self, name: str, *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._timed, name, *args)

    def _timed(self, name: str, *args: object) -> Any:
        began = time.monotonic()
        try:
            return self._parser.call(name, *args)
        finally:
            pages = int(name == "article")
            self._batch.tally.observe(metrics.STAGE_SECONDS, time.monotonic() - began, pages, stage="extract")

    async def _write(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, function, *args)


def _hint(entry: Entry | None, repeated: frozenset[str]) -> EntryHint:
    if entry is None:
        return EntryHint(repeated=repeated)
    return EntryHint(
        title=entry.title,
        published=entry.published,
        summary=entry.summary,
        content=entry.content,
        authors=entry.authors,
        lang=entry.lang,
        feed_name=entry.feed_name,
        repeated=repeated,
    )
