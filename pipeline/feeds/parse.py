"""From the bytes of a feed to its entries: RSS 0.9x to 2.0, RSS 1.0, Atom (feedparser) and JSON Feed.

`parse` is a plain function of picklable things, made to run in a process that can be killed. Badly formed is not
failed, and empty is not failed: what can be read is read, and sentences say what was broken.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser

from pipeline.errors import FeedError, InputError
from pipeline.feeds import jsonfeed
from pipeline.feeds.dates import parse_date
from pipeline.feeds.identity import with_keys
from pipeline.feeds.text import to_text, to_xml
from pipeline.records import Entry, FeedDocument
from pipeline.urls import absolute, canonical, mask

MAX_ENTRIES = 20_000
"""Entries in one document. No burst is cut short by it (real feeds have up to 1,000); ten megabytes of `<item/>` are
a bomb of more than a million."""
MAX_ATTRIBUTES = 1_000
"""Attributes of one tag; the most that formats define for one is about ten, namespace declarations included fifty."""
MAX_TITLE = 1_000
"""Characters of a title; what is longer is somebody's article in the wrong element."""

_FORMATS = {
    "rss090": "RSS 0.90",
    "rss091n": "RSS 0.91",
    "rss091u": "RSS 0.91",
    "rss092": "RSS 0.92",
    "rss093": "RSS 0.93",
    "rss094": "RSS 0.94",
    "rss20": "RSS 2.0",
    "rss10": "RSS 1.0",
    "rss": "RSS",
    "atom01": "Atom 0.1",
    "atom02": "Atom 0.2",
    "atom03": "Atom 0.3",
    "atom10": "Atom 1.0",
    "atom": "Atom",
    "cdf": "CDF",
}
# Dates before this are placeholders (0001-01-01, the Unix epoch); the web's first news page is of 1990 at the earliest.
_FIRST_YEAR = 1990
# Ahead of our clock by more than this is worth a sentence; less is a clock that runs fast.
_FAST_CLOCK = timedelta(minutes=10)

_ITEM = re.compile(r"<(?:[A-Za-z][\w.-]{0,30}:)?(?:item|entry)[\s/>]", re.IGNORECASE)
_LONG_TAG = re.compile(r"<[A-Za-z][^<>]{4000,}")
_TAG = re.compile(r"</?[A-Za-z!][^>]*>")
# A feed that some layer of the server wrapped into a page; pages that show a feed's source have it escaped.
_EMBEDDED = re.compile(r"<(?:rss|feed|rdf:RDF)\s[^<>]{0,500}(?:xmlns|version)\s*=")
_SKIPPED = (("<!--", "-->"), ("<?", "?>"))
_NAME = re.compile(r"<([A-Za-z_][\w.:-]{0,60})")
_PAGE_TAGS = frozenset(("html", "head", "body", "script", "meta", "title", "div", "table", "p"))
_LINK = re.compile(r"<link\b[^>]{1,1000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z-]{1,20})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml")
_LANG = re.compile(r"[a-z]{2,3}\b")


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry as read, before it is known whether it can be used."""

    entry: Entry
    guid: str
    future: bool


def parse(body: bytes, *, url: str, content_type: str | None, now: datetime) -> FeedDocument:
    """Read the feed that `url` answered with; `content_type` is the header as it came, or None.

    Each entry has an absolute http(s) URL to fetch, a key that no other entry of the document has, plain text for a
    title, HTML as it came (unsafe to show) for summary and content, and dates in UTC: `published` falls back to the
    date of the last change, stays None when neither can be read, and is never later than `now`.

    Raises FeedError with the reason `empty`, `not-a-feed`, `too-many-entries` or `unreadable`.
    """
    if not body.strip(b"\0 \t\r\n"):
        raise FeedError(f"{mask(url)} answered with an empty body", reason="empty")
    text, problems = to_text(body, content_type)
    if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        source, items = _read_json(text, url, now)
    else:
        _refuse_other_documents(text, url)
        xml, mended = to_xml(text)
        problems += mended
        source, items = _read_xml(xml, url, now, problems)
    return _document(source, items, url, problems)


def _document(source: FeedDocument, items: list[_Item], url: str, problems: list[str]) -> FeedDocument:
    places = {place for place in (_canonical(url), _canonical(source.home)) if place}
    usable = [item for item in items if item.entry.url]
    entries, repeated = with_keys([item.entry for item in usable], [item.guid for item in usable], not_links=places)
    to_places = sum(_canonical(entry.url) in places for entry in entries)
    counted = (
        (len(items) - len(usable), "without a link to an article: left out"),
        (repeated, "printed twice: taken once"),
        (sum(item.future for item in usable), "dated in the future: taken as of now"),
        (to_places, "linking to the feed itself or to its home page"),
    )
    sentences = [f"{count} {'entry' if count == 1 else 'entries'} {what}" for count, what in counted if count]
    return replace(source, entries=tuple(entries), problems=(*problems, *sentences))


# ---- XML ----


def _read_xml(xml: str, url: str, now: datetime, problems: list[str]) -> tuple[FeedDocument, list[_Item]]:
    found = sum(1 for _ in _ITEM.finditer(xml))
    if found > MAX_ENTRIES:
        raise FeedError(f"{mask(url)} has {found} entries; {MAX_ENTRIES} is the limit", reason="too-many-entries")
    _refuse_attribute_bomb(xml, url)
    # A stream, because feedparser takes bytes for a file name first. No location is given, so that a link is made
    # absolute here, where one without a scheme is recognised; xml:base still applies. Sanitizing would double the time
    # and is of no use to a reader of text.
    try:
        result = feedparser.parse(
            io.BytesIO(b'<?xml version="1.0" encoding="utf-8"?>\n' + xml.encode("utf-8")),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except Exception as error:
        # feedparser raises whatever its handlers happen to meet.
        words = f"{type(error).__name__}: {error}"[:200]
        raise FeedError(f"{mask(url)} cannot be read as a feed ({words})", reason="unreadable") from error
    if not result.version and not result.entries and _root(xml) not in ("rss", "feed", "channel", "rdf:rdf"):
        raise FeedError(f"{mask(url)} is no feed: {_what_it_is(xml)}", reason="not-a-feed")
    if result.bozo:
        problems.append(f"not well-formed, read with the forgiving parser ({_broken(result.bozo_exception)})")
    feed = result.feed
    atom = result.version.startswith("atom")
    home = absolute(url, _unescape(_text(feed, "link"))) or ""
    source = FeedDocument(
        format=_FORMATS.get(result.version, "unknown"),
        title=_plain(feed, "title"),
        home=home,
        lang=_lang(_text(feed, "language")),
    )
    # A relative link in Atom is relative to the feed (RFC 4287, 2); RSS does not say, and its links are the site's.
    base = url if atom or not home else home
    return source, [_item(raw, base, source.lang, now) for raw in result.entries]


def _refuse_attribute_bomb(xml: str, url: str) -> None:
    """The standard library's SAX reader takes quadratic time over the attributes of one tag: 30,000 cost 20 s."""
    most = max((tag.group(0).count("=") for tag in _LONG_TAG.finditer(xml)), default=0)
    if most > MAX_ATTRIBUTES:
        words = f"{mask(url)} has a tag with about {most} attributes; {MAX_ATTRIBUTES} is the limit"
        raise FeedError(words, reason="unreadable")


