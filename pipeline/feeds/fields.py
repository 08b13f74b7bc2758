"""What every dialect needs: an item as read, one line of plain text, a date to be trusted, a language, a link."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.errors import FeedError, InputError
from pipeline.feeds.dates import parse_date
from pipeline.records import Entry
from pipeline.urls import canonical, mask

MAX_ENTRIES = 20_000
"""Entries in one document. No burst is cut short by it (real feeds have up to 1,000); ten megabytes of `<item/>` are
a bomb of more than a million."""
MAX_TITLE = 1_000
"""Characters of a title; what is longer is somebody's article in the wrong element."""

# Dates before this are placeholders (0001-01-01, the Unix epoch); the web's first news page is of 1990 at the earliest.
_FIRST_YEAR = 1990
# Ahead of our clock by more than this is worth a sentence; less is a clock that runs fast.
_FAST_CLOCK = timedelta(minutes=10)
# A tag ends at the next one at the latest: looking on from each of many `<` would take quadratic time.
_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
_LANG = re.compile(r"[a-z]{2,3}\b")


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as read, before it is known whether it can be used: its URL may be empty, its key is.

    `guid` is the feed's own; `future` says that a date of it lay ahead of our clock.
    """

    entry: Entry
    guid: str = ""
    future: bool = False


def refuse_too_many(count: int, url: str) -> None:
    """Raise FeedError (`too-many-entries`) for more than MAX_ENTRIES."""
    if count > MAX_ENTRIES:
        raise FeedError(f"{mask(url)} has {count} entries; {MAX_ENTRIES} is the limit", reason="too-many-entries")


def plain(text: str, *, markup: bool = False) -> str:
    """One line of plain text: entities undone, blanks single, and tags removed where `markup` says that it has any."""
    if markup:
        text = _TAG.sub("", text[: MAX_TITLE * 20])
    return " ".join(html.unescape(text).split())[:MAX_TITLE]


def date_of(now: datetime, *texts: str) -> tuple[datetime | None, bool]:
    """The first of `texts` that can be read, at most `now`; and whether it was in the future."""
    for text in texts:
        moment = parse_date(text, now) if text else None
        if moment is not None and moment.year >= _FIRST_YEAR:
            return min(moment, now.astimezone(UTC)), moment > now + _FAST_CLOCK
    return None, False


def lang_of(text: str | None) -> str | None:
    """The language subtag (BCP 47), lower-case: `en` for `en-US`."""
    match = _LANG.match((text or "").strip().lower().replace("_", "-"))
    return match.group(0) if match else None


def unescape_link(link: str) -> str:
    """Undo HTML escaping that a feed left in a link; not where a bare `&` says that it was undone already."""
    return html.unescape(link) if "&amp;" in link and not re.search(r"&(?!amp;)", link) else link


def canonical_of(url: str) -> str:
    """The canonical form of `url`, or an empty text where it has none."""
    try:
        return canonical(url)
    except InputError:
        return ""
