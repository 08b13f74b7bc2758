"""Asking for one feed: conditionally, politely, and only for what may be asked for."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

from pipeline import urls
from pipeline.errors import LedgerError, SluglineError
from pipeline.feeds.schedule import PollOutcome
from pipeline.feeds.websub import offered
from pipeline.http import Client, Response, Validators, classify
from pipeline.records import Feed
from pipeline.settings import Settings
from workers import logs
from workers.poller import sitemaps
from workers.poller.outcome import LaterError, Polled, Served, failure, unforeseen
from workers.poller.read import Reader
from workers.process import now

log = logs.get("poller")
UNCONDITIONAL = 0.04  # share of polls without validators: a server that answers 304 for ever would hide its news
ACCEPT = (
    "application/rss+xml, application/atom+xml, application/rdf+xml, application/feed+json, application/xml;q=0.9, "
    "application/json;q=0.8, text/xml;q=0.8, */*;q=0.5"
)

Reserve = Callable[[str], Awaitable[None]]  # waits for a turn at the host with this key; raises LaterError


class Asker:
    """Turns a feed into what its poll gave. `reserve` books hosts that a redirect leads to."""

    def __init__(self, settings: Settings, client: Client, reader: Reader, reserve: Reserve) -> None:
        self._settings = settings
        self._client = client
        self._reader = reader
        self._reserve = reserve
        self._random = random.Random()  # noqa: S311 - which polls go without validators is no secret

    async def poll(self, feed: Feed) -> Polled:
        """Ask for `feed` and read the answer; whatever goes wrong with it is its outcome, in words.

        Raises LaterError when it is not the feed's turn after all, LedgerError when the ledger is away.
        """
        asked = now()
        answered: list[Response] = []
        try:
            polled = await self._ask(feed, answered)
        except (LaterError, LedgerError):
            raise
        except SluglineError as error:
            outcome = failure(error)
            polled = Polled(
                asked=asked, outcome=outcome, throttled=_host(feed, answered) if outcome.retry_after else ""
            )
        except Exception as error:
            log.exception("unforeseen", feed=feed.id, url=urls.mask(feed.url))
            polled = Polled(asked=asked, outcome=unforeseen(error))
        answer = replace(answered[0], body=b"") if answered else None  # the body would be kept until all is recorded
        return replace(polled, asked=asked, answer=answer)

    async def _ask(self, feed: Feed, answered: list[Response]) -> Polled:
        """`answered` takes the answers, the feed's own first, so that the caller knows whose Retry-After it was."""

        async def admit(url: str) -> None:
            self._settings.block_list.refuse(url)
            if url != feed.url and (key := urls.host_key(url)) != feed.host_key:
                await self._reserve(key)

        async def get(url: str, validators: Validators | None) -> Response:
            # The feed's own host was booked for one request when it was handed out; for other hosts `admit` asks.
            if url != feed.url and urls.host_key(url) == feed.host_key:
                await self._reserve(feed.host_key)
            got = await self._client.get(url, headers={"Accept": ACCEPT}, validators=validators, admit=admit)
            answered.append(got)
            return got

        response = await get(feed.url, self._validators(feed))
        if response.status == 304:
            return Polled(asked=now(), outcome=PollOutcome(not_modified=True))
        failed = classify(response)
        if failed is not None:
            raise failed
        return await self._read(feed, response, get)

    def _validators(self, feed: Feed) -> Validators | None:
        """What makes the request conditional, at nearly all polls. The sitemaps that an index names may have news while
        the index itself stays as it is."""
        if feed.format == sitemaps.FORMAT or self._random.random() < UNCONDITIONAL:
            return None
        return Validators(feed.served_by or urls.without_credentials(feed.url), feed.etag, feed.last_modified)

    async def _read(self, feed: Feed, response: Response, get: sitemaps.Get) -> Polled:
        served = _served(feed, response)
        if served.body_hash == feed.body_hash and feed.format != sitemaps.FORMAT:
            return Polled(asked=now(), outcome=PollOutcome(not_modified=True), served=served)
        content_type = response.headers.get("content-type")
        document = await self._reader.read(response.body, response.final_url, content_type, response.headers)
        link = response.headers.get("link", "")
        hub, topic = offered(link, url=response.final_url, hub=document.hub, topic=document.topic) or ("", "")
        document = replace(document, hub=hub, topic=topic)
        if document.sitemaps:
            document = await sitemaps.followed(document, feed, get, self._reader)
        return Polled(asked=now(), outcome=PollOutcome(), document=document, served=served)


def _served(feed: Feed, response: Response) -> Served:
    url = urls.without_credentials(response.final_url)
    return Served(
        etag=response.headers.get("etag"),
        last_modified=response.headers.get("last-modified"),
        body_hash=hashlib.sha256(response.body).hexdigest(),
        url=None if url == urls.without_credentials(feed.url) else url,
    )


def _host(feed: Feed, answered: list[Response]) -> str:
    """The host that answered last: a Retry-After holds for all of it."""
    return urls.host_key(answered[-1].final_url) if answered else feed.host_key
