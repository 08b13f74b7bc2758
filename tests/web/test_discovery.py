"""A site's feeds are looked for from the page, and those that are chosen are added."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from pipeline.ledger import Ledger, feeds
from pipeline.settings import Settings
from tests.web.newsroom import served
from tests.web.test_pages import text_of
from tests.workers.site import Answer, Asked, Site, rss, serving

HOME = """<html><head><link rel="alternate" type="application/rss+xml" title="Courier" href="/rss.xml">
<link rel="alternate" type="application/rss+xml" title="Sport" href="/sport.xml"></head></html>"""


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    return sqlite_ledger


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, ledger: Ledger, sqlite_url: str) -> Settings:
    given = {"allow_networks": ("127.0.0.0/8",), "host_spacing_seconds": 0.01, "database_url": sqlite_url}
    return settings.model_copy(update=given)


def test_the_feeds_of_a_site_are_chosen_from(settings: Settings, ledger: Ledger, site: Site) -> None:
    site.pages |= {
        "/": Answer(HOME),
        "/rss.xml": Answer(rss("https://a.example/1", "https://a.example/2", title="The <b>Courier</b>")),
        "/sport.xml": Answer(rss("https://a.example/goal", title="Sport")),
    }
    with served(settings, ledger) as web:
        page = web.post("/feeds/discover", data={"address": f"127.0.0.1:{site.port}", "tags": "sea"}, timeout=100)
        assert page.status_code == 200, page.text
        urls = re.findall(r'name="url" type="checkbox" value="([^"]+)"', page.text)
        assert sorted(urls) == [site.url("/rss.xml"), site.url("/sport.xml")]
        assert re.search(r"RSS 2\.0 · 2 entries.*named in the page's head", unescape(text_of(page)))
        assert 'value="sea"' in page.text
        added = web.post("/feeds/add", data={"url": urls, "tags": "sea", "address": "x"})
        assert "2 feeds were added." in added.text
    with ledger.read() as tx:
        assert [(feed.url in urls, feed.tags) for feed in feeds.every(tx)] == [(True, ("sea",))] * 2


def test_a_site_without_feeds_is_named_and_kept_in_the_form(settings: Settings, ledger: Ledger, site: Site) -> None:
    site.pages["/"] = Answer("<html><title>nothing</title></html>")
    address = f"127.0.0.1:{site.port}"
    with served(settings, ledger) as web:
        page = web.post("/feeds/discover", data={"address": address}, timeout=100)
        said = unescape(text_of(page))
        again = web.post("/feeds/discover", data={"address": "mailto:x@y.example"})
    assert page.status_code == 422
    assert f"No feed was found at http://127.0.0.1:{site.port}" in said, said
    assert f'value="{address}"' in page.text
    assert (again.status_code, "is not an http or https URL" in again.text) == (422, True)


def test_addresses_of_this_network_are_not_asked(settings: Settings, ledger: Ledger, site: Site) -> None:
    site.pages["/"] = Answer(HOME)
    with served(settings.model_copy(update={"allow_networks": ()}), ledger) as web:
        page = web.post("/feeds/discover", data={"address": site.url("/")}, timeout=100)
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert site.asked == []


def test_there_is_one_search_at_a_time(settings: Settings, ledger: Ledger, site: Site) -> None:
    meanwhile: list[httpx.Response] = []
    with served(settings, ledger) as web:

        def home(_asked: Asked) -> Answer:
            meanwhile.append(httpx.post(web.base_url.join("/feeds/discover"), data={"address": "b.example"}))
            return Answer(HOME)

        site.pages |= {"/": home, "/rss.xml": Answer(rss("https://a.example/1"))}
        page = web.post("/feeds/discover", data={"address": site.url("/")}, timeout=100)
        assert page.status_code == 200
        (refused,) = meanwhile
    assert refused.status_code == 429
    assert "Another search is under way" in refused.text
    assert 'value="b.example"' in refused.text
