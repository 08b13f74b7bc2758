"""The types of events, each declared once: what it means, and the JSON Schema of its `data`. Outside they read as
CloudEvents 1.0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.alerts.shapes import (
    ARTICLE,
    BACKFILL,
    CHANGE,
    EDITED,
    FEED,
    GONE,
    MATCHED,
    MATCHED_OPTIONAL,
    MOVED,
    STORYLINE,
    WHY,
    Schema,
    flag,
    maybe,
    moment,
    number,
    numbers,
    record,
    text,
)
from pipeline.records import Event

SPECVERSION = "1.0"
SOURCE = "urn:slugline"
"""The `source` of an installation that has no public URL."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Declared:
    """A type of event: its name, what it means in one sentence, and the schema of its `data`. `version` goes up when a
    field goes away or means something else, and so does what `dataschema` names."""

    type: str
    meaning: str
    data: Schema
    version: int = 1

    @property
    def dataschema(self) -> str:
        """The URI that names the schema; `GET /api/v1/schemas/{type}` gives it."""
        return f"urn:slugline:schema:{self.type}:{self.version}"

    @property
    def schema(self) -> Schema:
        """The schema, complete."""
        return {"$schema": DIALECT, "$id": self.dataschema, "title": self.type, **self.data}


def _event(type_: str, meaning: str, properties: Schema, *optional: str) -> Declared:
    return Declared(type_, meaning, record(meaning, properties, *optional))


def _turn(state: str, meaning: str) -> Declared:
    """A change of state in a storyline's life."""
    before = text("The state it was in.", "emerging", "developing", "surging", "quiet", "closed")
    return _event(
        f"storyline.{state}", meaning, {"storyline": STORYLINE, "before": before, "why": WHY, "backfill": BACKFILL}
    )


_FROM_TO: Schema = {
    "source": number("The storyline that gave articles away.", 1),
    "target": number("The storyline that got them.", 1),
}
_SHIFT: Schema = {"storyline": STORYLINE, **CHANGE, **_FROM_TO, **MOVED}
_NAMED: Schema = {"storyline": STORYLINE, **CHANGE}
_WAITING = record(
    "Articles that wait, by state.",
    {
        "queued": number("To be fetched."),
        "fetched": number("To be embedded."),
        "embedded": number("To be filed."),
    },
)

