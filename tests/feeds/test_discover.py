"""Where a site's feeds may be, and which of them are worth having."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feeds.discover import (
    MAX_CANDIDATES,
    Candidate,
    Found,
    Source,
    found,
    from_index,
    from_page,
    from_robots,
    is_comments,
    ranked,
    usual_places,
)
from pipeline.records import Entry, FeedDocument, Sitemap

NOW = datetime(2026, 11, 29, 14, 5, tzinfo=UTC)
PAGE = "https://www.courier.example/news/"


def urls(html: str, url: str = PAGE) -> list[str]:
    return [one.url for one in from_page(html.encode(), url=url, content_type="text/html")]


def document(*links: str, hours: float = 1, title: str = "", kind: str = "RSS 2.0", **values: object) -> FeedDocument:
    entries = tuple(
        Entry(key=link, url=f"https://courier.example/{link}", published=NOW - timedelta(hours=hours * (place + 1)))
        for place, link in enumerate(links)
    )
    return FeedDocument(format=kind, title=title, entries=entries, **values)  # type: ignore[arg-type]


def feed(url: str, given: FeedDocument, source: Source = Source.HEAD, title: str = "") -> Found:
    return found(Candidate(url, source, title), given, url=url, final_url=url, now=NOW)


@pytest.mark.parametrize(
    "link",
    [
        '<link rel="alternate" type="application/rss+xml" href="/x">',
        "<LINK REL=ALTERNATE TYPE=Application/Atom+XML HREF=/x>",
        '<link href="/x" type="application/feed+json" rel="home alternate">',
        '<link rel="alternate" type="application/rss+xml; charset=utf-8" href="https://www.courier.example/x"/>',
        '<link rel=feed href="/x">',
        '<base href="https://www.courier.example/"><link rel="alternate" type="application/rss+xml" href="x">',
        '<body><p><link rel="alternate" type="application/rss+xml" href="/x">',
        '<a href="/x" type="application/rss+xml">subscribe</a>',
        '<a href="feed://www.courier.example/x">subscribe</a>',
        '<a href="/x">RSS</a>',
        '<a href="/x"><b>RSS</b> feed</a>',
        '<a href="/x">Atom 1.0',
    ],
)
def test_a_feed_is_found_however_it_is_named(link: str) -> None:
    assert [one.split("://")[1] for one in urls(f"<html>{link}<a href='/about'>About</a></html>")] == [
        "www.courier.example/x"
    ]


@pytest.mark.parametrize(
    "path",
    ["/feed", "/feed/", "/rss", "/news.rss", "/rss.xml", "/atom.xml", "/index.xml", "/feed.json", "/rss/world.xml",
     "/world/rss", "/feeds/all.atom.xml", "/?feed=rss2", "/index.php?format=feed&type=rss", "/blog-feed.xml"],
)  # fmt: skip
def test_a_link_that_looks_like_a_feed_is_one(path: str) -> None:
    assert urls(f"<a href='{path}'>x</a>") == [f"https://www.courier.example{path}"]


@pytest.mark.parametrize(
    "html",
    [
        '<link rel="alternate" hreflang="de" href="/de/">',
        '<link rel="alternate" type="application/json" href="/wp-json/wp/v2/posts/1">',
        '<link rel="alternate" type="application/json+oembed" href="/oembed?url=x">',
        '<link rel="stylesheet" href="/rss.css">',
        '<a href="/feedback">Feedback</a><a href="/newsfeed-story">Story about a feed</a>',
        '<a href="https://other.example/rss.xml">RSS</a>',
        '<a href="javascript:rss()">RSS</a><a href="mailto:rss@x.example">RSS</a><a>RSS</a>',
        "<script>var x = '<a href=\"/rss.xml\">RSS</a>';</script><!-- <a href='/feed'>RSS</a> -->",
        '<link rel="alternate" type="application/rss+xml" href="">',
        '<link rel="alternate" type="application/rss+xml" href="#">',
        "<a href='/x'>:</a>",
    ],
)
def test_what_is_no_feed_is_not_asked_for(html: str) -> None:
    assert urls(html) == []


def test_a_feed_at_a_feed_host_of_others_is_taken() -> None:
    assert urls("<a href='https://feeds.burner.example/courier/rss'>x</a>") == [
        "https://feeds.burner.example/courier/rss"
    ]


def test_what_the_head_names_comes_first_and_each_once() -> None:
    html = """<a href="/rss.xml">RSS</a><link rel=alternate type=application/rss+xml title=" Main
    feed " href=/rss.xml><a href="/rss.xml?utm_source=page">RSS</a><a href="/sport/rss.xml">RSS</a>"""
    assert from_page(html.encode(), url=PAGE, content_type=None) == [
        Candidate("https://www.courier.example/rss.xml", Source.HEAD, "Main feed"),
        Candidate("https://www.courier.example/sport/rss.xml", Source.LINK),
    ]


def test_a_page_of_a_thousand_feeds_is_bounded() -> None:
    assert len(urls("".join(f"<a href='/{n}/rss.xml'>x</a>" for n in range(1000)))) == MAX_CANDIDATES


