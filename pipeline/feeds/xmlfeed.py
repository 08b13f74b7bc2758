"""RSS 0.9x to 2.0, RSS 1.0 and Atom, as feedparser reads them."""

from __future__ import annotations

import io
import re
from datetime import datetime
from typing import Any

import feedparser

from pipeline.errors import FeedError
from pipeline.feeds import channel, pages
from pipeline.feeds.fields import Item, date_of, lang_of, plain, refuse_too_many, unescape_link
from pipeline.records import Entry, FeedDocument
from pipeline.urls import absolute, mask

MAX_ATTRIBUTES = 1_000
"""Attributes of one tag; the most that formats define for one is about ten, namespace declarations included fifty."""
MAX_TAGS = 250_000
"""Tags of one document, ends included. feedparser takes 10 to 30 µs for each, so more would be killed for its time; ten
megabytes of a real feed with chapters and media have about 200,000."""

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
_ITEM = re.compile(r"<(?:[A-Za-z][\w.-]{0,30}:)?(?:item|entry)[\s/>]", re.IGNORECASE)
# Bridges to Bluesky write a link's AT Protocol address beside the page's, and feedparser prefers the attribute.
_AT_ADDRESS = re.compile(r"(<link)\s{1,9}ur[il]=\"at://[^\"<>]{0,500}\"", re.IGNORECASE)
# Elements of namespaces that say nothing about an entry's link, title, date, text or author.
_EXTENSION = re.compile(
    r"</?(?!(?:dc|dcterms|content|atom\d*|a10|rdf|feedburner|rss|sy):)[A-Za-z][\w.-]{0,40}:[^<>]{0,2000}>"
)
_LONG_TAG = re.compile(r"<[A-Za-z][^<>]{4000,}")


def read(xml: str, url: str, now: datetime, problems: list[str]) -> tuple[FeedDocument, list[Item]]:
    """Give what the feed says of itself and its items as read; sentences on what was broken go to `problems`.

    `xml` is what `text.to_xml` made: no document type, no entity that could grow. Raises FeedError (`not-a-feed`,
    `too-many-entries`, `unreadable`).
    """
    refuse_too_many(sum(1 for _ in _ITEM.finditer(xml)), url)
    _refuse_tag_bombs(xml, url)
    result = _parsed(_AT_ADDRESS.sub(r"\1", xml), url, problems)
    if not result.version and not result.entries and pages.root(xml) not in ("rss", "feed", "channel", "rdf:rdf"):
        raise FeedError(f"{mask(url)} is no feed: {pages.what_it_is(xml)}", reason="not-a-feed")
    if result.bozo:
        problems.append(f"not well-formed, read with the forgiving parser ({_broken(result.bozo_exception)})")
    source = _source(result, xml, url, problems)
    # A relative link in Atom is relative to the feed (RFC 4287, 2); RSS does not say, and its links are the site's.
    base = url if result.version.startswith("atom") or not source.home else source.home
    return source, [_item(raw, base, source.lang, now) for raw in result.entries]


def _parsed(xml: str, url: str, problems: list[str]) -> Any:
    """What feedparser makes of `xml`; at the second attempt, without extensions, where the first one fails."""
    try:
        return _feedparser(xml)
    except Exception:  # noqa: BLE001 - feedparser raises whatever its handlers happen to meet
        problems.append("extensions of the feed cannot be read: left out")
    try:
        return _feedparser(_EXTENSION.sub("", xml))
    except Exception as error:
        words = f"{type(error).__name__}: {error}"[:200]
        raise FeedError(f"{mask(url)} cannot be read as a feed ({words})", reason="unreadable") from error


def _feedparser(xml: str) -> Any:
    # A stream, because feedparser takes bytes for a file name first. No location is given, so that a link is made
    # absolute here, where one without a scheme is recognised; xml:base still applies. Sanitizing would double the time
    # and is of no use to a reader of text.
    return feedparser.parse(
        io.BytesIO(b'<?xml version="1.0" encoding="utf-8"?>\n' + xml.encode("utf-8")),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        resolve_relative_uris=False,
        sanitize_html=False,
    )


def _source(result: Any, xml: str, url: str, problems: list[str]) -> FeedDocument:
    feed = result.feed
    hints, wishes = channel.hints(
        _text(feed, "ttl"), _text(feed, "sy_updateperiod"), _text(feed, "sy_updatefrequency"), xml
    )
    problems += wishes
    hub, topic = channel.push(url, ((_text(one, "rel"), _text(one, "href")) for one in dict.get(feed, "links") or []))
    return FeedDocument(
        format=_FORMATS.get(result.version, "unknown"),
        title=_plain(feed, "title"),
        home=absolute(url, unescape_link(_text(feed, "link"))) or "",
        lang=lang_of(_text(feed, "language")),
        hints=hints,
        hub=hub,
        topic=topic,
    )


def _refuse_tag_bombs(xml: str, url: str) -> None:
    """Refuse at once what would hold the parser until it is killed: elements without number, in depth or in a row, and
    attributes of one tag, over which the standard library's SAX reader takes quadratic time (30,000 cost 20 s)."""
    tags = xml.count("<")
    if tags > MAX_TAGS:
        raise FeedError(f"{mask(url)} has {tags:,} tags; {MAX_TAGS:,} is the limit", reason="unreadable")
    most = max((tag.group(0).count("=") for tag in _LONG_TAG.finditer(xml)), default=0)
    if most > MAX_ATTRIBUTES:
        words = f"{mask(url)} has a tag with about {most} attributes; {MAX_ATTRIBUTES} is the limit"
        raise FeedError(words, reason="unreadable")


def _item(raw: dict[str, Any], base: str, lang: str | None, now: datetime) -> Item:
    published, ahead = date_of(now, _text(raw, "published"), _text(raw, "created"), _text(raw, "updated"))
    updated, _ = date_of(now, _text(raw, "updated"))
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
        lang=lang_of(_detail(raw, "content").get("language") or _detail(raw, "title").get("language")) or lang,
    )
    return Item(entry, _text(raw, "id"), ahead)


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
    return next((found for one in candidates if one and (found := absolute(base, unescape_link(one)))), None)


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
