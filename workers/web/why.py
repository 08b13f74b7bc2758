"""Why an article is where it is: what the clusterer recorded, put into a sentence and a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

LABELS = {
    "nearness": "Meaning",
    "title": "Words of the title",
    "body": "Words of the text",
    "member": "Nearest single article",
    "names": "Names and numbers",
    "silence": "Time since its last article",
    "common text": "Text in common",
}


class Evidence(BaseModel):
    """One reason for or against: it adds `value × weight` to the score."""

    name: str
    value: float
    weight: float
    contribution: float

    @property
    def label(self) -> str:
        """The name in words; a remark in brackets behind it is kept."""
        name, bracket, remark = self.name.partition(" (")
        return LABELS.get(name, name) + bracket + remark


class Why(BaseModel):
    """Why an article was filed where it is."""

    summary: str = Field(description="The reason in one or two sentences.")
    storyline: int | None = Field(default=None, description="Where it was filed then; null: it opened a storyline.")
    copy_of: int | None = Field(default=None, description="The article of which it is a reprint.")
    score: float | None = Field(default=None, description="For a reprint: the estimated share of common text.")
    threshold: float | None = Field(default=None, description="The score that was needed.")
    evidence: list[Evidence] = []
    runner_up: int | None = Field(default=None, description="The storyline that came next.")
    runner_up_score: float | None = None


def read(recorded: Mapping[str, Any], storyline_id: int) -> Why:
    """Read what the ledger keeps with a membership in `storyline_id`; what is missing or malformed is left out."""
    rows = recorded.get("evidence")
    found = Why(
        summary="",
        storyline=_whole(recorded.get("storyline")),
        copy_of=_whole(recorded.get("copy_of")),
        score=_number(recorded.get("score")),
        threshold=_number(recorded.get("threshold")),
        evidence=[row for item in rows if (row := _evidence(item))] if isinstance(rows, list) else [],
        runner_up=_whole(recorded.get("runner_up")),
        runner_up_score=_number(recorded.get("runner_up_score")),
    )
    found.summary = _sentence(found, storyline_id)
    return found


def _sentence(why: Why, storyline_id: int) -> str:
    if why.score is None or why.threshold is None:
        return "No measured reason was recorded."
    if why.copy_of is not None:
        return (
            f"A reprint: about {why.score:.0%} of its text is that of article {why.copy_of}; "
            f"from {why.threshold:.0%} on, a text counts as the same."
        )
    if why.storyline is None:
        if why.runner_up is None:
            return "It opened this storyline: there was nothing to compare it with."
        return (
            f"It opened this storyline: the nearest other one, number {why.runner_up}, scored {why.score:.2f}, "
            f"below the {why.threshold:.2f} that was needed."
        )
    joined = "this storyline"
    if why.storyline != storyline_id:
        joined = f"storyline {why.storyline}, from which it has come to this one,"
    sentence = f"It joined {joined} with a score of {why.score:.2f}; {why.threshold:.2f} was needed."
    if why.runner_up is not None and why.runner_up_score is not None:
        sentence += f" The runner-up, storyline {why.runner_up}, scored {why.runner_up_score:.2f}."
    return sentence


def _evidence(item: Any) -> Evidence | None:
    if not isinstance(item, Mapping):
        return None
    value, weight = _number(item.get("value")), _number(item.get("weight"))
    if value is None or weight is None:
        return None
    contribution = _number(item.get("contribution"))
    return Evidence(
        name=str(item.get("name", "")),
        value=value,
        weight=weight,
        contribution=value * weight if contribution is None else contribution,
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
