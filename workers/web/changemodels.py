"""What the API takes and gives about changes of storylines."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.ledger import changes
from workers.web.context import MAX_ID
from workers.web.models import Line

Number = Annotated[int, Field(ge=1, le=MAX_ID)]
Articles = Annotated[list[Number], Field(min_length=1, max_length=1000, description="Ids; reprints go along.")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Merge(_Asked):
    """The storyline becomes part of another one; its id leads there from then on."""

    into: Number = Field(description="The storyline that stays.")


class Split(_Asked):
    """These articles get a storyline of their own."""

    articles: Articles


class Move(_Asked):
    """These articles of the storyline go into another one."""

    articles: Articles
    to: Number | None = Field(description="The storyline; null: one of their own.")


class Undo(_Asked):
    """A change of this storyline is taken back."""

    change: Number


class StorylineChange(_Asked):
    """What is given is changed; one of them at a time, since each is a change of its own."""

    title: Line | None = Field(default=None, min_length=1, max_length=300, description="A name that stays.")
    locked: bool | None = Field(default=None, description="Whether second thoughts leave the storyline as it is.")

    muted: bool | None = Field(default=None, description="Whether lists leave the storyline out.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.title, self.locked, self.muted)) != 1:
            raise ValueError("give title, locked or muted, one of them")
        return self


class Change(BaseModel):
    """Something that was changed about a storyline after filing."""

    id: int
    kind: Literal["merge", "split", "move", "rename", "lock", "unlock", "mute", "unmute", "undo"]
    storyline: int = Field(description="Whom it happened to.")
    other: int | None = Field(description="Where its articles went.")
    by: Literal["people", "second thoughts"]
    command: int | None = Field(description="The command by which a person asked for it.")
    articles: list[int] = Field(description="The articles that it moved.")
    title: str | None = Field(description="For a rename: the new title.")
    undoes: int | None = Field(description="The change that this one took back.")
    why: dict[str, Any]
    made: datetime
    undone: datetime | None = Field(description="When it was taken back itself.")

    @classmethod
    def of(cls, one: changes.Change) -> Self:
        return cls.model_validate(
            {
                **{name: getattr(one, name) for name in ("id", "kind", "storyline", "other", "by", "command")},
                **{name: one.payload.get(name) for name in ("title", "undoes")},
                "articles": one.articles(),
                "why": dict(one.why),
                "made": one.made,
                "undone": one.undone,
            }
        )


class Changes(BaseModel):
    changes: list[Change] = Field(description="The latest first.")
    next_before: int | None = Field(description="Give it as `before` for older ones; null: there are no more.")
