"""Parts of the schemas of events, in JSON Schema 2020-12. Objects stay open: fields may be added, none goes away or
changes its meaning under the same `dataschema`."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def number(meaning: str, least: int = 0) -> Schema:
    return {"type": "integer", "minimum": least, "description": meaning}


def text(meaning: str, *choices: str) -> Schema:
    return {"type": "string", "description": meaning} | ({"enum": list(choices)} if choices else {})


def flag(meaning: str) -> Schema:
    return {"type": "boolean", "description": meaning}


def moment(meaning: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": meaning}


def numbers(meaning: str) -> Schema:
    return {"type": "array", "items": {"type": "integer", "minimum": 1}, "description": meaning}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return schema | {"type": [schema["type"], "null"]}


def record(meaning: str, properties: Schema, *optional: str) -> Schema:
    """An object that has all of these but for the `optional` ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": meaning, "required": required, "properties": properties}


STORYLINE = record(
    "The storyline as it is after the event.",
    {
        "id": number("Its id, for ever.", 1),
        "headline": text("What it is called; empty where that was an article's title which was forgotten."),
        "state": text(
            "Where it is in its life; `empty` when all its articles went elsewhere.",
            "emerging",
            "developing",
            "surging",
            "quiet",
            "closed",
            "empty",
        ),
        "declared": flag("Whether a person gave it title and text beforehand."),
        "articles": number("Articles in it, reprints counted."),
        "originals": number("Articles in it that are no reprints."),
        "outlets": number("Outlets that cover it."),
    },
)
_ARTICLE: Schema = {
    "id": number("Its id.", 1),
    "url": text("Its URL, without login; empty when it was forgotten."),
    "title": text("Its title; empty when it was forgotten."),
    "outlet": text("Who published it; may be empty."),
    "published": maybe(moment("When, as far as it says.")),
    "copy_of": maybe(number("The article of which it is a reprint.", 1)),
    "forgotten": flag("Its text was erased: it is not to be shown any more."),
}
ARTICLE = record("The article that caused it.", _ARTICLE, "forgotten")
EDITED = record(
    "The article in its new version.",
    _ARTICLE
    | {
        "version": number("Which version of it this is.", 1),
        "changed": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What of it changed, such as `title` or `text`.",
        },
    },
    "forgotten",
)
GONE = record(
    "The article that was forgotten.",
    {"id": number("Its id.", 1), "forgotten": flag("True.")},
)
BACKFILL = flag("Whether nothing fresh stands behind it, as with the first poll of a feed: ring nobody.")
WHY: Schema = {"type": "object", "description": "The figures it was decided on; empty where a person decided."}

CHANGE: Schema = {
    "change": number("The change that caused it, as `slugline storylines history` numbers it.", 1),
    "by": text("Who made the change.", "people", "second thoughts"),
    "command": maybe(number("The command of the person who asked for it.", 1)),
    "why": WHY,
    "undoes": number("The change that this one takes back.", 1),
}
"""Of what people or second thoughts change. `undoes` is there only where something is taken back."""
MOVED: Schema = {
    "moved": number("How many articles moved."),
    "articles": numbers("Their ids, the first 200."),
}
FEED = record(
    "The feed.",
    {
        "id": number("Its id.", 1),
        "url": text("Its URL, without login."),
        "title": text("Its title; may be empty."),
    },
)

_REASONS: Schema = {
    "type": "array",
    "description": "The conditions of the rule that made it match.",
    "items": record(
        "A condition.",
        {
            "condition": text("As the rule has it."),
            "found": text("What met it, such as “in 3 of 12 articles”."),
        },
    ),
}
_RUNG = "`first`: the rule matches for the first time. `surge`: a storyline that it rang for surges."
MATCHED: Schema = {
    "rule": record("The rule that matched.", {"id": number("Its id.", 1), "name": text("Its name.")}),
    "sinks": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Names of the sinks that it is for; empty: all of them.",
    },
    "level": text(f"{_RUNG} `digest`: what was held back, told at once.", "first", "surge", "digest"),
    "cause": text("The type of the event that made it match."),
    "storyline": STORYLINE,
    "article": ARTICLE,
    "feed": FEED,
    "why": _REASONS,
    "held": text("Why it was held back.", "quiet hours", "cool-down", "too many"),
    "count": number("How many matches were held back.", 1),
    "matches": {
        "type": "array",
        "description": "What was held back, the first 50.",
        "items": record(
            "A match.",
            {
                "level": text(_RUNG, "first", "surge"),
                "time": moment("When it matched."),
                "cause": text("The type of the event that made it match."),
                "storyline": STORYLINE,
                "feed": FEED,
                "why": _REASONS,
            },
            "storyline",
            "feed",
        ),
    },
    "backfill": flag("False: what is no news rings nobody."),
}
"""Of what a rule matched: storyline and article, or feed, or neither for the pipeline; in a digest only `matches`."""
MATCHED_OPTIONAL = ("cause", "storyline", "article", "feed", "why", "held", "count", "matches")
