"""Where a site's feeds may be, and which of those found are worth having. Pure: nothing is fetched here.

Candidates come from a page (`link` elements and links that look like feeds), from the Sitemap lines of robots.txt
(RFC 9309, 2.2.4) and from the paths that publishing software commonly uses. Whoever fetched and read them hands the
documents back to `found` and `ranked`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from urllib.parse import urljoin, urlsplit

from pipeline.errors import InputError
from pipeline.feeds.addresses import feed_url
from pipeline.feeds.text import to_text
from pipeline.records import FeedDocument
from pipeline.urls import absolute, canonical, registrable_domain

MAX_CHARS = 2_000_000
"""Characters of a page that are looked through; heads with feeds in them end within the first 500,000."""
MAX_CANDIDATES = 200
"""Candidates of one page; a publisher's list of all its feeds has up to about 150."""
MAX_LINKS = 10_000
"""Links of one page that are looked at; front pages have up to about 2,000."""
STALE = timedelta(days=180)
"""A feed whose newest entry is older was left behind when the site moved to another one."""
SAME = 0.8
"""Share of entries that two feeds have in common when they are one in two formats; they often differ in length."""

_FEED_TYPES = frozenset(
    """
    application/rss+xml application/atom+xml application/rdf+xml application/feed+json application/x.atom+xml
    application/x-atom+xml text/rss+xml text/atom+xml application/rss application/atom
    """.split()
)
# Types that say no more than how it is written: the path has to say that it is a feed.
_VAGUE_TYPES = frozenset(("application/xml", "text/xml", "application/json", "text/json"))
_FEED_PATH = re.compile(
    r"(?:\.(?:rss|atom|rdf)|/(?:feeds?|rss|atom|rdf|index\.xml|(?:rss|atom|feeds?)[\w.-]{0,40}\.(?:xml|json|php|aspx?)"
    r"|(?:rss|atom|feeds?)/[\w./-]{1,80}\.xml"
    r"|[\w.-]{0,40}(?:rss|atom|feed)\.(?:xml|json))/?)$",
    re.IGNORECASE,
)
_FEED_QUERY = re.compile(r"(?:^|&)(?:feed=(?:rss|rss2|atom|rdf)|(?:format|type|alt|output)=(?:rss|atom|feed))", re.I)
_FEED_HOST = re.compile(r"^(?:feeds?\d?|rss)\.", re.IGNORECASE)
_FEED_WORDS = re.compile(
    r"^\W*(?:rss|atom|xml|json)?[\s:–-]*(?:feeds?|rss|atom)?[\s\d.]*(?:feeds?)?\W*$", re.IGNORECASE
)
_FEED_WORD = re.compile(r"rss|atom|feed", re.IGNORECASE)
_COMMENTS = re.compile(r"(?:/|\b)(?:comments?|kommentare?|commentaires?|comentarios?)(?:/|\b|-rss2?)", re.IGNORECASE)
_COMMENTS_TITLE = re.compile(
    r"\b(?:comments? (?:on|for|feed)|kommentare? (?:zu|für)|commentaires? (?:sur|pour))\b", re.I
)
_NOT_SHOWN = (("<!--", "-->"), ("<script", "</script"), ("<style", "</style"), ("<template", "</template"))
_TAG = re.compile(r"<(?:(link|base|a)\b([^<>]{0,4000})>|/a\s*>)", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z-]{1,20})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))", re.IGNORECASE)
_MARKUP = re.compile(r"<[^<>]{0,500}>?")
_SITEMAP_LINE = re.compile(r"^[ \t]*sitemap[ \t]*:[ \t]*(\S{1,2000})", re.IGNORECASE | re.MULTILINE)

# Most common first (WordPress, Ghost, Hugo, Jekyll, Drupal, Substack, Squarespace, Django).
_PATHS = ("feed", "rss", "rss.xml", "feed.xml", "atom.xml", "index.xml", "feed.json", "feeds", "index.rdf")
_ROOT_PATHS = ("feeds/all.atom.xml", "blog/feed", "news/feed", "news/rss", "news-sitemap.xml", "sitemap-news.xml")


class Source(StrEnum):
    """Where a candidate was named, in the order in which it is believed."""

    ITSELF = "the address itself"
    HEAD = "named in the page's head"
    LINK = "linked on the page"
    ROBOTS = "named in robots.txt"
    INDEX = "named in a sitemap index"
    USUAL = "at a usual place"


