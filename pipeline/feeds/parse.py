"""From the bytes of a feed to its entries: RSS 0.9x to 2.0, RSS 1.0, Atom, JSON Feed, sitemaps.

`parse` is a plain function of picklable things, made to run in a process that can be killed. Badly formed is not
failed, and empty is not failed: what can be read is read, and sentences say what was broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from pipeline.errors import FeedError
from pipeline.feeds import jsonfeed, pages, sitemap, xmlfeed
from pipeline.feeds.fields import Item, canonical_of
from pipeline.feeds.identity import with_keys
from pipeline.feeds.text import to_text, to_xml, unpack
from pipeline.records import FeedDocument
from pipeline.urls import mask, without_credentials


def parse(
    body: bytes, *, url: str, content_type: str | None, now: datetime, headers: Mapping[str, str] | None = None
) -> FeedDocument:
    """Read the feed that `url` answered with; `content_type` is the header as it came, or None.

    Each entry has an absolute http(s) URL to fetch, a key that no other entry of the document has, plain text for a
    title, HTML as it came (unsafe to show) for summary and content, and dates in UTC: `published` falls back to the
    date of the last change, stays None when neither can be read, and is never later than `now`. A sitemap index has
    `sitemaps` and no entries (see `sitemap`). A body that is still packed (`.xml.gz`) is unpacked.

    `headers` (lower-case names) help to recognise a challenge. Raises FeedError with the reason `empty`, `too-large`,
    `too-many-entries`, `unreadable`, `not-a-feed` (the text says what it is and what feeds it names), `challenge`,
    `parked`, `consent`, `login` or `error-page`.
    """
    source, items = read(body, url=url, content_type=content_type, now=now, headers=headers)
    return _document(source, items, url)


def read(
    body: bytes, *, url: str, content_type: str | None, now: datetime, headers: Mapping[str, str] | None = None
) -> tuple[FeedDocument, list[Item]]:
    """As `parse`, but gives every item as it was read, those without a link and those printed twice too."""
    # Relative links are resolved against it: a password for the feed is none for articles, nor for all who see them.
    url = without_credentials(url)
    body, problems = unpack(body, url)
    if not body.strip(b"\0 \t\r\n"):
        raise FeedError(f"{mask(url)} answered with an empty body", reason="empty")
    text, mended = to_text(body, content_type)
    problems += mended
    if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        source, items = jsonfeed.read(text, url, now, problems)
    else:
        pages.refuse_other_documents(text, url, headers or {})
        xml, mended = to_xml(text)
        problems += mended
        reader = sitemap.read if pages.root(xml).rpartition(":")[2] in sitemap.ROOTS else xmlfeed.read
        source, items = reader(xml, url, now, problems)
    return replace(source, problems=tuple(problems)), items


def _document(source: FeedDocument, items: list[Item], url: str) -> FeedDocument:
    places = {place for place in (canonical_of(url), canonical_of(source.home)) if place}
    usable = [item for item in items if item.entry.url]
    entries, repeated = with_keys([item.entry for item in usable], [item.guid for item in usable], not_links=places)
    to_places = sum(canonical_of(entry.url) in places for entry in entries)
    counted = (
        (len(items) - len(usable), "without a link to an article: left out"),
        (repeated, "printed twice: taken once"),
        (sum(item.future for item in usable), "dated in the future: taken as of now"),
        (to_places, "linking to the feed itself or to its home page"),
    )
    sentences = [f"{count} {'entry' if count == 1 else 'entries'} {what}" for count, what in counted if count]
    return replace(source, entries=tuple(entries), problems=(*source.problems, *sentences))
