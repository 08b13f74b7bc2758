"""Feeds as the pages show them: words and drawings, no queries."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.feeds.pace import remembered
from pipeline.feeds.words import often, spell
from pipeline.records import Feed, FeedState, Subscription
from pipeline.urls import mask
from workers import feedview
from workers.web import plots, show

_NEXT = re.compile(r"(?:^|(?<=; ))next in [^:;]{1,20}: ")  # where it stands beside the time of the next poll
SPARK = (96.0, 20.0)  # width and height of the rhythm in a list
_WORDS = {
    "well": "Well",
    "new": "New",
    "failing": "Failing",
    "silent": "Silent",
    "paused": "Paused",
    "gone": "Gone",
}


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A feed in a list. `spark` is the path of its rhythm over the hours of a day, or empty; `why` says what is wrong
    with it, or else why it is polled next when it is."""

    id: int
    name: str
    url: str
    host: str
    tags: Sequence[str]
    standing: str
    word: str
    why: str
    rate: str
    spark: str
    last_success: datetime | None
    due: datetime | None
    until: str


def row(feed: Feed, now: datetime) -> FeedRow:
    standing = feedview.standing(feed)
    url = mask(feed.url)
    active = feed.state == FeedState.ACTIVE
    return FeedRow(
        id=feed.id,
        name=feed.title or url,
        url=url,
        host=feed.host_key or show.host(url),
        tags=feed.tags,
        standing=standing,
        word=_WORDS[standing] + (f" ×{feed.failures}" if standing == "failing" and feed.failures > 1 else ""),
        why=show.first_upper(_NEXT.sub("", feedview.why(feed, now))),
        rate=rate(feed),
        spark=plots.bars(plots.by_hour(remembered(feed.pace)), *SPARK),
        last_success=feed.last_success,
        due=feed.due if active else None,
        until=until(feed.due, now) if active and feed.due else "",
    )


def rate(feed: Feed) -> str:
    """Entries a day as a number that can be read at a glance; a dash as long as nothing is known."""
    if feed.last_success is None:
        return "–"
    return f"{feed.entries_per_day:,.0f}" if feed.entries_per_day >= 10 else f"{feed.entries_per_day:.1f}"


def until(when: datetime, now: datetime) -> str:
    """When something is due: `in 4 min`, `now`, or for how long it has been due."""
    seconds = (when - now).total_seconds()
    if seconds >= 1:
        return f"in {spell(seconds)}"
    return "now" if seconds > -60 else f"due for {show.span(-seconds)}"


def facts(feed: Feed, held: Subscription | None, now: datetime) -> list[tuple[str, str | datetime]]:
    """All that is known of a feed beside what stands at the top of its page: names and values, none empty."""
    shown = feedview.view(feed, None, now)
    moved = f"{shown['moved_to']} (seen {show.counted(feed.moved_seen, 'time')})" if feed.moved_to else ""
    rows: list[tuple[str, Any]] = [
        ("Format", feed.format),
        ("Rate", often(feed.entries_per_day) if feed.last_success else ""),
        ("Interval of polls", spell(feed.interval) if feed.interval else ""),
        ("Failed polls in a row", show.number(feed.failures) if feed.failures else ""),
        ("First polled", feed.first_polled),
        ("Last polled", feed.last_polled),
        ("Last success", feed.last_success),
        ("Last new entry", feed.last_new),
        ("Moves to", moved),
        ("WebSub", feedview.websub(feed, held, now)),
        ("Added", feed.created),
    ]
    return [(name, value) for name, value in rows if value not in ("", None)]


def remembered_facts(feed: Feed, now: datetime) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the schedule remembers, what the feed asks for and by what its entries are told apart; names and values."""
    shown = feedview.view(feed, None, now)
    parts = (("What the schedule remembers", "pace"), ("What the feed asks for", "hints"), ("Identity", "identity"))
    return [(title, _plain(shown[name])) for title, name in parts if shown[name]]


def _plain(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), _text(value)) for name, value in values.items()]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(one)}" for name, one in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def since(now: datetime) -> datetime:
    """From when on entries are in the rhythm of a feed's page."""
    return now - timedelta(days=plots.DAYS)
