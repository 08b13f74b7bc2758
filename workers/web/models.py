"""What the API takes and gives. The descriptions here are those of `/openapi.json`. Times are UTC, ISO 8601."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from pipeline import urls
from pipeline.alerts.events import envelope
from pipeline.ledger import dead
from pipeline.records import Event
from pipeline.storylines import tell
from workers.web.why import Why, read

LINE_ENDS = str.maketrans("\t\n\r", "   ")


def _one_line(text: str) -> str:
    """Text of a title: line ends become blanks; other control characters are refused (PostgreSQL takes no NUL)."""
    return _plain(text.translate(LINE_ENDS))


def _plain(text: str) -> str:
    if any(ord(char) < 32 and char not in "\t\n\r" for char in text):
        raise ValueError("must not hold control characters")
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_one_line)]
Lang = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]


class Problem(BaseModel):
    """What went wrong, in one sentence."""

    detail: str


class StorylineSummary(BaseModel):
    """A storyline. `articles` counts originals and reprints; corroboration is in `originals` and `outlets`."""

    id: int
    headline: str
    lead: str
    state: str = Field(
        description="`emerging`: one outlet; `developing`: several; `surging`, `quiet`, `closed` or `empty`."
    )
    declared: bool = Field(description="Given a title and a text beforehand by a person.")
    lang: str | None
    articles: int
    originals: int
    reprints: int
    outlets: list[str]
    opened: datetime
    first_article: datetime | None
    last_article: datetime | None
    updated: datetime

    @classmethod
    def fields_of(cls, row: Mapping[str, Any]) -> dict[str, Any]:
        taken = {name: row[name] for name in StorylineSummary.model_fields if name != "reprints"}
        return taken | {"reprints": row["articles"] - row["originals"], "headline": row["headline"] or row["title"]}


class Storylines(BaseModel):
    storylines: list[StorylineSummary]
    next_cursor: str | None = Field(
        description="Give it as `cursor` for the page that follows; null: this is the last."
    )


class Hit(BaseModel):
    """A storyline that was found, and in which way."""

    storyline: StorylineSummary
    words: bool = Field(description="It has all words of the question.")
    likeness: float | None = Field(description="The cosine of its coverage and the question; null: not by meaning.")


class Hits(BaseModel):
    hits: list[Hit] = Field(description="The best first.")
    without_meaning: str | None = Field(description="Why nothing was looked for by meaning; null: it was.")


class Coverage(BaseModel):
    """An article as part of a storyline."""

    id: int
    url: str
    title: str
    lead: str
    outlet: str
    lang: str | None
    published: datetime | None = Field(description="Null when the article carries no date that can be believed.")
    seen: datetime
    filed: datetime
    kind: Literal["original", "duplicate"]
    original_id: int | None = Field(description="The article of which it is a reprint.")
    why: Why

    @classmethod
    def of(cls, row: Mapping[str, Any], storyline_id: int) -> Self:
        taken = {name: row[name] for name in cls.model_fields if name not in {"url", "why"}}
        return cls(**taken, url=urls.without_credentials(row["url"]), why=read(row["why"], storyline_id))


class StorylineDetail(StorylineSummary):
    title: str = Field(description="As declared; empty for storylines that were found.")
    text: str = Field(description="As declared; empty for storylines that were found.")
    digest: tell.Digest | None = Field(
        description="What an analyst reads first; null on the pages of coverage after the first."
    )
    coverage: list[Coverage] = Field(description="The newest first.")
    next_cursor: str | None = Field(description="Cursor for more coverage; null: there is no more.")


class Article(BaseModel):
    """An article in its current version."""

    id: int
    url: str
    canonical_url: str | None
    external_id: str | None
    state: Literal["queued", "fetched", "embedded", "filed", "duplicate", "rejected", "dead"]
    reason: str | None = Field(description="Why it was rejected or given up, as a short name.")
    error: str | None = Field(description="The same as a sentence.")
    attempts: int
    generation: int
    title: str
    lead: str
    text: str
    outlet: str
    authors: list[str]
    lang: str | None
    published: datetime | None
    modified: datetime | None
    image_url: str | None
    sources: dict[str, str] = Field(description="Where each field was read from.")
    feed_id: int | None
    seen: datetime
    fetched: datetime | None
    embedded: datetime | None
    filed: datetime | None
    original_id: int | None
    storyline: int | None
    why: Why | None

    @classmethod
    def of(cls, row: Mapping[str, Any], membership: Mapping[str, Any] | None) -> Self:
        made = {"url", "canonical_url", "error", "storyline", "why"}
        taken = {name: row[name] for name in cls.model_fields if name not in made}
        canonical = row["canonical_url"]
        where = membership["storyline_id"] if membership else None
        return cls(
            **taken,
            url=urls.without_credentials(row["url"]),
            canonical_url=urls.without_credentials(canonical) if canonical else None,
            error=urls.mask(row["error"]) if row["error"] else None,
            storyline=where,
            why=read(membership["why"], membership["storyline_id"]) if membership else None,
        )


class Declaration(BaseModel):
    """A storyline that is given beforehand; coverage is filed under it when it belongs there."""

    model_config = ConfigDict(extra="forbid")

    title: Line = Field(min_length=1, max_length=300)
    text: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_plain)] = Field(
        min_length=1, max_length=20_000, description="What the story is about, in a few sentences."
    )
    lang: Lang | None = None


class Command(BaseModel):
    """Something that was asked of the clusterer, which applies commands in turn."""

    command: int
    state: Literal["pending", "applied", "refused"]
    result: Any = Field(default=None, description="What came of it, once applied.")
    error: str | None = Field(default=None, description="Why it was refused.")


class Stage(BaseModel):
    """Articles in one state. The age says more than the count: it is that of the one that waits longest."""

    state: str
    count: int
    oldest: datetime | None = Field(
        default=None, description="Since when the first of them waits; null for final states."
    )
    oldest_seconds: float | None = None


class Jobs(BaseModel):
    """Jobs that wait in Redis; `backfill` are fetch jobs of what is no news."""

    fetch: int
    backfill: int
    embed: int


class Hold(BaseModel):
    """A limit that holds the wire back."""

    limit: str = Field(description="`backlog`, `redis-memory`, `disk` or `database`.")
    says: str
    since: datetime
    stages: dict[str, float] = Field(description="Pressure on `poll`, `fetch`, `embed`: 0 is none, at 1 all stops.")


class Queues(BaseModel):
    articles: list[Stage]
    jobs: Jobs | None = Field(description="Null when Redis does not answer.")
    unpublished_events: int
    held_back: list[Hold] | None = Field(description="Null when Redis does not answer.")


class Answer(BaseModel):
    """How the page's answer began at the last attempt."""

    url: str
    status: int
    content_type: str | None
    begins: str = Field(description="At most 2,000 bytes, read as UTF-8. It is hostile input.")

    @classmethod
    def of(cls, answer: dead.Answer) -> Self:
        url = urls.without_credentials(answer.url)
        return cls(url=url, status=answer.status, content_type=answer.content_type, begins=answer.words())


