"""JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1), read with forgiveness: what has the wrong type is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import FeedError
from pipeline.urls import mask


@dataclass(frozen=True, slots=True)
class Item:
    """One item as the document has it; absent fields are empty."""

    guid: str
    links: tuple[str, ...]
    title: str
    published: str
    modified: str
    summary: str
    content: str
    authors: tuple[str, ...]
    lang: str


@dataclass(frozen=True, slots=True)
class JsonFeed:
    """A whole document as it has it; absent fields are empty."""

    format: str
    title: str
    home: str
    lang: str
    items: tuple[Item, ...]


def load(text: str, url: str) -> JsonFeed:
    """Read a JSON Feed. Raises FeedError (reason `not-a-feed`) for any other JSON, or for what is none."""
    try:
        feed = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise FeedError(f"{mask(url)} begins like JSON but is none: {error}", reason="not-a-feed") from error
    version = _text(feed, "version") if isinstance(feed, dict) else ""
    items = feed.get("items") if isinstance(feed, dict) else None
    if "jsonfeed.org" not in version:
        raise FeedError(f"{mask(url)} is JSON but not a JSON Feed", reason="not-a-feed")
    number = version.rstrip("/").rpartition("/")[2]
    return JsonFeed(
        format=f"JSON Feed {number if number in ('1', '1.1') else ''}".strip(),
        title=_text(feed, "title"),
        home=_text(feed, "home_page_url"),
        lang=_text(feed, "language"),
        items=tuple(_item(item) for item in items if isinstance(item, dict)) if isinstance(items, list) else (),
    )


def _item(raw: Mapping[str, Any]) -> Item:
    guid = _text(raw, "id")
    return Item(
        guid=guid,
        # The id should be the permanent URL (1.1, "Items"), and is the only link that some feeds give.
        links=tuple(
            link for link in (_text(raw, "url"), guid if "://" in guid else "", _text(raw, "external_url")) if link
        ),
        title=_text(raw, "title"),
        published=_text(raw, "date_published"),
        modified=_text(raw, "date_modified"),
        summary=_text(raw, "summary"),
        content=_text(raw, "content_html") or _text(raw, "content_text"),
        authors=_authors(raw),
        lang=_text(raw, "language"),
    )


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
