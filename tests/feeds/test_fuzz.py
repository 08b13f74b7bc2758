"""Whatever bytes come, with whatever headers: a document that keeps its promises, or a FeedError with a known name.

The examples are the same at every run, so that a failure is the change's and not the dice's.
"""

from __future__ import annotations

import json
from datetime import UTC, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import urls
from pipeline.errors import FeedError
from pipeline.feeds.parse import parse
from pipeline.records import FeedDocument
from tests.feeds.bodies import ATOM, NEWS_SITEMAP, NOW, RSS, RSS1, URL, item, rss

REASONS = {
    "empty", "too-large", "too-many-entries", "unreadable", "not-a-feed", "challenge", "parked", "consent", "login",
    "error-page",
}  # fmt: skip
JSON = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Notes",
        "feed_url": "/feed.json",
        "hubs": [{"type": "WebSub", "url": "https://hub.example/"}],
        "items": [{"id": "1", "url": "/1", "date_published": "2025-11-30T08:00:00Z", "authors": [{"name": "E"}]}],
    }
)
INDEX = "<sitemapindex><sitemap><loc>/a.xml</loc><lastmod>2025-11-29</lastmod></sitemap></sitemapindex>"
PAGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><h1>Hello</h1></body></html>"
WHOLES = [text.encode() for text in (RSS, ATOM, RSS1, NEWS_SITEMAP, JSON, INDEX, PAGE, rss(item(1), item(2)))]


def fuzz(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def check(body: bytes, content_type: str | None = None, url: str = URL) -> FeedDocument | None:
    try:
        found = parse(body, url=url, content_type=content_type, now=NOW)
    except FeedError as error:
        assert error.reason in REASONS  # noqa: PT017
        assert str(error).strip()  # noqa: PT017
        return None
    assert len({entry.key for entry in found.entries}) == len(found.entries)
    for entry in found.entries:
        assert urls.is_http(entry.url)
        assert urls.canonical(entry.url)
        assert 0 < len(entry.key) < 600
        assert "\n" not in entry.title
        for moment in (entry.published, entry.updated):
            assert moment is None or (moment.tzinfo is UTC and moment <= NOW and moment.year >= 1990)
    for link in (found.home, found.hub, found.topic, *(one.url for one in found.sitemaps)):
        assert not link or urls.is_http(link)
    assert all(one.modified is None or one.modified <= NOW for one in found.sitemaps)
    assert not (found.sitemaps and found.entries)
    assert found.hints.ttl is None or 0 < found.hints.ttl <= timedelta(days=7).total_seconds()
    assert set(found.hints.skip_hours) < set(range(24))
    assert set(found.hints.skip_days) < set(range(7))
    assert all(problem.strip() for problem in found.problems)
    return found


content_types = st.none() | st.text(max_size=30) | st.sampled_from(
    ["text/html", "text/xml; charset=utf-16", "application/json;charset=utf-7", "x; charset=idna", "charset=rot13",
     "text/xml; charset=hz", "text/xml; charset=zlib_codec", 'text/xml; charset="', "text/xml; charset=undefined"]
)  # fmt: skip


@fuzz(200)
@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode), content_types)
def test_any_bytes_under_any_content_type(body: bytes, content_type: str | None) -> None:
    check(body, content_type)


junk = st.binary(max_size=40) | st.sampled_from(
    [b"<", b">", b"&", b"]]>", b"<!--", b"<![CDATA[", b"<?", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"<!DOCTYPE x [",
     b'"', b"</item>", b"<item>", b"<link/>", b"<guid>0</guid>", b"<x:y>", b"<base href='//'/>", b" xml:base='http://['"]
)  # fmt: skip


@fuzz(400)
@given(
    st.sampled_from(WHOLES),
    st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 60), junk), max_size=4),
    content_types,
)
def test_feeds_with_pieces_cut_out_and_put_in(
    body: bytes, edits: list[tuple[int, int, bytes]], content_type: str | None
) -> None:
    for start, length, piece in edits:
        at = start % (len(body) + 1)
        body = body[:at] + piece + body[at + length :]
    check(body, content_type)


