"""The fetch worker: an RQ job is a small batch of article ids; their pages are fetched together and read one by one.

Runs in RQ's forking Worker, so that a batch that goes wrong costs one work-horse. The sandbox that reads the pages is
made before RQ starts; the work-horse makes its own engine, event loop and connections.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from pipeline import queues, urls
from pipeline.articles import EntryHint, text_from_feed
from pipeline.articles import robots as robots_rules
from pipeline.dispatch import dispatch
from pipeline.errors import FetchError, LeaseLostError, RedisError, RejectedError, SandboxError, SluglineError
from pipeline.http import Client, classify
from pipeline.ledger import Ledger, connect, hosts, work
from pipeline.ledger.work import Claim
from pipeline.records import ArticleState, Entry, Extraction
from pipeline.sandbox import Parser, Sandbox
from pipeline.settings import Settings
from pipeline.storylines import copies
from workers import logs
from workers.process import now, owner

log = logs.get("fetch")
PATIENCE_SECONDS = 3.0  # how long a batch waits for a host that is booked; beyond it the article goes back
ROBOTS_HOURS = 24  # RFC 9309, section 2.4: a copy should not be used for longer
ROBOTS_BYTES = 512_000  # RFC 9309, section 2.5: at least 500 KiB must be read
RETRY_MOST_SECONDS = 3600.0
PAGE_IS_NO_ARTICLE = frozenset({"not-found", "gone", "login", "unavailable-for-legal-reasons"})

_sandbox: Sandbox | None = None
_settings: Settings | None = None


def prepare(settings: Settings, sandbox: Sandbox) -> None:
    """Give this process, and the work-horses forked from it, what they need before RQ starts."""
    global _sandbox, _settings
    _sandbox, _settings = sandbox, settings


def fetch_batch(job_id: str, ids: list[int]) -> dict[str, int]:
    """The RQ job. Returns how many articles ended in which way."""
    if _sandbox is None or _settings is None:
        raise SluglineError("fetch jobs run in `slugline worker fetch` only")
    ledger = connect(_settings.ledger_url)
    try:
        batch = Batch(_settings, ledger, _sandbox, job_id)
        outcomes = batch.run(ids)
        with contextlib.suppress(RedisError):  # the janitor dispatches as well
            dispatch(ledger, queues.connect(_settings.valkey_url), _settings, now())
        return outcomes
    finally:
        ledger.close()


def retry_delay(attempts: int, error: FetchError, settings: Settings) -> float | None:
    """Seconds until the next attempt, or None when there should be none. The host's own wish comes first."""
    if not error.retry or attempts >= settings.max_attempts:
        return None
    doubled: float = settings.retry_base_seconds * 2 ** (attempts - 1)
    return max(min(doubled, RETRY_MOST_SECONDS), error.after or 0.0)


