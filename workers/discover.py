"""`slugline feeds discover`: asks a site for its feeds, politely, and reads what it gives in the sandbox."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from pipeline import urls
from pipeline.articles import robots as robots_rules
from pipeline.errors import FeedError, FetchError, SandboxError, SluglineError
from pipeline.feeds import discover as feeds
from pipeline.feeds.addresses import feed_url
from pipeline.feeds.discover import Candidate, Found, Source
from pipeline.feeds.parse import parse
from pipeline.http import Client, Response, classify
from pipeline.ledger import Ledger, hosts
from pipeline.records import FeedDocument
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from workers.process import now

SECONDS = 90.0
"""The whole search; at a request a second for each host it has time for the candidates of most sites."""
LIMIT = 25
"""Candidates that are fetched; a person at the terminal chooses from no more than that."""
INDEXED = 3
"""News sitemaps of one index that are looked at."""
PATIENCE = 15.0
"""Seconds that a request waits for its host's next free moment; beyond that the host asked to be left alone."""
ROBOTS_BYTES = 512_000
_NO_HTTPS = ("connect", "tls", "timeout")
ACCEPT = "text/html, application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


@dataclass(slots=True)
class Search:
    """What came of a search: the feeds, best first; candidates that were no feeds, each with the reason; how many were
    not looked at for want of time, and how many requests were made."""

    url: str
    feeds: list[Found] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0
    requests: int = 0


def sandbox(settings: Settings) -> Sandbox:
    """What reads feeds and pages here; to be started before any thread, event loop, engine or connection exists."""
    handlers: dict[str, Callable[..., Any]] = {"feed": _read_feed, "page": _read_page}
    return Sandbox(handlers, seconds=settings.parse_seconds, memory_bytes=settings.parse_memory_bytes)


def discover(
    settings: Settings, ledger: Ledger, parsers: Sandbox, address: str, *, guess: bool = False, limit: int = LIMIT
) -> Search:
    """Search the site of the page at `address` for feeds: at most `limit` candidates within 90 s, spaced for each host
    as all requests are, robots.txt observed for what no one linked to.

    The usual places are tried when the page and robots.txt name no feed with articles, or with `guess`.
    An address without scheme is tried with https, then with http. Raises InputError when it is no address, FetchError
    when the page cannot be had and FeedError when no feed is found.
    """
    url = feed_url(address)
    try:
        return asyncio.run(_Searcher(settings, ledger, parsers, guess=guess, limit=limit).run(url))
    except FetchError as error:
        if "://" in address or not url.startswith("https:") or error.reason not in _NO_HTTPS:
            raise
    url = f"http:{url.removeprefix('https:')}"
    return asyncio.run(_Searcher(settings, ledger, parsers, guess=guess, limit=limit).run(url))