_TRUST = tuple(Source)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A URL that may be a feed; `title` is what the page calls it, or empty."""

    url: str
    source: Source
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A feed that was really fetched and read. `same_as` are other URLs of it, with the same entries."""

    url: str
    final_url: str
    source: Source
    format: str
    title: str
    entries: int
    newest: datetime | None
    per_day: float
    comments: bool
    stale: bool
    keys: frozenset[str]
    same_as: tuple[str, ...] = ()

    @property
    def news(self) -> bool:
        """Whether it is a feed of articles that somebody may want: with entries, not of comments, no list of pages."""
        return self.entries > 0 and not self.comments and self.format not in ("Sitemap", "Sitemap index")


def from_page(body: bytes, *, url: str, content_type: str | None) -> list[Candidate]:
    """Give the candidates that a page names, each URL once, those of its head first, in the order of the page.

    Made to run in a process that can be killed.
    """
    reader = _Reader(url)
    reader.read(_shown(to_text(body, content_type)[0][:MAX_CHARS]))
    found: dict[str, Candidate] = {}
    for candidate in (*reader.head, *reader.links):
        identity = _canonical(candidate.url)
        if identity and identity != _canonical(url):
            found.setdefault(identity, candidate)
    return list(found.values())[:MAX_CANDIDATES]


def from_robots(text: str, url: str) -> list[Candidate]:
    """Give the sitemaps that the robots.txt at `url` names, those that are called news first."""
    found = dict.fromkeys(absolute(url, match[1]) or "" for match in _SITEMAP_LINE.finditer(text[:MAX_CHARS]))
    named = [Candidate(one, Source.ROBOTS) for one in found if one]
    return sorted(named, key=lambda one: not is_news_sitemap(one.url))


def from_index(document: FeedDocument) -> list[Candidate]:
    """Give the sitemaps of an index that are called news."""
    return [Candidate(one.url, Source.INDEX) for one in document.sitemaps if is_news_sitemap(one.url)]


def usual_places(url: str) -> list[Candidate]:
    """Give the places where publishing software puts feeds: below the page at `url`, then at the root of its host."""
    root = urljoin(url, "/")
    below = urljoin(url, ".") if urlsplit(url).path.endswith("/") or "." in urlsplit(url).path[-6:] else f"{url}/"
    below = below.partition("?")[0].partition("#")[0]
    deeper = [below + path for path in _PATHS] if below != root else []
    places = dict.fromkeys((*deeper, *(root + path for path in (*_PATHS, *_ROOT_PATHS))))
    return [Candidate(one, Source.USUAL) for one in places]


def is_news_sitemap(url: str) -> bool:
    """Say whether the name of a sitemap promises news (`news-sitemap.xml`, `sitemap_news_1.xml.gz`)."""
    return "news" in urlsplit(url).path.lower()


def found(candidate: Candidate, document: FeedDocument, *, url: str, final_url: str, now: datetime) -> Found:
    """Give what is to be told of a feed that was read. `url` is the one to poll, `final_url` where it came from."""
    dates = sorted(entry.published for entry in document.entries if entry.published is not None)
    days = (now - dates[0]).total_seconds() / 86_400 if dates else 0.0
    title = document.title or candidate.title
    return Found(
        url=url,
        final_url=final_url,
        source=candidate.source,
        format=document.format,
        title=title,
        entries=len(document.entries) or len(document.sitemaps),
        newest=dates[-1] if dates else None,
        # Over the time up to now, so that a burst of long ago makes no busy feed; at least a day for the same reason.
        per_day=len(dates) / max(days, 1.0),
        comments=is_comments(url, f"{candidate.title} {document.title}"),
        stale=bool(dates) and dates[-1] < now - STALE,
        keys=frozenset(_canonical(entry.url) for entry in document.entries),
    )


def is_comments(url: str, title: str) -> bool:
    """Say whether a feed is one of readers' comments."""
    parts = urlsplit(url)
    return bool(_COMMENTS.search(parts.path) or _COMMENTS.search(parts.query) or _COMMENTS_TITLE.search(title))


def ranked(feeds: Iterable[Found]) -> list[Found]:
    """Give each feed once, the best first: articles before lists of pages before readers' comments; what has entries
    and is alive; then as far as its source is believed and in the order given.

    Two URLs are one feed when they lead to the same place, or when their entries are the same.
    """
    kept: list[Found] = []
    for one in sorted(feeds, key=_rank):
        twin = next((place for place, other in enumerate(kept) if _is_same(one, other)), None)
        if twin is None:
            kept.append(one)
        elif one.url != kept[twin].url:
            kept[twin] = replace(kept[twin], same_as=tuple(dict.fromkeys((*kept[twin].same_as, one.url))))
    return kept


