"""Sitemaps (sitemaps.org protocol 0.9), Google's news sitemaps, and sitemap indexes, as libxml2 reads them.

Nothing is fetched here: an index gives the sitemaps that it names, and whoever polls it hands their bytes to the same
`parse`. News is about what is new, so of a plain sitemap, which lists all that a site ever had, only pages are taken
that changed of late.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

from pipeline.errors import FeedError
from pipeline.feeds import pages
from pipeline.feeds.fields import Item, date_of, lang_of, plain, refuse_too_many, unescape_link
from pipeline.records import Entry, FeedDocument, Sitemap
from pipeline.urls import absolute, mask

ROOTS = ("urlset", "sitemapindex")
"""The root elements, without a namespace's prefix."""
RECENT = timedelta(days=7)
"""A page of a plain sitemap is taken when it changed within this time: a site that was away for some days loses
nothing, and the first poll does not bring years."""
MAX_PAGES = 1_000
"""Pages taken of one plain sitemap, the latest; it is what the protocol of news sitemaps allows for two days."""
MAX_URLS = 100_000
"""Pages looked at in one document; the protocol allows 50,000."""
MAX_SITEMAPS = 100
"""Sitemaps of one index that are told, the latest; an index may name 50,000."""

_RECORDS = ("{*}url", "{*}sitemap")
# Bytes handed to the parser at once: what it has read but we have not looked at stays in memory.
_CHUNK = 262_144
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?\Z")


@dataclass(frozen=True, slots=True)
class _Row:
    """One `url` or `sitemap` element, as text; absent fields are empty."""

    loc: str
    lastmod: str = ""
    news: bool = False
    published: str = ""
    title: str = ""
    lang: str = ""
    publication: str = ""


def read(xml: str, url: str, now: datetime, problems: list[str]) -> tuple[FeedDocument, list[Item]]:
    """Give what a sitemap or an index says; sentences on what was broken or left out go to `problems`.

    - "News sitemap": every page with `news:news`, dated by its `publication_date`; pages without it are no news.
    - "Sitemap": the at most MAX_PAGES latest pages with a `lastmod` within RECENT. The date is that of a change, so
      `updated` is set and `published` is not: a page of 2015 that was touched today is not of today. None within
      RECENT is a quiet site. Where no page has a date, or too many have the same, nothing says which pages are new,
      and the sitemap is refused.
    - "Sitemap index": `sitemaps`, the latest first, undated ones in their order behind them.

    `xml` is what `text.to_xml` made. Raises FeedError (`not-a-feed`, `unreadable`).
    """
    rows = list(_rows(xml, url, problems))
    if any(kind == "sitemap" for kind, _ in rows) or "sitemapindex" in pages.root(xml):
        return _index([row for kind, row in rows if kind == "sitemap"], url, now, problems), []
    found = [row for _, row in rows]
    news = [row for row in found if row.news]
    if news and len(news) < len(found):
        problems.append(f"{len(found) - len(news):,} pages that are not marked as news: left out")
    refuse_too_many(len(news), url)
    items = [_story(row, url, now) for row in news] or _recent(found, url, now, problems)
    names = Counter(row.publication for row in news if row.publication).most_common(1)
    langs = Counter(lang for row in news if (lang := lang_of(row.lang))).most_common(1)
    source = FeedDocument(
        format="News sitemap" if news else "Sitemap",
        title=plain(names[0][0]) if names else "",
        lang=langs[0][0] if langs else None,
    )
    return source, items


def _index(rows: list[_Row], url: str, now: datetime, problems: list[str]) -> FeedDocument:
    oldest = datetime.min.replace(tzinfo=UTC)
    dated = [(_date(row.lastmod, now), row.loc) for row in rows]
    dated.sort(key=lambda pair: pair[0] or oldest, reverse=True)
    if len(dated) > MAX_SITEMAPS:
        problems.append(f"names {len(dated):,} sitemaps: the {MAX_SITEMAPS} latest are looked at")
    found: dict[str, Sitemap] = {}
    for modified, loc in dated[:MAX_SITEMAPS]:
        link = absolute(url, unescape_link(loc))
        if link and link != url:
            found.setdefault(link, Sitemap(url=link, modified=modified))
    return FeedDocument(format="Sitemap index", sitemaps=tuple(found.values()))


def _story(row: _Row, url: str, now: datetime) -> Item:
    published, ahead = date_of(now, row.published, row.lastmod)
    entry = Entry(
        key="",
        url=absolute(url, unescape_link(row.loc)) or "",
        title=plain(row.title, markup=True),
        published=published,
        updated=_date(row.lastmod, now),
        lang=lang_of(row.lang),
    )
    return Item(entry, future=ahead)