class _Searcher:
    def __init__(self, settings: Settings, ledger: Ledger, parsers: Sandbox, *, guess: bool, limit: int) -> None:
        self._settings = settings
        self._ledger = ledger
        self._parser = parsers.connect()
        self._guess = guess
        self._room = limit
        self._ends = time.monotonic() + SECONDS
        self._spacing = settings.host_spacing_seconds
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._parsing = asyncio.Lock()
        self._tried: set[str] = set()
        self._indexes: list[FeedDocument] = []
        self._search = Search("")

    async def run(self, url: str) -> Search:
        settings = self._settings
        async with Client(
            user_agent=settings.user_agent,
            allow_networks=settings.allow_networks,
            timeout=settings.request_seconds,
            max_bytes=settings.feed_max_bytes,
            admit=self._admit,
        ) as self._client:
            try:
                await self._find(url)
            finally:
                self._parser.close()
        return self._search

    async def _find(self, url: str) -> None:
        found = self._search
        page = await self._client.get(url, headers={"accept": ACCEPT})
        found.url = page.final_url
        refused: SluglineError | None = classify(page)
        whole: list[Found] = []
        if refused is None:
            itself = Candidate(url, Source.ITSELF)
            try:
                whole = [await self._read(itself, page)]
            except FeedError as error:
                # That a page is a page is as it should be; a challenge or a parked domain is not.
                refused = None if error.reason == "not-a-feed" else error
        if not whole:
            self._tried.add(urls.canonical(url))
            whole = await self._around(page, named=page.status < 300)
        found.feeds = feeds.ranked(whole)
        if not found.feeds:
            raise refused or FeedError(self._nothing(page.final_url), reason="no-feed")

    async def _around(self, page: Response, *, named: bool) -> list[Found]:
        """The feeds that a page and the robots.txt of its host name, and those at the usual places."""
        candidates = await self._named(page) if named else []
        robots = await self._robots(page.final_url)
        sitemaps = feeds.from_robots(robots or "", urljoin(page.final_url, "/robots.txt"))
        whole = await self._try(self._new([*candidates, *sitemaps]))
        for index in list(self._indexes):
            whole += await self._try(self._new(feeds.from_index(index)[:INDEXED]))
        # Not to be had is not the same as not there: then nothing may be asked that nobody linked to (RFC 9309, 2.3.1).
        if robots is not None and (self._guess or not any(one.news for one in whole)):
            agent = self._settings.user_agent
            allowed = [
                one for one in feeds.usual_places(page.final_url) if robots_rules.allowed(robots, one.url, agent)
            ]
            whole += await self._try_until_found(self._new(allowed))
        return whole

    async def _named(self, page: Response) -> list[Candidate]:
        try:
            given: list[Candidate] = await self._call(
                "page", page.body, page.final_url, page.headers.get("content-type")
            )
        except SandboxError as error:
            if error.reason == "gone":
                raise
            self._search.failed.append((page.final_url, str(error)))
            return []
        return given

    async def _robots(self, url: str) -> str | None:
        """The robots.txt of a page's host; empty when there is none, None when it cannot be had. Its Crawl-delay is
        kept to from here on."""
        try:
            answer = await self._client.get(urljoin(url, "/robots.txt"), max_bytes=ROBOTS_BYTES)
        except FetchError:
            return None
        if answer.status >= 500 or answer.status == 429:
            return None
        text = answer.body.decode("utf-8", "replace") if answer.status < 300 else ""
        self._spacing = max(self._spacing, robots_rules.crawl_delay(text, self._settings.user_agent) or 0.0)
        return text

    def _new(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Those that were not tried yet, as many as there is room for; the others are counted."""
        taken: list[Candidate] = []
        for one in candidates:
            identity = urls.canonical(one.url)
            if identity not in self._tried:
                self._tried.add(identity)
                taken.append(one)
        kept = taken[: max(0, self._room)]
        self._room -= len(kept)
        if not kept or kept[0].source != Source.USUAL:
            self._search.left += len(taken) - len(kept)
        return kept

    async def _try(self, candidates: list[Candidate]) -> list[Found]:
        """Look at all of them, hosts side by side and those of one host in turn."""
        return [one for one in await asyncio.gather(*map(self._probe, candidates)) if one is not None]

    async def _try_until_found(self, candidates: list[Candidate]) -> list[Found]:
        """One after the other: what is at the other places is the same feed, as a rule."""
        for one in candidates:
            found = await self._probe(one)
            if found is not None and found.news:
                return [found]
        return []

    async def _probe(self, candidate: Candidate) -> Found | None:
        async with self._locks[urls.host_key(candidate.url)]:
            rest = self._ends - time.monotonic()
            if rest <= 0:
                self._search.left += 1
                return None
            try:
                seconds = min(rest, self._settings.request_seconds)
                answer = await self._client.get(candidate.url, headers={"accept": ACCEPT}, timeout=seconds)
                if (refused := classify(answer)) is not None:
                    raise refused
                return await self._read(candidate, answer)
            except SandboxError as error:
                if error.reason == "gone":
                    raise
                reason = str(error)
            except SluglineError as error:
                reason = str(error)
        if candidate.source != Source.USUAL:
            self._search.failed.append((candidate.url, reason))
        return None

    async def _read(self, candidate: Candidate, answer: Response) -> Found:
        given = (answer.body, answer.final_url, answer.headers.get("content-type"), now(), dict(answer.headers))
        document: FeedDocument = await self._call("feed", *given)
        if document.sitemaps:
            self._indexes.append(document)
        url = _lasting(candidate.url, answer)
        return feeds.found(candidate, document, url=url, final_url=answer.final_url, now=now())

    async def _call(self, name: str, *given: Any) -> Any:
        async with self._parsing:
            return await asyncio.to_thread(self._parser.call, name, *given)

    async def _admit(self, url: str) -> None:
        """Wait for the host's turn, which is booked in the ledger beside all other requests to it."""
        self._settings.block_list.refuse(url)
        wait = await asyncio.to_thread(self._book, urls.host_key(url))
        if wait is None:
            words = f"{urlsplit(url).hostname} asked to be left alone for a while; try again later"
            raise FetchError(words, reason="throttled")
        await asyncio.sleep(wait)
        self._search.requests += 1

    def _book(self, host_key: str) -> float | None:
        with self._ledger.write() as tx:
            return hosts.reserve_request(tx, host_key, now(), self._spacing, max(PATIENCE, self._spacing))

    def _nothing(self, url: str) -> str:
        tried = f"{len(self._tried)} places looked at"
        return (
            f"no feed was found at {urls.mask(url)} ({tried}); look on the site for “RSS” or “feed” and give that "
            "address to `slugline feeds add`"
        )


def _lasting(url: str, answer: Response) -> str:
    """The URL to poll: as far as redirects are permanent, where they lead."""
    for status, target in answer.redirects:
        if status not in (301, 308):
            break
        url = target
    return url


def _read_feed(
    body: bytes, url: str, content_type: str | None, moment: datetime, headers: dict[str, str]
) -> FeedDocument:
    return parse(body, url=url, content_type=content_type, now=moment, headers=headers)


def _read_page(body: bytes, url: str, content_type: str | None) -> list[Candidate]:
    return feeds.from_page(body, url=url, content_type=content_type)
