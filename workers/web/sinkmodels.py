"""What the API takes and gives about sinks. The descriptions here are those of `/openapi.json`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pipeline.alerts import alertmanager
from pipeline.alerts.messages import TEMPLATE_CHARS
from workers.sinkview import NAME_CHARS
from workers.web.models import Line

Name = Annotated[Line, StringConstraints(min_length=1, max_length=NAME_CHARS)]
Url = Annotated[Line, StringConstraints(min_length=1, max_length=4_000)]
Secret = Annotated[Line, StringConstraints(max_length=4_000)]
Template = Annotated[str, StringConstraints(min_length=1, max_length=TEMPLATE_CHARS, pattern="^[^\\x00]*$")]
Types = Annotated[list[Annotated[Line, StringConstraints(min_length=1, max_length=100)]], Field(max_length=100)]


class HeldView(BaseModel):
    """What is held back of a subject."""

    subject: str
    events: int
    why: str


class SinkView(BaseModel):
    id: int
    name: str
    kind: str
    url: str = Field(description="What is secret in it is masked.")
    types: list[str] = Field(description="What it is told of; empty: a webhook of everything, others of alerts.")
    options: dict[str, Any] = Field(description="What its kind wants to know beside them, such as `minutes`.")
    state: Literal["active", "paused", "disabled"]
    reason: str
    read_to: int = Field(description="Position up to which events were looked at for it.")
    waiting_since: datetime | None
    held_back: int = Field(
        description="Events that wait in the log since one before them, of the same subject, is not taken."
    )
    held: list[HeldView] = Field(description="Of which subjects, those with most first; the first twenty.")
    failures: int = Field(description="In a row.")
    rest_until: datetime | None = Field(description="Nothing is sent before then.")
    delivered: int
    dead: int = Field(description="Given up after a day.")
    lost: int = Field(description="Positions of the log that were dropped before it came to them.")
    last_success: datetime | None
    last_error: str
    created: datetime


class NewSinkView(SinkView):
    secret: str = Field(description="With which its webhooks are signed; not shown again. Empty for others.")


class Sinks(BaseModel):
    sinks: list[SinkView]


class NewSink(BaseModel):
    """Somebody who is told of what is published from now on."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    url: Url
    types: Types = []
    kind: Literal["webhook", "alertmanager", "apprise"] = "webhook"
    minutes: int | None = Field(
        default=None,
        ge=1,
        le=alertmanager.MOST_MINUTES,
        description=f"After which a rule's alert ends in Alertmanager; {alertmanager.MINUTES} unless given.",
    )
    secret: Secret | None = Field(
        default=None, description="`whsec_…` of your own, else one is made; of an Alertmanager a bearer token."
    )

    title: Template | None = Field(default=None, description="Of an Apprise sink: a Jinja2 template for the title.")
    body: Template | None = Field(
        default=None, description="Of an Apprise sink: a Jinja2 template for the text, in the service's format."
    )

    @property
    def options(self) -> dict[str, Any]:
        """Those that are given."""
        own = {"minutes": self.minutes, "title": self.title, "body": self.body}
        return {name: value for name, value in own.items() if value is not None}


class SinkChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: Literal["active", "paused"]


class GivenSecret(BaseModel):
    model_config = ConfigDict(extra="forbid")

    secret: Secret | None = Field(
        default=None, description="Of your own; an Alertmanager's bearer token has to be given."
    )


class NewSecret(BaseModel):
    secret: str = Field(description="Not shown again. The one of before stays valid for a day.")


class Tried(BaseModel):
    """What came of a test event."""

    taken: bool
    status: int | None
    seconds: float
    answer: str = Field(description="How it began.")
    error: str


class DeliveryView(BaseModel):
    id: int
    sink_id: int
    event_id: str
    position: int
    type: str
    subject: str
    state: Literal["waiting", "done", "dead"]
    attempts: int
    since: datetime
    due: datetime
    ended: datetime | None
    status: int | None
    seconds: float | None
    error: str
    answer: str


class Deliveries(BaseModel):
    """What waits, was given up, or was delivered last; the newest first."""

    deliveries: list[DeliveryView]


class Replay(BaseModel):
    """Tell a sink once more, under the same ids: of all behind a position of the log, or of all that was given up."""

    model_config = ConfigDict(extra="forbid")

    after: int | None = Field(default=None, ge=0, le=2**63 - 1)
    dead: bool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.after is None) is not self.dead:
            raise ValueError("give either `after` or `dead`")
        return self


class Replayed(BaseModel):
    waiting: int | None = Field(description="How many of those that had ended wait again; null with `after`.")
