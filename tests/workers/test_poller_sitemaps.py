"""A sitemap index is polled with the newest of its sitemaps, politely, and brings their entries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.ledger import Ledger
from pipeline.records import Feed, FeedDocument, Sitemap
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.polling import add, due_now, one, poll
from tests.workers.site import Answer, Site
from tests.workers.wire import states
from workers.poller.sitemaps import FORMAT, MOST, chosen

XMLNS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
NEWS = 'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


pytestmark = pytest.mark.usefixtures("brisk_poller")


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_networks=("127.0.0.0/8",), host_spacing_seconds=0.05)


def index(*urls: str) -> Answer:
    parts = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return Answer(f"<?xml version='1.0'?><sitemapindex {XMLNS}>{parts}</sitemapindex>", headers={"ETag": '"index"'})


def news(*urls: str) -> Answer:
    day = datetime.now(UTC).date().isoformat()
    what = f"<news:publication_date>{day}</news:publication_date><news:title>About it</news:title>"
    parts = "".join(f"<url><loc>{url}</loc><news:news>{what}</news:news></url>" for url in urls)
    return Answer(f"<?xml version='1.0'?><urlset {XMLNS} {NEWS}>{parts}</urlset>")


def test_the_entries_of_its_sitemaps_are_taken_in_and_asked_for_again(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages |= {
        "/index.xml": index(*(site.url(path) for path in ("/archive.xml", "/news.xml", "/gone.xml"))),
        "/news.xml": news("https://a.example/1", "https://a.example/2"),
        "/archive.xml": news("https://a.example/3"),
    }
    add(sqlite_ledger, site.url("/index.xml"))
    poll(settings, sqlite_ledger, sandbox)
    found = one(sqlite_ledger)
    assert (found.format, found.error, states(sqlite_ledger)) == (FORMAT, "", {"queued": 3})
    assert any("left out" in problem and "404" in problem for problem in found.problems)
    assert [asked.path for asked in site.asked] == ["/index.xml", "/news.xml", "/archive.xml", "/gone.xml"]

    site.pages["/news.xml"] = news("https://a.example/4", "https://a.example/1")
    site.pages["/archive.xml"] = lambda asked: Answer(status=304 if "if-modified-since" in asked.headers else 500)
    due_now(sqlite_ledger)
    poll(settings, sqlite_ledger, sandbox)
    assert states(sqlite_ledger) == {"queued": 4}, "the index is the same, one of its sitemaps is not"


def test_an_index_none_of_whose_sitemaps_can_be_had_is_in_trouble(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages["/index.xml"] = index(site.url("/gone.xml"))
    add(sqlite_ledger, site.url("/index.xml"))
    poll(settings, sqlite_ledger, sandbox)
    assert "404" in one(sqlite_ledger).error


def test_of_many_sitemaps_those_with_news_and_the_newest_are_chosen() -> None:
    days = [Sitemap(url=f"https://a.example/{n}.xml", modified=NOON - timedelta(days=n)) for n in range(30)]
    late = Sitemap(url="https://a.example/google-news.xml", modified=NOON - timedelta(days=3))
    document = FeedDocument(format=FORMAT, sitemaps=(*days, late))
    first = chosen(document, Feed(id=1, url="https://a.example/index.xml"))
    assert len(first) == MOST
    assert (first[0], first[1:]) == (late, days[: MOST - 1])
    since = Feed(id=1, url="https://a.example/index.xml", last_success=NOON - timedelta(hours=30))
    assert chosen(document, since) == days[:2], "what did not change since the last poll is not asked for"
