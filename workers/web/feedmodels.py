"""What the API takes and gives about feeds. The descriptions here are those of `/openapi.json`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic import Tag as Case

from pipeline import urls
from pipeline.errors import InputError
from workers.web.context import MANY, ONE
from workers.web.models import Line

MOST = 1_000
"""Feeds in one request; a longer list comes as OPML."""


def _http_url(url: str) -> str:
    if any(ord(char) < 33 for char in url):
        raise ValueError("must not hold blanks or control characters")
    try:
        urls.canonical(url)
    except InputError as error:
        raise ValueError(str(error)) from error
    return url


Tag = Annotated[Line, StringConstraints(min_length=1, max_length=64)]


class WebSub(BaseModel):
    """What the feed's hub does. Polling goes on beside it, more slowly while it pushes."""

    hub: str
    state: str = Field(description="`none`: there is a hub, but no subscription; else `pending`, `active`, and so on.")
    requested: datetime | None
    verified: datetime | None
    expires: datetime | None
    pushed: datetime | None = Field(description="The last push with a right signature.")
    pushes: int
    failures: int
    error: str


class FeedView(BaseModel):
    """A feed. Credentials in URLs are shown as `***`, wherever they stand."""

    id: int
    url: str
    title: str
    format: str = Field(description="As it was at the last poll, such as `Atom 1.0`; empty before the first.")
    tags: list[str]
    state: Literal["active", "paused", "gone"]
    standing: Literal["well", "new", "failing", "silent", "paused", "gone"] = Field(description="How it is, in a word.")
    error: str = Field(description="Why the last poll failed, in words; empty when it did not.")
    failures: int = Field(description="Polls in a row that failed.")
    interval: float = Field(description="Seconds between polls at present.")
    due: datetime | None
    due_reason: str = Field(description="Why it is due then, in words.")
    first_polled: datetime | None
    last_polled: datetime | None
    last_success: datetime | None
    last_new: datetime | None
    entries_per_day: float
    silent_since: datetime | None = Field(description="Set while it is silent against its own rhythm.")
    silence: str = Field(description="The same in words.")
    problems: list[str] = Field(description="What was broken in its last body and mended, or left out.")
    moved_to: str | None = Field(
        description="Where its URL permanently redirects to, until that was seen often enough."
    )
    moved_seen: int
    moved_since: datetime | None
    websub: WebSub | None
    pace: dict[str, Any] = Field(description="What the schedule remembers of it.")
    hints: dict[str, Any] = Field(description="What it asks of those who poll it.")
    identity: dict[str, Any] = Field(description="By what its entries are told apart.")
    created: datetime | None


class Feeds(BaseModel):
    feeds: list[FeedView]
    count: int = Field(description="All feeds that were asked for, on all pages.")
    next_cursor: str | None = Field(
        description="Give it as `cursor` for the page that follows; null: this is the last."
    )


class NewFeed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_http_url)]
    title: Line = Field(default="", max_length=300)
    tags: list[Tag] = Field(default=[], max_length=50)


OneOrMany = Annotated[
    Annotated[NewFeed, Case(ONE)] | Annotated[list[NewFeed], Case(MANY), Field(min_length=1, max_length=MOST)],
    Discriminator(lambda given: MANY if isinstance(given, list) else ONE),  # so that what is wrong can be told of each
]


class Added(BaseModel):
    """What became of a list of feeds."""

    added: list[int] = Field(description="Ids of those that are new.")
    there_already: list[int]


class Imported(Added):
    remarks: list[str] = Field(description="Lines that were left out or taken otherwise, with the reason.")


class FeedChange(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["active", "paused"] | None = Field(
        default=None, description="`paused` stops polling, `active` resumes it, at once."
    )
    title: Line | None = Field(default=None, max_length=300)
    tags: list[Tag] | None = Field(default=None, max_length=50)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.state is None and self.title is None and self.tags is None:
            raise ValueError("name at least one of state, title and tags")
        return self
