"""A site is asked for its feeds, politely, and what it gives is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.errors import FeedError, FetchError, ForbiddenAddressError, InputError
from pipeline.feeds.discover import Source
from pipeline.ledger import Ledger, hosts
from pipeline.ledger.schema import hosts as host_table
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.site import Answer, Site, rss
from workers import discover
from workers.process import now

HOME = """<html><head><title>The Courier</title>
<link rel="alternate" type="application/rss+xml" title="The Courier » Comments" href="/comments/feed">
<link rel="alternate" type="application/rss+xml" title="The Courier" href="/rss.xml">
<link rel="alternate" type="application/atom+xml" href="/broken.xml">
</head><body><a href="/sport/rss.xml">RSS</a></body></html>"""
STORIES = tuple(f"https://a.example/{number}" for number in range(5))


@pytest.fixture(scope="module")
def readers() -> Iterator[Sandbox]:
    with discover.sandbox(Settings()) as made:
        yield made


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_networks=("127.0.0.0/8",), host_spacing_seconds=0.01, request_seconds=10)


def test_the_feeds_of_a_site_are_found_read_and_told_best_first(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site
) -> None:
    site.pages |= {
        "/": Answer(HOME),
        "/rss.xml": Answer(rss(*STORIES, title="The Courier")),
        "/comments/feed": Answer(rss(*STORIES[:2], title="Comments")),
        "/sport/rss.xml": Answer(status=301, headers={"location": "/sport.xml"}),
        "/sport.xml": Answer(rss("https://a.example/goal", title="Sport")),
        "/broken.xml": Answer("<html>not a feed</html>"),
    }
    search = discover.discover(settings, sqlite_ledger, readers, f"127.0.0.1:{site.port}")
    told = [(one.url, one.title, one.format, one.entries, one.source) for one in search.feeds]
    assert told == [
        (site.url("/rss.xml"), "The Courier", "RSS 2.0", 5, Source.HEAD),
        (site.url("/sport.xml"), "Sport", "RSS 2.0", 1, Source.LINK),
        (site.url("/comments/feed"), "Comments", "RSS 2.0", 2, Source.HEAD),
    ]
    assert [url for url, _ in search.failed] == [site.url("/broken.xml")]
    assert "web page" in search.failed[0][1]
    assert search.requests == len(site.asked) == 7  # with robots.txt, and no usual place
    assert all(one.headers["user-agent"] == settings.user_agent for one in site.asked)


def test_an_address_that_is_a_feed_is_taken_and_nothing_else_asked(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site
) -> None:
    site.pages["/feed"] = Answer(rss(*STORIES))
    (found,) = discover.discover(settings, sqlite_ledger, readers, site.url("/feed")).feeds
    assert (found.url, found.source, len(site.asked)) == (site.url("/feed"), Source.ITSELF, 1)


def test_news_sitemaps_are_found_through_robots_txt_and_an_index(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site
) -> None:
    ns = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    index = f"<sitemapindex {ns}><sitemap><loc>{site.url('/news-1.xml')}</loc></sitemap></sitemapindex>"
    news = (
        f'<urlset {ns} xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url>'
        "<loc>https://a.example/1</loc><news:news><news:publication><news:name>A</news:name>"
        "<news:language>en</news:language></news:publication><news:publication_date>2026-11-20</news:publication_date>"
        "<news:title>T</news:title></news:news></url></urlset>"
    )
    site.pages |= {
        "/": Answer("<html><body>nothing here</body></html>"),
        "/robots.txt": Answer(f"Sitemap: {site.url('/sitemap.xml')}"),
        "/sitemap.xml": Answer(index),
        "/news-1.xml": Answer(news),
    }
    search = discover.discover(settings, sqlite_ledger, readers, site.url("/"))
    assert [(one.url, one.format) for one in search.feeds] == [
        (site.url("/news-1.xml"), "News sitemap"),
        (site.url("/sitemap.xml"), "Sitemap index"),
    ]


def test_the_usual_places_are_tried_until_one_answers_as_far_as_robots_txt_allows(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site
) -> None:
    site.pages |= {
        "/": Answer("<html><body>nothing here</body></html>"),
        "/robots.txt": Answer("User-agent: *\nDisallow: /feed\n"),
        "/feed": Answer(rss(*STORIES)),
        "/atom.xml": Answer(rss(*STORIES)),
        "/index.xml": Answer(rss(*STORIES)),
    }
    (found,) = discover.discover(settings, sqlite_ledger, readers, site.url("/")).feeds
    assert (found.url, found.source) == (site.url("/atom.xml"), Source.USUAL)
    assert not site.requests("/feed")
    assert not site.requests("/index.xml")


def test_a_robots_txt_that_cannot_be_had_forbids_what_no_one_linked_to(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site
) -> None:
    site.pages |= {"/": Answer("<html></html>"), "/robots.txt": Answer("x", 503), "/feed": Answer(rss(*STORIES))}
    with pytest.raises(FeedError, match="no feed was found"):
        discover.discover(settings, sqlite_ledger, readers, site.url("/"))
    assert [one.path for one in site.asked] == ["/", "/robots.txt"]


def test_no_feed_is_told_with_the_way_out(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site
) -> None:
    site.pages["/"] = Answer("<html><body>nothing here</body></html>")
    with pytest.raises(FeedError, match="slugline feeds add") as caught:
        discover.discover(settings, sqlite_ledger, readers, site.url("/").replace("//", "//me:s3cret@"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_page_that_refuses_is_named_but_its_site_may_have_feeds(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site, status: int
) -> None:
    site.pages["/"] = Answer("no", status)
    with pytest.raises(FetchError, match=str(status)):
        discover.discover(settings, sqlite_ledger, readers, site.url("/"))
    site.pages["/feed"] = Answer(rss(*STORIES))
    assert len(discover.discover(settings, sqlite_ledger, readers, site.url("/")).feeds) == 1


def test_what_cannot_be_reached_or_is_no_address_is_named(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site
) -> None:
    with pytest.raises(ForbiddenAddressError):
        discover.discover(Settings(), sqlite_ledger, readers, site.url("/"))
    with pytest.raises(FetchError, match=r"127\.0\.0\.1:9"):
        discover.discover(settings, sqlite_ledger, readers, "http://127.0.0.1:9/")
    with pytest.raises(InputError):
        discover.discover(settings, sqlite_ledger, readers, "mailto:a@b.example")


def test_candidates_beyond_the_limit_are_counted_not_asked(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site
) -> None:
    links = "".join(f'<a href="/{number}/rss.xml">RSS</a>' for number in range(9))
    site.pages |= {"/": Answer(f"<html>{links}</html>")}
    site.pages |= {f"/{number}/rss.xml": Answer(rss(f"https://a.example/{number}")) for number in range(9)}
    search = discover.discover(settings, sqlite_ledger, readers, site.url("/"), limit=4)
    assert (len(search.feeds), search.left, len(site.asked)) == (4, 5, 6)


def test_the_search_ends_in_time(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "SECONDS", 2.0)
    site.pages |= {"/": Answer(HOME), "/rss.xml": site.hang, "/comments/feed": site.hang}
    with pytest.raises(FeedError):
        discover.discover(settings, sqlite_ledger, readers, site.url("/"))
    assert [one.path for one in site.asked] == ["/", "/robots.txt", "/comments/feed"]


def test_requests_are_booked_at_the_host_beside_all_others(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site
) -> None:
    site.pages["/feed"] = Answer(rss(*STORIES))
    discover.discover(settings, sqlite_ledger, readers, site.url("/feed"))
    with sqlite_ledger.read() as tx:
        assert tx.execute(select(host_table.c.host_key)).scalars().all() == [f"127.0.0.1:{site.port}"]
    with sqlite_ledger.write() as tx:
        hosts.hold_off(tx, f"127.0.0.1:{site.port}", now() + timedelta(minutes=5))
    with pytest.raises(FetchError, match="left alone"):
        discover.discover(settings, sqlite_ledger, readers, site.url("/feed"))
    assert len(site.asked) == 1


def test_a_challenge_is_named_when_nothing_else_is_found(
    settings: Settings, sqlite_ledger: Ledger, readers: Sandbox, site: Site
) -> None:
    site.pages["/"] = Answer("<html><title>Just a moment...</title><body>Checking</body></html>")
    with pytest.raises(FeedError, match="challenge"):
        discover.discover(settings, sqlite_ledger, readers, site.url("/"))


def test_blocked_hosts_are_not_asked(sqlite_ledger: Ledger, readers: Sandbox, site: Site) -> None:
    settings = Settings(allow_networks=("127.0.0.0/8",), block=("127.0.0.1",))
    with pytest.raises(FetchError, match="block list"):
        discover.discover(settings, sqlite_ledger, readers, site.url("/feed"))
    assert site.asked == []
