"""What runs inside the sandbox: the functions that touch untrusted bytes, by the name under which they are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from pipeline.articles import EntryHint, read_page, read_text, text_from_feed, warm
from pipeline.feeds.parse import parse
from pipeline.records import Extraction, FeedDocument, Marks
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from workers import marks
from workers.marks import Asked


def read_article(
    body: bytes, url: str, content_type: str | None, hint: EntryHint | None, asked: Asked
) -> tuple[Extraction, Marks]:
    """A page's article and its marks; `url` is where the page was found. Raises RejectedError when it is none."""
    page = read_page(body, url=url, content_type=content_type, hint=hint)
    return page, marks.of_page(page, asked)


def read_feed_text(hint: EntryHint, asked: Asked) -> tuple[Extraction, Marks] | None:
    """The article as its feed carried it, for when its page cannot be had; None when the feed has a teaser only."""
    text = text_from_feed(hint)
    if not text:
        return None
    made = read_text(
        text, title=hint.title, url=asked.url, published=hint.published, authors=hint.authors, lang=hint.lang
    )
    given = {"title": made.title, "authors": made.authors, "published": made.published, "lang": hint.lang}
    sources = {**made.sources, **{name: "feed" for name, value in given.items() if value}, "text": "feed"}
    page = replace(made, sources=sources)
    return page, marks.of_page(page, asked)


def read_feed(
    body: bytes, url: str, content_type: str | None, moment: datetime, headers: dict[str, str] | None = None
) -> FeedDocument:
    """A feed's entries. Raises FeedError when the body is no feed; the headers help to say what it is instead."""
    return parse(body, url=url, content_type=content_type, now=moment, headers=headers)


def sandbox(settings: Settings) -> Sandbox:
    """The sandbox of this process; to be made before any thread, event loop, engine or connection exists."""
    handlers: dict[str, Callable[..., Any]] = {
        "article": read_article,
        "feed": read_feed,
        "feed-text": read_feed_text,
    }
    # Warmed up: each batch has a child of its own, and a cold one takes 0.3 s to load what its first page needs.
    return Sandbox(handlers, seconds=settings.parse_seconds, memory_bytes=settings.parse_memory_bytes, warm=warm)
