"""Events in words for people: one line that says what happened, and why. Headlines come from the open web: they are
bare text here, on one line, and whoever puts them into HTML or Markdown escapes them there."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

LINE_CHARS = 300  # of a headline or a name; newsrooms keep to a third of it
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # control, direction, surrogates and the like
_JOINS = "\u200c\u200d"  # which scripts and emoji need


def clean(text: object, most: int = LINE_CHARS) -> str:
    """Text on one line, without what is not to be seen, cut after `most` characters."""
    bare = "".join(
        char if char in _JOINS or unicodedata.category(char) not in _HIDDEN else " " for char in str(text)[: most * 4]
    )
    line = " ".join(bare.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


_STORYLINES = {
    "storyline.opened": "New: {}",
    "storyline.grew": "{} goes on",
    "storyline.emerging": "{} begins",
    "storyline.developing": "{} is developing",
    "storyline.surging": "{} is surging",
    "storyline.quiet": "{} has gone quiet",
    "storyline.closed": "{} is closed",
    "storyline.merged": "{}: two storylines became one",
    "storyline.split": "{}: a part became a storyline of its own",
    "storyline.moved": "{}: articles were moved",
    "article.updated": "{}: an article was edited",
    "article.removed": "{}: an article was forgotten",
}


def severity(type_: str, data: Mapping[str, Any]) -> str:
    """How much it matters: `critical`, `warning`, `info`, or `over` for the end of a trouble."""
    if type_.endswith(".recovered"):
        return "over"
    if type_ == "pipeline.stalled" or (type_ == "alert.matched" and data.get("level") == "surge"):
        return "critical"
    return "warning" if type_ in ("alert.matched", "feed.failing") else "info"


def summary(type_: str, data: Mapping[str, Any]) -> str:
    """What happened, in one line."""
    if type_ == "alert.matched":
        return _matched(data)
    if type_.startswith("feed."):
        return f"{_feed(data)} {_of_feed(type_, data)}"
    if type_ == "pipeline.stalled":
        return "No article moves, and some wait"
    if type_ == "pipeline.recovered":
        return "Articles move again"
    if type_.startswith(("storyline.", "article.")):
        said = _STORYLINES.get(type_, "{}: " + clean(type_.partition(".")[2]))
        return said.replace("{}", _headline(data), 1)
    return clean(data.get("message") or type_)


def why(type_: str, data: Mapping[str, Any]) -> str:
    """Why it is told, in a few lines, with the article that caused it; may be empty."""
    article = data.get("article") if type_ == "alert.matched" else None
    told = [article.get("title"), article.get("outlet"), article.get("url")] if article else []
    named = clean(" · ".join(filter(None, told)), 900)
    return "\n".join(filter(None, (reasons(type_, data), named)))


def reasons(type_: str, data: Mapping[str, Any]) -> str:
    """Why it is told, in a few lines; may be empty."""
    if type_ == "alert.matched":
        given = data.get("why") or ()
        return "\n".join(f"{clean(one.get('condition', ''))}: {clean(one.get('found', ''))}" for one in given)
    if type_ == "feed.failing":
        return f"{data.get('failures', 0)} failures in a row: {clean(data.get('error') or 'no reason was noted', 600)}"
    if type_ == "feed.silent":
        return f"Its newest entry came {clean(data.get('since') or 'long ago')}; before it had " + (
            f"{float(data.get('entries_per_day') or 0):.1f} a day"
        )
    if type_ == "pipeline.stalled":
        waiting = ", ".join(f"{count} {state}" for state, count in (data.get("waiting") or {}).items())
        return f"Nothing moved since {clean(data.get('since') or 'long ago')}" + (
            f"; waiting: {waiting}" * bool(waiting)
        )
    if type_.endswith(".recovered"):
        return f"It was told {clean(data.get('since') or 'before')}"
    found = data.get("storyline") or {}
    return f"{found['articles']} articles of {found.get('outlets', 0)} outlets" if "articles" in found else ""


def _matched(data: Mapping[str, Any]) -> str:
    rule = clean((data.get("rule") or {}).get("name") or "a rule")
    if data.get("level") == "digest":
        return f"{rule}: {data.get('count', 0)} matches were held back ({clean(data.get('held') or 'later')})"
    if data.get("storyline"):
        words = _headline(data)
        return f"{rule}: {words} (surging)" if data.get("level") == "surge" else f"{rule}: {words}"
    if data.get("feed"):
        cause = str(data.get("cause") or "feed.failing")
        return f"{rule}: {_feed(data)} {_of_feed(cause, data)}"
    return f"{rule}: {clean(data.get('cause') or 'it matched')}"


def _of_feed(type_: str, data: Mapping[str, Any]) -> str:
    if type_ == "feed.failing":
        return "is gone" if data.get("state") == "gone" else "cannot be read"
    if type_ == "feed.silent":
        return "has fallen silent"
    if data.get("ended"):
        return f"was {clean(data['ended'])}"
    if data.get("ended"):
        return f"is not asked any more: it was {clean(data['ended'])}"
    return "brings news again" if data.get("after") == "silent" else "can be read again"


def _headline(data: Mapping[str, Any]) -> str:
    found = data.get("storyline") or {}
    return clean(found.get("headline") or f"storyline {found.get('id', '')}")


def _feed(data: Mapping[str, Any]) -> str:
    found = data.get("feed") or {}
    return clean(found.get("title") or found.get("url") or f"feed {found.get('id', '')}")