class DeadArticle(BaseModel):
    """An article that was given up, and why."""

    id: int
    url: str
    host: str = Field(description="The registrable domain of the URL.")
    feed_id: int | None
    title: str
    reason: str | None
    error: str | None
    attempts: int
    seen: datetime
    since: datetime
    answer: Answer | None = Field(default=None, description="Null when nothing was answered.")

    @classmethod
    def of(cls, row: Mapping[str, Any], answer: dead.Answer | None = None) -> Self:
        error = urls.mask(row["error"]) if row["error"] else None
        url = urls.without_credentials(row["url"])
        shown = {**row, "url": url, "error": error, "host": row["host_key"]}
        shown["answer"] = Answer.of(answer) if answer is not None else None
        return cls.model_validate(shown)


class DeadArticles(BaseModel):
    count: int
    reasons: dict[str, int]
    hosts: dict[str, int]
    dead: list[DeadArticle]


class Retried(BaseModel):
    id: int
    state: Literal["queued", "fetched"] = Field(description="`fetched` when its text is known: then it begins with it.")


class DeadDone(BaseModel):
    articles: int = Field(description="How many it was done to.")


class Dropped(BaseModel):
    id: int
    state: Literal["rejected"]


class EventView(BaseModel):
    position: int = Field(description="Its place in the log, without gaps; the id in the Redis stream is `POSITION-0`.")
    id: str
    type: str
    subject: str
    sequence: int = Field(description="Counts up by one for each subject.")
    time: datetime
    data: dict[str, Any]
    specversion: str = Field(description="Of CloudEvents, as which this can be read.")
    source: str
    datacontenttype: str
    dataschema: str | None = Field(default=None, description="Names the schema of `data`; `/schemas/{type}` gives it.")
    backfill: bool = Field(description="Nothing fresh stands behind it, as with the first poll of a feed.")

    @classmethod
    def of(cls, event: Event, source: str) -> Self:
        return cls.model_validate(envelope(event, source))


class Events(BaseModel):
    events: list[EventView]
    last: int = Field(description="Give it as `after` to read on: the position of the last event here.")
    first: int | None = Field(description="The oldest position that is kept; null while nothing was published.")
    gap: bool = Field(
        description="Whether `after` lies before what is kept: events between it and `first` are lost to this reader."
    )


class EventType(BaseModel):
    type: str
    meaning: str
    dataschema: str = Field(description="The `$id` of its schema.")


class EventTypes(BaseModel):
    types: list[EventType]


class Check(BaseModel):
    ok: bool
    detail: str


class Readiness(BaseModel):
    ready: bool
    ledger: Check
    redis: Check
    progress: dict[str, float | None] | None = Field(
        description="Seconds since each service last got on, null for one that never did; null when Redis does not "
        "answer. It does not decide whether this service is ready."
    )


class Alive(BaseModel):
    alive: Literal[True] = True