def _recent(rows: list[_Row], url: str, now: datetime, problems: list[str]) -> list[Item]:
    """The latest pages of a plain sitemap, the latest first."""
    dated = [(moment, row) for row in rows if (moment := _date(row.lastmod, now)) is not None]
    if rows and not dated:
        raise _no_news(f"has no dates for its {len(rows):,} pages", url)
    # A bare date is its midnight; the day counts as a whole.
    fresh = [(moment, row) for moment, row in dated if moment >= now - RECENT - timedelta(days=1)]
    fresh.sort(key=lambda pair: pair[0], reverse=True)
    if len(fresh) > MAX_PAGES and fresh[0][0] == fresh[MAX_PAGES][0]:
        # Made by generators that write the date of the build for every page.
        raise _no_news(f"gives the same date to {len(fresh):,} pages", url)
    if len(fresh) > MAX_PAGES:
        problems.append(f"{len(fresh):,} pages changed within {RECENT.days} days: the {MAX_PAGES} latest were taken")
    elif dated and not fresh:
        problems.append(f"none of {len(dated):,} pages changed within {RECENT.days} days")
    return [
        Item(Entry(key="", url=absolute(url, unescape_link(row.loc)) or "", updated=moment))
        for moment, row in fresh[:MAX_PAGES]
    ]


def _no_news(why: str, url: str) -> FeedError:
    words = f"{mask(url)} is a sitemap that {why}, so nothing says which are new"
    return FeedError(f"{words}; look for the site's news sitemap or its feed", reason="not-a-feed")


def _date(text: str, now: datetime) -> datetime | None:
    """As `date_of`, with a short cut for what nearly all sitemaps write: a document has up to 50,000 of them."""
    if _INSTANT.match(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if moment.year > 1990:  # what is older is left to date_of, which knows placeholders
            return min(moment.astimezone(UTC), now.astimezone(UTC))
    return date_of(now, text)[0]


def _rows(xml: str, url: str, problems: list[str]) -> Iterator[tuple[str, _Row]]:
    """Each `url` and `sitemap` element with its name, one in memory at a time.

    Namespaces are ignored: sitemaps have been seen without any, with a wrong one, and with prefixes never declared.
    """
    parser = etree.XMLPullParser(
        events=("end",), tag=_RECORDS, recover=True, resolve_entities=False, no_network=True, huge_tree=False
    )
    data = xml.encode("utf-8")
    count = 0
    for start in range(0, len(data), _CHUNK):
        parser.feed(data[start : start + _CHUNK])
        element: Any  # the stubs let events be more than elements, which they are not here
        for _, element in parser.read_events():
            count += 1
            if count > MAX_URLS:
                problems.append(f"has more than {MAX_URLS:,} pages: the first of them were looked at")
                return
            row = _row(element)
            if row.loc:
                yield _local(element.tag), row
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    with suppress(etree.XMLSyntaxError):  # what is missing at the end is in the log then
        parser.close()
    errors = parser.feed_error_log
    if errors and not count:
        words = f"{mask(url)} cannot be read as a sitemap (line {errors[0].line}: {errors[0].message.strip()})"
        raise FeedError(words, reason="unreadable")
    if errors:
        problems.append(f"not well-formed, read as far as it goes (line {errors[0].line}: {errors[0].message.strip()})")


def _row(element: Any) -> _Row:
    texts: dict[str, str] = {}
    news = False
    # Only the levels that the protocol has: images and videos have a `loc` and a `title` of their own.
    for one in element:
        name = _local(one.tag)
        if name == "news":
            news = True
            for two in one:
                name = _local(two.tag)
                for three in two if name == "publication" else ():
                    texts.setdefault(_local(three.tag), _text(three))
                texts.setdefault(name, _text(two))
        else:
            texts.setdefault(name, _text(one))
    return _Row(
        loc=texts.get("loc", ""),
        lastmod=texts.get("lastmod", ""),
        news=news,
        published=texts.get("publication_date", ""),
        title=texts.get("title", ""),
        lang=texts.get("language", ""),
        publication=texts.get("name", ""),
    )


def _text(element: Any) -> str:
    text = "".join(element.itertext()) if len(element) else element.text
    return text.strip() if text else ""


def _local(tag: object) -> str:
    """The name without its namespace or prefix, lower-case; empty for a comment."""
    return tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(tag, str) else ""