class Batch:
    """One fetch job: the claims, the requests, the readings and what is written of them."""

    def __init__(self, settings: Settings, ledger: Ledger, sandbox: Sandbox, job_id: str) -> None:
        self._settings = settings
        self._ledger = ledger
        self._sandbox = sandbox
        self._job_id = job_id
        self._owner = owner()
        self._outcomes: dict[str, int] = {}

    def run(self, ids: list[int]) -> dict[str, int]:
        claims, entries = self._claim(ids)
        if claims:
            asyncio.run(self._fetch(claims, entries))
        return self._outcomes

    def _claim(self, ids: list[int]) -> tuple[list[tuple[Claim, float]], Mapping[int, Entry]]:
        """Claim the articles and book their hosts; those whose host is booked far ahead go back at once."""
        settings, moment = self._settings, now()
        ready = []
        with self._ledger.write() as tx:
            held = work.claim(tx, ids, ArticleState.QUEUED, self._job_id, self._owner, moment, settings.lease_seconds)
            for claim in held:
                wait = hosts.reserve_request(
                    tx, claim.host_key, moment, settings.host_spacing_seconds, PATIENCE_SECONDS
                )
                if wait is None:
                    work.give_back(tx, claim, ArticleState.QUEUED, moment + timedelta(seconds=PATIENCE_SECONDS))
                    self._count("host-booked")
                else:
                    ready.append((claim, wait))
            entries = work.entries_of(tx, [claim.id for claim, _ in ready])
        return ready, entries

    async def _fetch(self, claims: list[tuple[Claim, float]], entries: Mapping[int, Entry]) -> None:
        settings = self._settings
        # One thread reads pages, in one killable child; the other writes to the ledger.
        reader, writer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        parser = self._sandbox.connect()
        try:
            async with Client(
                user_agent=settings.user_agent,
                allow_networks=settings.allow_networks,
                timeout=settings.request_seconds,
                max_bytes=settings.page_max_bytes,
                connections=settings.fetch_batch,
            ) as client:
                one = _Fetcher(self, client, parser, reader, writer)
                renewing = asyncio.create_task(self._renew(writer))
                await asyncio.gather(*(one.take(claim, wait, entries.get(claim.id)) for claim, wait in claims))
                renewing.cancel()
        finally:
            parser.close()
            reader.shutdown()
            writer.shutdown()

    async def _renew(self, writer: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            await loop.run_in_executor(writer, self._renew_once)

    def _renew_once(self) -> None:
        with self._ledger.write() as tx:
            work.renew(tx, self._job_id, self._owner, now(), self._settings.lease_seconds)

    def write(self, claim: Claim, action: Callable[[Any, datetime], str]) -> None:
        """Write one ending in its own transaction. One that comes too late changes nothing."""
        try:
            with self._ledger.write() as tx:
                ending = action(tx, now())
        except LeaseLostError as error:
            log.warning("too late", article=claim.id, error=str(error))
            ending = "lease-lost"
        self._count(ending)

    def robots(self, host_key: str) -> str | None:
        with self._ledger.read() as tx:
            return hosts.robots(tx, host_key, now())

    def keep_robots(self, host_key: str, text: str) -> None:
        with self._ledger.write() as tx:
            hosts.keep_robots(tx, host_key, text, now() + timedelta(hours=ROBOTS_HOURS))

    def hold_off(self, host_key: str, seconds: float) -> None:
        with self._ledger.write() as tx:
            hosts.hold_off(tx, host_key, now() + timedelta(seconds=seconds))

    @property
    def settings(self) -> Settings:
        return self._settings

    def _count(self, ending: str) -> None:
        self._outcomes[ending] = self._outcomes.get(ending, 0) + 1


class _Fetcher:
    """Takes one article from claim to ending."""

    def __init__(
        self, batch: Batch, client: Client, parser: Parser, reader: ThreadPoolExecutor, writer: ThreadPoolExecutor
    ) -> None:
        self._batch, self._client, self._parser = batch, client, parser
        self._reader, self._writer = reader, writer

    async def take(self, claim: Claim, wait: float, entry: Entry | None) -> None:
        await asyncio.sleep(wait)
        hint = _hint(entry)
        try:
            page, signature = await self._page(claim, hint)
        except RejectedError as error:
            await self._end(claim, _rejection(claim, error.reason, str(error)))
        except FetchError as error:
            if error.after:
                await self._write(self._batch.hold_off, claim.host_key, error.after)
            await self._failed(claim, hint, error)
        except SandboxError as error:
            retry = error.reason == "crashed"
            await self._failed(claim, hint, FetchError(str(error), reason=f"parser-{error.reason}", retry=retry))
        else:
            await self._end(claim, _text(claim, page, signature))

    async def _page(self, claim: Claim, hint: EntryHint) -> tuple[Extraction, bytes | None]:
        await self._check_robots(claim)
        response = await self._client.get(claim.url)
        failed = classify(response)
        if failed is not None:
            if failed.reason in PAGE_IS_NO_ARTICLE:
                raise RejectedError(str(failed), reason=failed.reason)
            raise failed
        loop = asyncio.get_running_loop()
        content_type = response.headers.get("content-type")
        result: tuple[Extraction, bytes | None] = await loop.run_in_executor(
            self._reader, self._parser.call, "article", response.body, response.final_url, content_type, hint
        )
        return result

    async def _check_robots(self, claim: Claim) -> None:
        """Raises RejectedError when the host's robots.txt keeps this page from us."""
        text = await self._write(self._batch.robots, claim.host_key)
        if text is None:
            text = ""
            with contextlib.suppress(FetchError):  # unreachable robots.txt: the page itself will say what is wrong
                answer = await self._client.get(urls.absolute(claim.url, "/robots.txt") or "", max_bytes=ROBOTS_BYTES)
                text = answer.body.decode("utf-8", "replace") if answer.status == 200 else ""
            await self._write(self._batch.keep_robots, claim.host_key, text)
        if text and not robots_rules.allowed(text, claim.url, self._batch.settings.user_agent):
            raise RejectedError(f"robots.txt of {claim.host_key} does not allow {claim.url}", reason="robots")

    async def _failed(self, claim: Claim, hint: EntryHint, error: FetchError) -> None:
        delay = retry_delay(claim.attempts, error, self._batch.settings)
        text = text_from_feed(hint) if delay is None else ""
        if text:  # the page cannot be had, but the feed carries the whole article
            await self._end(claim, _text(claim, _from_feed(hint, text), copies.signature(text)))
            return
        log.info("fetch failed", article=claim.id, url=claim.url, reason=error.reason, retry_in=delay)

        def failed(tx: Any, moment: datetime) -> str:
            work.fail(tx, claim, ArticleState.QUEUED, error.reason, str(error), moment, delay)
            return "dead" if delay is None else "retry"

        await self._end(claim, failed)

    async def _end(self, claim: Claim, action: Callable[[Any, datetime], str]) -> None:
        await self._write(self._batch.write, claim, action)

    async def _write(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._writer, function, *args)


def _hint(entry: Entry | None) -> EntryHint:
    if entry is None:
        return EntryHint()
    return EntryHint(
        title=entry.title,
        published=entry.published,
        summary=entry.summary,
        content=entry.content,
        authors=entry.authors,
        lang=entry.lang,
    )


def _from_feed(hint: EntryHint, text: str) -> Extraction:
    return Extraction(
        title=hint.title,
        text=text,
        lead=text.split("\n\n", 1)[0],
        authors=hint.authors,
        published=hint.published,
        lang=hint.lang,
        sources=dict.fromkeys(("title", "text", "authors", "published"), "feed"),
    )


def _text(claim: Claim, page: Extraction, signature: bytes | None) -> Callable[[Any, datetime], str]:
    return lambda tx, moment: work.finish_fetch(tx, claim, page, signature, moment)


def _rejection(claim: Claim, reason: str, error: str) -> Callable[[Any, datetime], str]:
    def rejected(tx: Any, moment: datetime) -> str:
        work.reject(tx, claim, reason, error, moment)
        return "rejected"

    return rejected
