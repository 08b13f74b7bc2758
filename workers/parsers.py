"""What runs inside the sandbox: the functions that touch untrusted bytes, by the name under which they are called."""

from __future__ import annotations

from datetime import datetime

from pipeline.articles import EntryHint, read_page
from pipeline.feeds.parse import parse
from pipeline.records import Extraction, FeedDocument
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from pipeline.storylines import copies


def read_article(
    body: bytes, url: str, content_type: str | None, hint: EntryHint | None
) -> tuple[Extraction, bytes | None]:
    """A page's article and the signature by which its copies are found. Raises RejectedError when it is none."""
    page = read_page(body, url=url, content_type=content_type, hint=hint)
    return page, copies.signature(page.text)


def read_feed(body: bytes, url: str, content_type: str | None, moment: datetime) -> FeedDocument:
    """A feed's entries. Raises FeedError when the body is no feed."""
    return parse(body, url=url, content_type=content_type, now=moment)


def sandbox(settings: Settings) -> Sandbox:
    """The sandbox of this process; to be made before any thread, event loop, engine or connection exists."""
    handlers = {"article": read_article, "feed": read_feed}
    return Sandbox(handlers, seconds=settings.parse_seconds, memory_bytes=settings.parse_memory_bytes)