def _rank(one: Found) -> tuple[bool, bool, int, bool, int]:
    kind = {"News sitemap": 1, "Sitemap index": 2, "Sitemap": 3}.get(one.format, 0)
    return (one.comments, one.entries == 0, kind, one.stale, _TRUST.index(one.source))


def _is_same(one: Found, other: Found) -> bool:
    if _canonical(one.final_url) == _canonical(other.final_url):
        return True
    if not one.keys or not other.keys or one.comments != other.comments:
        return False
    return len(one.keys & other.keys) / len(one.keys | other.keys) >= SAME


def _canonical(url: str) -> str:
    with suppress(InputError):
        return canonical(url)
    return ""


def _shown(page: str) -> str:
    """`page` without comments and scripts; each kind is looked for in one pass, so that it takes linear time. The
    standard library's reader of HTML takes quadratic time over tags that are never closed."""
    for begin, end in _NOT_SHOWN:
        kept: list[str] = []
        position = 0
        lower = page.lower()
        while len(lower) == len(page) and (start := lower.find(begin, position)) >= 0:
            kept.append(page[position:start])
            stop = lower.find(end, start)
            position = len(page) if stop < 0 else stop + len(end)
        page = " ".join([*kept, page[position:]])
    return page


class _Reader:
    """Collects the candidates of a page."""

    def __init__(self, url: str) -> None:
        self.head: list[Candidate] = []
        self.links: list[Candidate] = []
        self._url = self._base = url
        self._open: tuple[str, int] | None = None  # the URL of the link that is being read, and where its words begin

    def read(self, page: str) -> None:
        for match in islice(_TAG.finditer(page), 2 * MAX_LINKS):  # each has a beginning and an end
            name = (match[1] or "").lower()
            if name != "link":
                self._end_link(page, match.start())
            given = _attributes(match[2] or "")
            if name == "base" and self._base == self._url:
                self._base = absolute(self._url, given.get("href", "")) or self._base
            elif name == "link":
                self._take_head(given)
            elif name == "a":
                self._take_link(given, match.end())
        self._end_link(page, len(page))

    def _end_link(self, page: str, end: int) -> None:
        if self._open is not None:
            (url, start), self._open = self._open, None
            words = html.unescape(_MARKUP.sub(" ", page[start : min(end, start + 500)]))
            if _FEED_WORDS.match(words) and _FEED_WORD.search(words):
                self.links.append(Candidate(url, Source.LINK))

    def _take_head(self, given: dict[str, str]) -> None:
        relations = given.get("rel", "").lower().split()
        kind = given.get("type", "").partition(";")[0].strip().lower()
        url = self._resolve(given.get("href", ""))
        is_feed = kind in _FEED_TYPES or ((kind in _VAGUE_TYPES or not kind) and _looks_like_feed(url))
        if url and ("feed" in relations or ("alternate" in relations and is_feed)):
            self.head.append(Candidate(url, Source.HEAD, _line(given.get("title", ""))))

    def _take_link(self, given: dict[str, str], end: int) -> None:
        href = given.get("href", "")
        url = self._resolve(href)
        if not url:
            return
        title = _line(given.get("title", "") or given.get("aria-label", ""))
        kind = given.get("type", "").partition(";")[0].strip().lower()
        own = _same_owner(url, self._url) or bool(_FEED_HOST.match(urlsplit(url).hostname or ""))
        if kind in _FEED_TYPES or href.lower().startswith(("feed:", "rss:")) or (own and _looks_like_feed(url)):
            self.links.append(Candidate(url, Source.LINK, title))
        elif own:
            self._open = (url, end)  # its words may say that it is a feed

    def _resolve(self, href: str) -> str:
        if href.lower().startswith(("feed:", "rss:")):
            with suppress(InputError):
                return feed_url(href)
            return ""
        return absolute(self._base, href) or ""


def _attributes(text: str) -> dict[str, str]:
    """The attributes of a tag; the first of a name counts."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), html.unescape(double or single or bare).strip())
    return found


def _looks_like_feed(url: str) -> bool:
    parts = urlsplit(url)
    return bool(_FEED_PATH.search(parts.path) or _FEED_QUERY.search(parts.query))


def _same_owner(one: str, other: str) -> bool:
    with suppress(InputError):
        return registrable_domain(one) == registrable_domain(other)
    return False


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
