"""Traces: one article, one trace, from the poll that saw it to its events on the stream.

Nothing is stored and nothing travels with a job: the id of a trace follows from what every stage knows of an article,
its id, its generation and when it was seen, and so does the id of the poll's span, under which the others hang.
Samplers that go by the trace's id decide the same everywhere. Spans are told when they are over.

All of it is off until `begin` finds an endpoint in the environment, by OpenTelemetry's own names; until then nothing is
imported. A collector that is away costs spans, never articles.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from pipeline.errors import LedgerError
from pipeline.ledger import Ledger, articles
from pipeline.ledger.work import Claim
from pipeline.records import Article, Event
from pipeline.urls import mask
from workers import logs

if TYPE_CHECKING:
    from workers.spans import Teller

log = logs.get("traces")
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
OF_ARTICLES = frozenset({"storyline.opened", "storyline.grew", "article.updated"})
FAILED = frozenset({"dead", "retry", "failed", "lease-lost"})  # endings that are no success

What = Mapping[str, str | int]  # attributes of a span
_teller: Teller | None = None


class Traced(NamedTuple):
    """The version of an article that a trace is about."""

    article: int
    generation: int
    seen: datetime

    def ids(self) -> tuple[int, int]:
        """The ids of its trace (128 bits) and of the poll's span (64 bits)."""
        words = f"slugline {self.article} {self.generation} {int(self.seen.timestamp())}"
        made = hashlib.sha256(words.encode()).digest()
        return int.from_bytes(made[:16], "big"), int.from_bytes(made[16:24], "big")


class Job(NamedTuple):
    """An RQ job, its queue, and when it was put there."""

    id: str
    queue: str
    since: datetime


def endpoint(environment: Mapping[str, str]) -> str:
    """Where the environment wants traces to go; empty when it wants none."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or environment.get("OTEL_TRACES_EXPORTER") == "none":
        return ""
    return next((environment[name] for name in ENDPOINTS if environment.get(name)), "")


def begin(service: str) -> None:
    """Have this process, and the work-horses that it forks later, tell traces where the environment asks for it."""
    global _teller  # noqa: PLW0603 - RQ calls plain functions; this is how they find it
    asked = endpoint(os.environ)
    if not asked:
        return
    spoken = next((os.environ[name] for name in PROTOCOLS if os.environ.get(name)), PROTOCOL)
    if spoken != PROTOCOL:
        log.warning(f"no traces: only {PROTOCOL} is spoken; set OTEL_EXPORTER_OTLP_PROTOCOL to it", asked=spoken)
        return
    try:
        from workers.spans import Teller
    except ImportError as error:
        log.warning("no traces: pip install 'slugline[traces]' brings what is missing", error=str(error))
        return
    _teller = Teller(service)
    atexit.register(end)
    log.info("telling traces", endpoint=mask(asked))


def on() -> bool:
    """Whether spans are told: what only they need is not looked up otherwise."""
    return _teller is not None


def seen(one: Traced, began: datetime, ended: datetime, *, by: str, feed: int) -> None:
    """The poll or push that brought a new article: the first span of its trace."""
    _tell(by, one, (began, ended), {"slugline.feed": feed}, first=True)


def job() -> Job | None:
    """The RQ job at work in this thread; None outside of one, and while traces are off."""
    if _teller is None:
        return None
    from rq import get_current_job

    at_work = get_current_job()
    if at_work is None or at_work.enqueued_at is None:
        return None
    since = at_work.enqueued_at
    return Job(at_work.id, at_work.origin, since if since.tzinfo else since.replace(tzinfo=UTC))


def worked(name: str, claim: Claim, of: Job | None, times: tuple[datetime, datetime], ending: str) -> None:
    """What a worker did with an article that it claimed, and how long the job had lain in Redis by then."""
    if _teller is None or claim.seen is None:
        return
    one = Traced(claim.id, claim.generation, claim.seen)
    if of is not None:
        sent: What = {
            "messaging.system": "rq",
            "messaging.destination.name": of.queue,
            "messaging.message.id": of.id,
        }
        _tell(f"queue {of.queue}", one, (of.since, times[0]), sent)
    what: What = {"url.full": mask(claim.url), "slugline.attempt": claim.attempts, "slugline.ending": ending}
    _tell(name, one, times, what, error=ending if ending in FAILED else "")


def filed(article: Article, began: datetime, ended: datetime, kind: str) -> None:
    """What the clusterer did with an article; `kind` is `original`, `duplicate`, `updated` or `dead`."""
    one = Traced(article.id, article.generation, article.seen)
    error = kind if kind in FAILED else ""
    _tell("file", one, (began, ended), {"slugline.ending": kind}, error=error)


def published(ledger: Ledger, events: Sequence[Event], ended: datetime) -> None:
    """Events that are on the stream, in the traces of the articles that caused them. A ledger that is away costs these
    spans."""
    if _teller is None:
        return
    # A storyline that is declared is opened without one.
    told = [(event, event.data["article"]) for event in events if event.type in OF_ARTICLES and "article" in event.data]
    with contextlib.suppress(LedgerError), ledger.read() as tx:
        seen = articles.seen(tx, {int(of["id"]) for _, of in told})
        for event, of in told:
            if int(of["id"]) in seen:
                one = Traced(int(of["id"]), int(of.get("version", 1)), seen[int(of["id"])])
                what: What = {"slugline.event": event.type, "slugline.position": event.position or 0}
                _tell("publish", one, (event.time, ended), what)


def end() -> None:
    """Send what this process has not sent yet. A work-horse has to ask for it: it ends without ceremonies."""
    if _teller is not None:
        _teller.close()


def _tell(
    name: str,
    one: Traced,
    times: tuple[datetime, datetime],
    what: What,
    *,
    first: bool = False,
    error: str = "",
) -> None:
    if _teller is None:
        return
    said = {"slugline.article": one.article, "slugline.generation": one.generation, **what}
    try:  # no poll tells of an edit or of another try by hand: below it nothing could hang
        _teller.tell(name, one.ids(), times, said, first=first, below=one.generation == 1, error=error)
    except Exception:
        log.exception("span not told", article=one.article)