@pytest.mark.parametrize(
    "page",
    [
        b"<a " * 300_000,
        b"<a href='/rss'>" * 100_000,
        b"<link " + b"a='1' " * 100_000 + b">",
        b"<!--" * 200_000,
        b"<script>" * 100_000,
        b"&" * 1_000_000,
    ],
)
def test_a_page_made_to_hold_up_the_reader_does_not(page: bytes) -> None:
    began = time.process_time()
    from_page(page, url=PAGE, content_type=None)
    assert time.process_time() - began < 5


@given(st.binary(max_size=300) | st.text("<>a link=hrefrss/\"'&;!-?[]", max_size=200).map(str.encode))
def test_no_page_raises(page: bytes) -> None:
    from_page(page, url=PAGE, content_type=None)


def test_sitemaps_of_robots_txt_come_news_first() -> None:
    text = """User-agent: *
Sitemap: https://courier.example/sitemap.xml
SITEMAP:/news-sitemap.xml
 sitemap : https://cdn.example/sitemap_news_1.xml.gz
Sitemap: https://courier.example/sitemap.xml
Sitemap: javascript:x
Sitemap:
"""
    assert [one.url for one in from_robots(text, "https://courier.example/robots.txt")] == [
        "https://courier.example/news-sitemap.xml",
        "https://cdn.example/sitemap_news_1.xml.gz",
        "https://courier.example/sitemap.xml",
    ]


def test_of_an_index_the_news_sitemaps_are_taken() -> None:
    names = ("pages", "news", "videos", "google-news-2")
    index = FeedDocument(
        format="Sitemap index", sitemaps=tuple(Sitemap(url=f"https://courier.example/{name}.xml") for name in names)
    )
    assert [one.url for one in from_index(index)] == [
        "https://courier.example/news.xml",
        "https://courier.example/google-news-2.xml",
    ]


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("https://courier.example", "https://courier.example/feed"),
        ("https://courier.example/?x=/a/", "https://courier.example/feed"),
        ("https://courier.example/blog", "https://courier.example/blog/feed"),
        ("https://courier.example/blog/", "https://courier.example/blog/feed"),
        ("https://courier.example/blog/index.html#x", "https://courier.example/blog/feed"),
    ],
)
def test_the_usual_places_are_below_the_page_and_at_the_root(url: str, first: str) -> None:
    places = [one.url for one in usual_places(url)]
    assert places[0] == first
    assert {"https://courier.example/feed", "https://courier.example/atom.xml"} <= set(places)
    assert len(places) == len(set(places)) <= 24


@pytest.mark.parametrize(
    ("url", "title", "expected"),
    [
        ("https://a.example/comments/feed/", "", True),
        ("https://a.example/?feed=comments-rss2", "", True),
        ("https://a.example/2026/11/story/feed/", "Comments on: A story", True),
        ("https://a.example/feed", "The Courier » Comments Feed", True),
        ("https://a.example/feed", "The Courier » Feed", False),
        ("https://a.example/commentisfree/rss", "Opinion", False),
        ("https://a.example/feed", "Comment and analysis", False),
    ],
)
def test_feeds_of_comments_are_known(url: str, title: str, expected: bool) -> None:
    assert is_comments(url, title) is expected


def test_the_best_feed_is_first_and_comments_are_last() -> None:
    given = [
        feed("https://a.example/comments/feed", document("c1", "c2")),
        feed("https://a.example/sitemap.xml", document("p1", kind="Sitemap"), Source.ROBOTS),
        feed("https://a.example/index.xml", FeedDocument(format="Sitemap index"), Source.ROBOTS),
        feed("https://a.example/empty", document()),
        feed("https://a.example/old", document("o1", hours=24 * 300)),
        feed("https://a.example/linked", document("l1"), Source.LINK),
        feed("https://a.example/news.xml", document("n1", kind="News sitemap"), Source.ROBOTS),
        feed("https://a.example/main", document("m1", "m2")),
        feed("https://a.example/second", document("s1")),
    ]
    order = [one.url.rpartition("/")[2] for one in ranked(given)]
    assert order == ["main", "second", "linked", "old", "news.xml", "sitemap.xml", "empty", "index.xml", "feed"]


def test_the_same_feed_under_several_addresses_is_told_once() -> None:
    stories = [str(number) for number in range(10)]
    given = [
        feed("https://a.example/rss", document(*stories)),
        feed("https://a.example/atom", document(*stories[1:], kind="Atom 1.0")),
        feed("http://a.example/rss?utm_source=x", document("other")),
        feed("https://a.example/section", document(*stories[:3])),
        feed("https://a.example/comments/rss", document(*stories)),
    ]
    told = ranked(given)
    assert [one.url.rpartition("example/")[2] for one in told] == ["rss", "section", "comments/rss"]
    assert told[0].same_as == ("https://a.example/atom", "http://a.example/rss?utm_source=x")


def test_entries_a_day_are_counted_up_to_now() -> None:
    assert feed("https://a.example/", document(*"abcdefgh", hours=6)).per_day == pytest.approx(4)
    assert feed("https://a.example/", document(*"abcd", hours=24 * 100)).per_day == pytest.approx(0.01)
    assert feed("https://a.example/", document(*"abcd", hours=0.01)).per_day == 4
    undated = FeedDocument(format="RSS 2.0", entries=(Entry(key="1", url="https://a.example/1"),))
    assert (feed("https://a.example/", undated).per_day, feed("https://a.example/", undated).newest) == (0, None)
