"""Sitemaps as feeds: news sitemaps in whole, plain ones as far as they are new, indexes as a list to follow."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import FeedError
from pipeline.feeds.sitemap import MAX_PAGES, MAX_SITEMAPS
from pipeline.feeds.text import MAX_UNPACKED
from pipeline.records import FeedDocument, Sitemap
from tests.feeds.bodies import NEWS_SITEMAP, NOW, read

URL = "https://courier.example/sitemap.xml"
NAMESPACE = ' xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def sitemap(*pages: tuple[str, str], root: str = "urlset", each: str = "url", namespace: str = NAMESPACE) -> str:
    rows = "".join(
        f"<{each}><loc>{loc}</loc>{f'<lastmod>{date}</lastmod>' if date else ''}</{each}>" for loc, date in pages
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{namespace}>{rows}</{root}>'


def take(body: str | bytes) -> FeedDocument:
    return read(body, "application/xml", URL)


def refused(body: str | bytes) -> FeedError:
    with pytest.raises(FeedError) as caught:
        take(body)
    return caught.value


def day(number: int) -> str:
    return (NOW - timedelta(days=number)).isoformat()


def test_a_news_sitemap() -> None:
    found = take(NEWS_SITEMAP)
    assert (found.format, found.title, found.lang, found.problems) == ("News sitemap", "The Courier", "en", ())
    first, second = found.entries
    assert first.url == "https://courier.example/ferry?id=1&p=2"
    assert first.key == "link:https://courier.example/ferry?id=1&p=2"
    assert (first.title, first.lang) == ("Ferry & harbour", "en")
    assert first.published == datetime(2025, 11, 30, 9, 15, tzinfo=UTC)
    assert first.updated == datetime(2025, 11, 30, 11, tzinfo=UTC)
    assert second.published == datetime(2025, 11, 29, tzinfo=UTC)
    assert second.updated is None


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace("sitemap-news/0.9", "sitemap-news/"),
        lambda body: body.replace(' xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"', ""),
        lambda body: body.replace(' xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"', ""),
        lambda body: body.replace("news:", "n:"),
        lambda body: body.replace("id=1&amp;p=2", "id=1&p=2"),
        lambda body: body.replace("<loc>", "<loc><![CDATA[").replace("</loc>", "]]></loc>").replace("&amp;p", "&p"),
        lambda body: "\n\n" + body,
        lambda body: body.encode("utf-16"),
        lambda body: gzip.compress(body.encode()),
        lambda body: body.replace("https://courier.example/ferry", "/ferry"),
    ],
)
def test_news_sitemaps_as_they_are_found(change) -> None:
    found = take(change(NEWS_SITEMAP))
    assert [(entry.url, entry.title) for entry in found.entries] == [
        ("https://courier.example/ferry?id=1&p=2", "Ferry & harbour"),
        ("https://courier.example/bridge", "Bridge shut"),
    ]


def test_pages_beside_the_news_are_left_out_and_said_so() -> None:
    found = take(NEWS_SITEMAP.replace("</urlset>", "<url><loc>https://courier.example/about</loc></url></urlset>"))
    assert len(found.entries) == 2
    assert "1 pages that are not marked as news: left out" in found.problems


def test_a_news_sitemap_cut_off_is_read_as_far_as_it_goes() -> None:
    found = take(NEWS_SITEMAP[: NEWS_SITEMAP.index("<url><loc>https://courier.example/bridge") + 60])
    assert [entry.title for entry in found.entries] == ["Ferry & harbour"]
    assert any("not well-formed" in problem for problem in found.problems)


def test_of_a_plain_sitemap_the_pages_that_changed_of_late_are_taken_latest_first() -> None:
    found = take(sitemap(("/old", "2015-06-01"), ("/two", day(2)), ("/undated", ""), ("/one", day(1)), ("/8", day(9))))
    assert found.format == "Sitemap"
    assert [entry.url for entry in found.entries] == ["https://courier.example/one", "https://courier.example/two"]
    # A change is not a publication: a page of 2015 that was touched today is not of today.
    assert [entry.published for entry in found.entries] == [None, None]
    assert found.entries[0].updated == NOW - timedelta(days=1)


def test_no_more_than_a_thousand_pages_of_a_plain_sitemap_are_taken() -> None:
    found = take(sitemap(*((f"/{n}", (NOW - timedelta(minutes=n)).isoformat()) for n in range(MAX_PAGES + 5))))
    assert len(found.entries) == MAX_PAGES
    assert found.entries[-1].url.endswith(f"/{MAX_PAGES - 1}")
    assert "1,005 pages changed within 7 days: the 1000 latest were taken" in found.problems


def test_a_quiet_site_is_not_failed() -> None:
    found = take(sitemap(("/a", "2024-01-01"), ("/b", "2023-01-01")))
    assert (found.entries, found.problems) == ((), ("none of 2 pages changed within 7 days",))
    assert take(sitemap()).entries == ()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (sitemap(("/a", ""), ("/b", "")), "has no dates for its 2 pages"),
        (sitemap(("/a", "soon"), ("/b", "0000-00-00")), "has no dates for its 2 pages"),
        (sitemap(*((f"/{n}", day(0)) for n in range(MAX_PAGES + 1))), "gives the same date to 1,001 pages"),
    ],
)
def test_a_sitemap_that_does_not_say_what_is_new_is_refused_with_a_way_out(body: str, words: str) -> None:
    error = refused(body)
    assert error.reason == "not-a-feed"
    assert words in str(error)
    assert "news sitemap or its feed" in str(error)


def test_an_index_names_its_sitemaps_latest_first() -> None:
    body = sitemap(
        ("https://courier.example/a.xml", day(3)),
        ("/undated.xml.gz?x=1&amp;y=2", ""),
        ("https://courier.example/b.xml", day(0)),
        (URL, day(0)),
        ("https://courier.example/b.xml", day(5)),
        ("javascript:alert(1)", day(0)),
        root="sitemapindex",
        each="sitemap",
    )
    found = take(body)
    assert (found.format, found.entries) == ("Sitemap index", ())
    assert found.sitemaps == (
        Sitemap(url="https://courier.example/b.xml", modified=NOW),
        Sitemap(url="https://courier.example/a.xml", modified=NOW - timedelta(days=3)),
        Sitemap(url="https://courier.example/undated.xml.gz?x=1&y=2"),
    )


def test_an_index_of_thousands_is_bounded_and_an_empty_one_is_not_failed() -> None:
    many = ((f"/{n}.xml", (NOW - timedelta(hours=n)).isoformat()) for n in range(3_000))
    found = take(sitemap(*many, root="sitemapindex", each="sitemap"))
    assert len(found.sitemaps) == MAX_SITEMAPS
    assert found.sitemaps[0].url == "https://courier.example/0.xml"
    assert any("names 3,000 sitemaps" in problem for problem in found.problems)
    empty = take(sitemap(root="sitemapindex"))
    assert (empty.format, empty.sitemaps) == ("Sitemap index", ())


def test_prefixes_and_missing_namespaces_are_no_matter() -> None:
    prefixed = sitemap(("/a", day(0)), root="s:urlset", each="s:url", namespace=NAMESPACE.replace("xmlns", "xmlns:s"))
    assert (
        len(
            take(prefixed.replace("<loc", "<s:loc").replace("</loc", "</s:loc").replace("lastmod", "s:lastmod")).entries
        )
        == 1
    )
    assert len(take(sitemap(("/a", day(0)), namespace="")).entries) == 1


def test_future_dates_are_taken_as_of_now() -> None:
    found = take(sitemap(("/a", (NOW + timedelta(days=400)).isoformat())))
    assert found.entries[0].updated == NOW
    late = take(NEWS_SITEMAP.replace("2025-11-30T10:15:00+01:00", "2027-01-01T00:00:00Z"))
    assert late.entries[0].published == NOW
    assert "1 entry dated in the future: taken as of now" in late.problems


def test_a_packed_sitemap_may_be_cut_off_but_not_endless() -> None:
    body = gzip.compress(sitemap(*((f"/{n}", day(0)) for n in range(500))).encode() * 1)
    found = take(body[: len(body) * 9 // 10])
    assert 0 < len(found.entries) <= 500
    assert any("cut off" in problem for problem in found.problems)
    assert refused(gzip.compress(b"<urlset>" + b" " * (MAX_UNPACKED + 1))).reason == "too-large"
    assert refused(gzip.compress(gzip.compress(b"<urlset>"))).reason == "not-a-feed"
