"""JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1), read with forgiveness: what has the wrong type is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.errors import FeedError
from pipeline.feeds import channel, pages
from pipeline.feeds.fields import Item, date_of, lang_of, plain, refuse_too_many
from pipeline.records import Entry, FeedDocument
from pipeline.urls import absolute, mask

# Writers that forgot the URL of the version have one of these.
_BARE_VERSIONS = ("1", "1.0", "1.1")
_ITEMS = re.compile(r'"items"\s{0,100}:\s{0,100}\[')
_BETWEEN = re.compile(r"[\s,]{0,1000}")


def read(text: str, url: str, now: datetime, problems: list[str]) -> tuple[FeedDocument, list[Item]]:
    """Give what the feed says of itself and its items as read; sentences on what was broken go to `problems`.

    A document that is cut off is read up to its last whole item. Raises FeedError: `not-a-feed` for any other JSON or
    for what is none, `challenge` for the JSON of a protecting service, `too-many-entries`.
    """
    feed = _load(text.lstrip("\ufeff"), url, problems)
    version = _text(feed, "version")
    if "jsonfeed.org" not in version and not _is_bare(feed, version):
        raise _refusal(feed, text, url)
    rows = feed.get("items")
    items = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    refuse_too_many(len(items), url)
    number = version.rstrip("/").rpartition("/")[2].removesuffix(".0")
    hubs = feed.get("hubs")
    links = [("self", _text(feed, "feed_url"))]
    for hub in hubs if isinstance(hubs, list) else ():
        if isinstance(hub, dict) and _text(hub, "type").lower() == "websub":
            links.append(("hub", _text(hub, "url")))
    push_hub, topic = channel.push(url, links)
    source = FeedDocument(
        format=f"JSON Feed {number if number in ('1', '1.1') else ''}".strip(),
        title=plain(_text(feed, "title")),
        home=absolute(url, _text(feed, "home_page_url")) or "",
        lang=lang_of(_text(feed, "language")),
        hub=push_hub,
        topic=topic,
    )
    return source, [_item(item, url, source.lang, now) for item in items]


def _load(text: str, url: str, problems: list[str]) -> Mapping[str, Any]:
    """The document as an object; an empty one for JSON that is another thing."""
    try:
        # Control characters in strings are forbidden, but harmless.
        feed = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        feed = _whole_part(text)
        if feed is None:
            raise FeedError(f"{mask(url)} begins like JSON but is none: {error}", reason="not-a-feed") from error
        problems.append(f"the JSON is damaged or cut off ({error}): read up to the last whole item")
    return feed if isinstance(feed, dict) else {}


def _whole_part(text: str) -> Any:
    """What stands up to the last item that is whole, or None where that is no JSON either."""
    start = _ITEMS.search(text)
    if start is None:
        return None
    decoder = json.JSONDecoder(strict=False)
    position = end = start.end()
    try:
        while (blank := _BETWEEN.match(text, position)) and text.startswith("{", blank.end()):
            position = end = decoder.raw_decode(text, blank.end())[1]
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(f"{text[:end]}]}}", strict=False)
    except (ValueError, RecursionError):
        return None


def _is_bare(feed: Mapping[str, Any], version: str) -> bool:
    """A feed whose version is a mere number; more has to speak for it, since many an API counts its versions."""
    named = _text(feed, "title") and (_text(feed, "home_page_url") or _text(feed, "feed_url"))
    return version in _BARE_VERSIONS and isinstance(feed.get("items"), list) and bool(named)


def _refusal(feed: Mapping[str, Any], text: str, url: str) -> FeedError:
    found = pages.recognise(text, url, {})
    if found is not None and found.reason == "challenge":
        return pages.refusal(found, url)
    said = next((words for name in ("message", "detail", "error") if (words := _text(feed, name))), "")
    words = f"; it says: {plain(said)[:200]}" if said else "; look for the address of its RSS, Atom or JSON feed"
    return FeedError(f"{mask(url)} is JSON but not a JSON Feed{words}", reason="not-a-feed")


def _item(raw: Mapping[str, Any], url: str, lang: str | None, now: datetime) -> Item:
    guid = _text(raw, "id")
    # The id should be the permanent URL (1.1, "Items"), and is the only link that some feeds give.
    links = (_text(raw, "url"), guid if "://" in guid else "", _text(raw, "external_url"))
    modified = _text(raw, "date_modified")
    published, ahead = date_of(now, _text(raw, "date_published"), modified)
    entry = Entry(
        key="",
        url=next((found for link in links if link and (found := absolute(url, link))), ""),
        title=plain(_text(raw, "title")),
        published=published,
        updated=date_of(now, modified)[0],
        summary=_text(raw, "summary"),
        content=_text(raw, "content_html") or _text(raw, "content_text"),
        authors=tuple(dict.fromkeys(name for name in map(plain, _authors(raw)) if name)),
        lang=lang_of(_text(raw, "language")) or lang,
    )
    return Item(entry, guid, ahead)


def _authors(raw: Mapping[str, Any]) -> tuple[str, ...]:
    rows = raw.get("authors")
    rows = rows if isinstance(rows, list) else [raw.get("author")]
    return tuple(name for row in rows if isinstance(row, dict) and (name := _text(row, "name")))


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    # Version 1.1 wants ids to be text and asks readers to make text of numbers.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""