def _item(raw: dict[str, Any], base: str, lang: str | None, now: datetime) -> _Item:
    published, ahead = _date(now, _text(raw, "published"), _text(raw, "created"), _text(raw, "updated"))
    updated, _ = _date(now, _text(raw, "updated"))
    summary, content = _text(raw, "summary"), _content(raw)
    entry = Entry(
        key="",
        url=_article_url(raw, base) or "",
        title=_plain(raw, "title"),
        published=published,
        updated=updated,
        # feedparser copies a content to an absent summary.
        summary="" if summary == content else summary,
        content=content,
        authors=_authors(raw),
        lang=_lang(_detail(raw, "content").get("language") or _detail(raw, "title").get("language")) or lang,
    )
    return _Item(entry, _text(raw, "id"), ahead)


def _article_url(raw: dict[str, Any], base: str) -> str | None:
    """The link to the article: what a counting redirect leads to, the link, a guid that is a URL, another alternate."""
    candidates = [_text(raw, "feedburner_origlink")]
    # A guid counts as a permanent link unless it says otherwise, and most that do not say are mere numbers.
    guid = _text(raw, "id")
    link = _text(raw, "link")
    candidates.append("" if link == guid and not re.match(r"(?:https?:)?/", guid, re.IGNORECASE) else link)
    if re.match(r"https?://", guid, re.IGNORECASE) and dict.get(raw, "guidislink") is not False:
        candidates.append(guid)
    links = dict.get(raw, "links") or []
    candidates += [_text(one, "href") for one in links if one.get("rel", "alternate") == "alternate"]
    return next((found for one in candidates if one and (found := absolute(base, _unescape(one)))), None)


def _text(raw: dict[str, Any], name: str) -> str:
    # dict.get, because FeedParserDict's own falls back from `updated` to `published`, with a warning.
    value = dict.get(raw, name)
    return value.strip() if isinstance(value, str) else ""


def _detail(raw: dict[str, Any], name: str) -> dict[str, Any]:
    value = dict.get(raw, name) if name == "content" else dict.get(raw, f"{name}_detail")
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, dict) else {}


def _content(raw: dict[str, Any]) -> str:
    values = [_text(one, "value") for one in dict.get(raw, "content") or []]
    return max(values, key=len, default="")


def _plain(raw: dict[str, Any], name: str) -> str:
    """An element that should be one line of text. Atom may say that it is HTML; in RSS, feedparser finds out."""
    return plain(_text(raw, name), markup="html" in _detail(raw, name).get("type", "html"))


def _authors(raw: dict[str, Any]) -> tuple[str, ...]:
    rows = dict.get(raw, "authors") or [{"name": _text(raw, "author")}]
    names = (plain(str(row.get("name") or ""), markup=True) for row in rows)
    return tuple(dict.fromkeys(name for name in names if name))