@fuzz(150)
@given(
    st.sampled_from(WHOLES), st.integers(0, 1500), st.sampled_from(["utf-16", "utf-32", "cp1252", "utf-16-le", "cp037"])
)
def test_feeds_cut_off_in_other_encodings(body: bytes, end: int, encoding: str) -> None:
    check(body.decode()[:end].encode(encoding, "replace"))


names = st.sampled_from(
    ["rss", "channel", "item", "feed", "entry", "rdf:RDF", "title", "link", "guid", "id", "pubDate", "dc:date",
     "updated", "published", "description", "content", "content:encoded", "author", "name", "ttl", "skipHours", "hour",
     "skipDays", "day", "sy:updatePeriod", "sy:updateFrequency", "language", "source", "image", "enclosure", "url",
     "urlset", "loc", "lastmod", "news:news", "news:title", "sitemapindex", "sitemap", "media:content", "gml:pos",
     "georss:point", "itunes:author", "cc:license", "admin:errorReportsTo", "psc:chapter", "atom:link", "html", "div"]
)  # fmt: skip
attributes = st.lists(
    st.tuples(
        st.sampled_from(["href", "rel", "type", "xml:base", "xml:lang", "isPermaLink", "version", "url", "mode", "src",
                         "rdf:about", "xmlns", "xmlns:dc", "uri", "scheme", "start", "length"]),
        st.sampled_from(["", "/1", "http://[", "https://x.example/1", "hub", "self", "alternate", "html", "xhtml",
                         "base64", "text/html", "2.0", "false", "http://www.w3.org/2005/Atom",
                         "http://purl.org/rss/1.0/", "é"]),
    ),
    max_size=2,
)  # fmt: skip
texts = st.text(max_size=12) | st.sampled_from(
    ["1", "0", "-1", "//", "http://", "https://courier.example/1", "www.courier.example",
     "Sun, 30 Nov 2025 10:15:00 GMT", "2999-01-01", "0001-01-01T00:00:00Z", "24:00", "hourly", "Monday", "&amp;",
     "&#0;", "<![CDATA[ ]]>", "a@b.example (X)"]
)  # fmt: skip


def element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def write(name: str, given: list[tuple[str, str]], inside: list[str], closed: bool) -> str:
        start = f"<{name}" + "".join(f' {key}="{value}"' for key, value in given)
        return f"{start}>{''.join(inside)}" + (f"</{name}>" if closed else "")

    closed = st.sampled_from([True] * 9 + [False])
    return st.builds(write, names, attributes, st.lists(children, max_size=5), closed)


soup = st.recursive(texts, element, max_leaves=25)


@fuzz(200)
@given(st.sampled_from(["<rss version='2.0'><channel>", "<feed xmlns='http://www.w3.org/2005/Atom'>", "<urlset>",
                        "<rss><channel><item>", "<rdf:RDF>", ""]), st.lists(soup, max_size=6))  # fmt: skip
def test_element_soup(start: str, inside: list[str]) -> None:
    check((start + "".join(inside)).encode("utf-8", "replace"))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "url", "title", "name", "type", "items", "language"]), children, max_size=3
        )
    ),
    max_leaves=6,
)
fields = [
    "id",
    "url",
    "external_url",
    "title",
    "date_published",
    "date_modified",
    "authors",
    "author",
    "language",
    "summary",
]
rows = st.lists(st.dictionaries(st.sampled_from(fields), values, max_size=5) | values, max_size=4)


@fuzz(200)
@given(
    rows, st.dictionaries(st.sampled_from(["title", "hubs", "feed_url", "home_page_url", "language", "items"]), values)
)
def test_json_feeds_of_any_values(items: list[object], more: dict[str, object]) -> None:
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": items, **more}
    assert check(json.dumps(feed).encode()) is not None


@fuzz(200)
@given(st.lists(st.tuples(texts, texts, texts, texts), max_size=8), st.text(max_size=20))
def test_items_of_any_guid_link_title_and_date(rows: list[tuple[str, str, str, str]], path: str) -> None:
    items = (
        f"<guid>{guid}</guid><link>{link}</link><title>{title}</title><pubDate>{date}</pubDate>"
        for guid, link, title, date in rows
    )
    check(rss(*items).encode("utf-8", "replace"), url=f"https://courier.example/{path}")
