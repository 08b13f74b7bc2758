"""What the API takes and gives about alert rules. The descriptions here are those of `/openapi.json`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pipeline.alerts.rules.options import LIMIT, MOST_COOLDOWN
from pipeline.alerts.rules.parse import MOST_CHARS
from pipeline.ledger.rules import NAME_CHARS
from workers.web.models import Line

MOST = 1_000
Query = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARS, pattern="^[^\\x00]*$")]
Name = Annotated[Line, StringConstraints(min_length=1, max_length=NAME_CHARS)]
Sinks = Annotated[list[Annotated[Line, StringConstraints(min_length=1, max_length=100)]], Field(max_length=50)]


class Quiet(BaseModel):
    """Hours of each day in which nobody is rung: what matches then is told at their end, as a digest."""

    model_config = ConfigDict(extra="forbid")

    hours: Line = Field(max_length=20, description="Such as `22:00-07:00`.")
    zone: Line = Field(default="UTC", max_length=60, description="A time zone, such as `Europe/Berlin`.")


class RuleView(BaseModel):
    id: int
    name: str
    query: str
    sinks: list[str] = Field(description="Where it rings; empty: everywhere.")
    quiet: Quiet | None
    cooldown: float = Field(description="Least seconds between two rings.")
    escalate: bool = Field(description="Whether it rings once more when a storyline surges.")
    limit: int = Field(description="Rings in an hour; what is more is told as one digest.")
    paused: bool
    created: datetime
    updated: datetime
    last: datetime | None = Field(description="When it last rang.")


class AlertView(BaseModel):
    """What a rule rang for."""

    subject: str = Field(description="`storyline/ID`, `feed/ID` or `pipeline`.")
    first: datetime
    escalated: datetime | None = Field(description="When its surge was told.")
    last: datetime
    count: int
    held_until: datetime | None = Field(description="When what waits of it is told in a digest.")


class RuleWithAlerts(RuleView):
    alerts: list[AlertView] = Field(description="What it rang for, the latest first.")


class Rules(BaseModel):
    rules: list[RuleView]
    count: int = Field(description="All rules, on all pages.")
    next_cursor: str | None = Field(
        description="Give it as `cursor` for the page that follows; null: this is the last."
    )


class NewRule(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    query: Query
    sinks: Sinks = []
    quiet: Quiet | None = None
    cooldown: float = Field(default=0.0, ge=0, le=MOST_COOLDOWN.total_seconds())
    escalate: bool = True
    limit: int = Field(default=LIMIT, ge=1, le=1000)


class RuleChange(BaseModel):
    """What to change; what is left out stays. `quiet` null ends quiet hours."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    query: Query | None = None
    sinks: Sinks | None = None
    quiet: Quiet | None = None
    cooldown: float | None = Field(default=None, ge=0, le=MOST_COOLDOWN.total_seconds())
    escalate: bool | None = None
    limit: int | None = Field(default=None, ge=1, le=1000)
    paused: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one thing to change")
        return self

    def given(self) -> dict[str, Any]:
        """What is to be changed; null stands for nothing, but with `quiet`."""
        told = self.model_dump(exclude_unset=True)
        return {name: value for name, value in told.items() if value is not None or name == "quiet"}


class RuleTest(BaseModel):
    """A query to try on what happened in the last days."""

    model_config = ConfigDict(extra="forbid")

    query: Query
    since: Line = Field(default="7d", max_length=10, description="From how long ago: `7d`, `12h`, `30m`.")


class ReasonView(BaseModel):
    condition: str = Field(description="As the rule has it.")
    found: str = Field(description="What met it.")


class WouldRing(BaseModel):
    time: datetime
    level: Literal["first", "surge"]
    cause: str = Field(description="The type of the event.")
    position: int
    storyline: dict[str, Any] | None = None
    feed: dict[str, Any] | None = None
    why: list[ReasonView]


class Rehearsal(BaseModel):
    """What a rule would have rung for."""

    since: datetime = Field(description="From when on the log was read; later than asked where it begins later.")
    events: int = Field(description="Events looked at.")
    storylines: int = Field(description="Storylines looked at.")
    matches: list[WouldRing]