def _broken(error: object) -> str:
    line = getattr(error, "getLineNumber", lambda: None)()
    message = getattr(error, "getMessage", lambda: str(error))()
    # One line of our own stands before the document.
    return f"line {line - 1}: {message}" if isinstance(line, int) else str(message)[:200]


# ---- JSON ----


def _read_json(text: str, url: str, now: datetime) -> tuple[FeedDocument, list[_Item]]:
    feed = jsonfeed.load(text, url)
    if len(feed.items) > MAX_ENTRIES:
        words = f"{mask(url)} has {len(feed.items)} entries; {MAX_ENTRIES} is the limit"
        raise FeedError(words, reason="too-many-entries")
    source = FeedDocument(
        format=feed.format, title=plain(feed.title), home=absolute(url, feed.home) or "", lang=_lang(feed.lang)
    )
    items = []
    for raw in feed.items:
        published, ahead = _date(now, raw.published, raw.modified)
        entry = Entry(
            key="",
            url=next((found for link in raw.links if (found := absolute(url, link))), ""),
            title=plain(raw.title),
            published=published,
            updated=_date(now, raw.modified)[0],
            summary=raw.summary,
            content=raw.content,
            authors=tuple(dict.fromkeys(name for name in map(plain, raw.authors) if name)),
            lang=_lang(raw.lang) or source.lang,
        )
        items.append(_Item(entry, raw.guid, ahead))
    return source, items


# ---- both ----


def plain(text: str, *, markup: bool = False) -> str:
    """One line of plain text: entities undone, blanks single, and tags removed where `markup` says that it has any."""
    if markup:
        text = _TAG.sub("", text[: MAX_TITLE * 20])
    return " ".join(html.unescape(text).split())[:MAX_TITLE]


def _date(now: datetime, *texts: str) -> tuple[datetime | None, bool]:
    """The first of `texts` that can be read, at most `now`; and whether it was in the future."""
    for text in texts:
        moment = parse_date(text, now) if text else None
        if moment is not None and moment.year >= _FIRST_YEAR:
            return min(moment, now.astimezone(UTC)), moment > now + _FAST_CLOCK
    return None, False


def _lang(text: str | None) -> str | None:
    """The language subtag (BCP 47), lower-case: `en` for `en-US`."""
    match = _LANG.match((text or "").strip().lower().replace("_", "-"))
    return match.group(0) if match else None


def _unescape(link: str) -> str:
    """Undo HTML escaping that a feed left in a link; not where a bare `&` says that it was undone already."""
    return html.unescape(link) if "&amp;" in link and not re.search(r"&(?!amp;)", link) else link


def _canonical(url: str) -> str:
    try:
        return canonical(url)
    except InputError:
        return ""


# ---- what is no feed ----


def _refuse_other_documents(text: str, url: str) -> None:
    root = _root(text)
    if root == "html" and not _EMBEDDED.search(text):
        feeds = list(_alternates(text, url))
        way = (
            f"it names {'this feed' if len(feeds) == 1 else 'these feeds'}: {', '.join(map(mask, feeds[:5]))}"
            if feeds
            else "and it names no feed; look for the address of its RSS or Atom feed"
        )
        raise FeedError(f"{mask(url)} is a web page, not a feed; {way}", reason="not-a-feed")
    if root == "opml":
        words = "is a list of feeds (OPML), not a feed; import it with `slugline feeds import`"
        raise FeedError(f"{mask(url)} {words}", reason="not-a-feed")


def _root(text: str) -> str:
    """The name of the first element, lower-case; `html` as well for what begins like a page."""
    head = text[:20_000]
    position = 0
    while (start := head.find("<", position)) >= 0:
        skipped = next((end for begin, end in _SKIPPED if head.startswith(begin, start)), None)
        if head[start : start + 14].lower().startswith("<!doctype html"):
            return "html"
        if skipped is None and (match := _NAME.match(head, start)):
            name = match[1].lower()
            return "html" if name in _PAGE_TAGS else name
        end = head.find(skipped or ">", start)
        if end < 0:
            break
        position = end + 1
    return ""


def _alternates(page: str, url: str) -> Iterator[str]:
    """The feeds that a page names in its head (`<link rel="alternate" type="application/rss+xml" href=…>`)."""
    for link in _LINK.finditer(page[:500_000]):
        pairs = _ATTRIBUTE.findall(link.group(0))
        attributes = {name.lower(): html.unescape(a or b or c) for name, a, b, c in pairs}
        kind = attributes.get("type", "").split(";")[0].strip().lower()
        if "alternate" in attributes.get("rel", "").lower().split() and kind in _FEED_TYPES:
            found = absolute(url, attributes.get("href", ""))
            if found:
                yield found


def _what_it_is(text: str) -> str:
    root = _root(text)
    if root in ("urlset", "sitemapindex"):
        return "it is a sitemap"
    return f"its first element is <{root}>" if root else "it has no XML or JSON in it"