DECLARED: Mapping[str, Declared] = {
    one.type: one
    for one in (
        _event(
            "storyline.opened",
            "A storyline began: with its first article, declared by a person, or split off from another one.",
            {"storyline": STORYLINE, "article": ARTICLE, "backfill": BACKFILL, **CHANGE, **_FROM_TO, **MOVED},
            *("article", "backfill", *CHANGE, *_FROM_TO, *MOVED),
        ),
        _event(
            "storyline.grew",
            "An article was filed under it, an original or a reprint.",
            {"storyline": STORYLINE, "article": ARTICLE, "backfill": BACKFILL},
        ),
        _turn("emerging", "It goes on after a silence, with one outlet so far."),
        _turn("developing", "A second independent outlet covers it, its surge is over, or it goes on after a silence."),
        _turn("surging", "More is written about it than its pace explains, by three outlets at least."),
        _turn("quiet", "Nothing was written about it for longer than is usual for it."),
        _turn("closed", "No article can join it any more."),
        _event(
            "storyline.merged",
            "Two storylines became one: told of both, and the id of the loser leads to the winner from now on.",
            {
                "storyline": STORYLINE,
                **CHANGE,
                "loser": number("The storyline that is part of the other one now.", 1),
                "winner": number("The storyline that has the articles of both.", 1),
                **MOVED,
            },
            "undoes",
        ),
        _event(
            "storyline.split",
            "It gave articles to a new storyline, of which `storyline.opened` tells.",
            _SHIFT,
            "undoes",
        ),
        _event("storyline.moved", "Articles went from one storyline to another: told of both.", _SHIFT, "undoes"),
        _event("storyline.renamed", "A person gave it a name, or took it back.", _NAMED, "undoes"),
        _event("storyline.locked", "A person had second thoughts leave it as it is.", _NAMED, "undoes"),
        _event("storyline.unlocked", "Second thoughts may change it again.", _NAMED, "undoes"),
        _event("storyline.muted", "A person wants to hear no more of it: lists leave it out.", _NAMED, "undoes"),
        _event("storyline.unmuted", "It is heard of again.", _NAMED, "undoes"),
        _event(
            "article.updated",
            "An article of the storyline was edited in substance; counts stay as they are.",
            {"storyline": STORYLINE, "article": EDITED, "backfill": BACKFILL},
        ),
        _event(
            "article.removed",
            "An article was forgotten on request: whoever keeps its text is asked to erase it.",
            {
                "storyline": STORYLINE,
                "article": GONE,
                "redacted": numbers("Positions of earlier events that read differently now, without its words."),
            },
        ),
        _event(
            "feed.failing",
            "A feed could not be read three times in a row, or said that it is gone.",
            {
                "feed": FEED,
                "state": text("`gone` is asked no more.", "active", "paused", "gone"),
                "failures": number("Failures in a row.", 1),
                "error": text("What went wrong, and the way out."),
                "last_success": maybe(moment("When it was last read.")),
            },
        ),
        _event(
            "feed.silent",
            "A feed answers well but has brought nothing new for longer than its own rhythm explains.",
            {
                "feed": FEED,
                "since": moment("When its newest entry came."),
                "entries_per_day": {"type": "number", "minimum": 0, "description": "Before it fell silent."},
            },
        ),
        _event(
            "feed.recovered",
            "What `feed.failing` or `feed.silent` told of is over: it is well, or was paused or removed.",
            {
                "feed": FEED,
                "after": text("Which of the two is over.", "failing", "silent"),
                "since": moment("When that was told."),
                "ended": text("A person ended it: nobody asks the feed any more.", "paused", "removed"),
            },
            "ended",
        ),
        _event(
            "pipeline.stalled",
            "Articles wait and none has moved for as long as `SLUGLINE_STALL_SECONDS` says.",
            {"since": moment("When one last moved."), "waiting": _WAITING},
        ),
        _event(
            "pipeline.recovered",
            "What `pipeline.stalled` told of is over: articles move again, or none waits.",
            {"since": moment("When the stall was told.")},
        ),
        _event(
            "alert.matched",
            "A rule matched: told once for each storyline, and once more when it surges.",
            MATCHED,
            *MATCHED_OPTIONAL,
        ),
    )
}
"""Every type, by name, in the order in which they are documented."""


def envelope(event: Event, source: str = SOURCE) -> dict[str, Any]:
    """An event as CloudEvents 1.0 in JSON, with `sequence`, `position` and `backfill` as extensions.

    Together `source` (a URI) and `id` name an event for ever. A type that is not declared has no `dataschema`.
    """
    declared = DECLARED.get(event.type)
    return {
        "specversion": SPECVERSION,
        "id": event.id,
        "source": source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time.isoformat(),
        "datacontenttype": "application/json",
        **({"dataschema": declared.dataschema} if declared else {}),
        "sequence": event.sequence,
        "position": event.position,
        "backfill": bool(event.data.get("backfill", False)),
        "data": dict(event.data),
    }


ENVELOPE: Schema = record(
    "An event as CloudEvents 1.0.",
    {
        "specversion": text("Of CloudEvents.", SPECVERSION),
        "id": text("Of the event; a repetition carries the same."),
        "source": text("The installation it comes from, a URI."),
        "type": text("One of the types below."),
        "subject": text("Whom it happened to: `storyline/ID`, `feed/ID`, `pipeline`, or `rule/ID` that matched."),
        "time": moment("When it happened."),
        "datacontenttype": text("Of `data`.", "application/json"),
        "dataschema": text("Names the schema of `data`; `GET /api/v1/schemas/{type}` gives it."),
        "sequence": number("Counts up by one for each subject, without gaps.", 1),
        "position": maybe(number("Its place in the log, without gaps; null until it is published.", 1)),
        "backfill": flag("Whether nothing fresh stands behind it, as with the first poll of a feed."),
        "data": {"type": "object", "description": "As the type says."},
    },
    "dataschema",
)
