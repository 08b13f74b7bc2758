"""The pages of the feeds: chosen, added, found, imported, changed, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from pipeline.ledger import Ledger, feed_list, feeds
from pipeline.ledger.feed_list import NewFeed
from pipeline.ledger.schema import articles as article_table
from pipeline.ledger.schema import sightings
from pipeline.settings import Settings
from tests.web.newsroom import NOW, served
from tests.web.test_feeds import add
from tests.web.test_pages import HOSTILE, text_of
from workers.web.feedpages import LISTED

TOKEN = "correct horse battery"
LIST = b"""<opml><body><outline text="sea"><outline text="A" xmlUrl="https://a.example/feed"/>
<outline text="bad" xmlUrl="mailto:x@y.example"/></outline></body></opml>"""


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What differs between databases is behind the queries, which the tests of the ledger run on both."""
    return sqlite_ledger


@pytest.fixture
def site(settings: Settings, ledger: Ledger) -> Iterator[httpx.Client]:
    with served(settings, ledger) as client:
        yield client


def known(ledger: Ledger) -> list[Any]:
    with ledger.read() as tx:
        return feeds.every(tx)


def test_the_list_says_how_each_feed_is_and_when_it_is_polled_next(site: httpx.Client, ledger: Ledger) -> None:
    add(
        ledger,
        "https://me:pw@harbour.example/feed",
        title="The Harbour Times",
        tags=["world"],
        last_polled=NOW,
        last_success=NOW - timedelta(minutes=12),
        due=NOW + timedelta(minutes=4),
        due_reason="an entry is expected every 20 min",
        entries_per_day=72.4,
    )
    failing = {"failures": 3, "error": "the host does not answer", "last_polled": NOW}
    add(ledger, "https://courier.example/feed", **failing, due=NOW - timedelta(minutes=9))
    page = site.get("/feeds")
    said = text_of(page)
    assert "The Harbour Times" in said
    assert re.search(r"Well.*a day\s+72\s.*12 min ago.*in 4 min.*An entry is expected every 20 min\.", said)
    assert re.search(r"Failing ×3.*never.*due for 9 min.*The host does not answer", said)
    assert "pw@" not in page.text
    assert re.search(r'/feeds\?show=trouble"[^>]*>In trouble <span class="tally">1<', page.text)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("show=trouble", ["bad", "gone"]),
        ("show=silent", ["still"]),
        ("show=paused", ["paused"]),
        ("show=gone", ["gone"]),
        ("host=b.example", ["bad"]),
        ("host=[", []),
        ("q=HARBOUR", ["fine"]),
        ("q=%25", []),
        ("q=b.example", ["bad"]),
        ("tag=sea", ["fine"]),
        ("show=trouble&host=d.example", ["gone"]),
    ],
)
def test_feeds_are_chosen_by_trouble_state_host_tag_and_text(
    site: httpx.Client, ledger: Ledger, query: str, names: list[str]
) -> None:
    rows: list[dict[str, Any]] = [
        {"title": "fine Harbour", "tags": ["sea"], "last_polled": NOW},
        {"title": "bad", "failures": 1, "error": "no answer", "last_polled": NOW},
        {"title": "still", "silent_since": NOW - timedelta(days=3), "last_polled": NOW},
        {"title": "gone", "state": "gone"},
        {"title": "paused", "state": "paused"},
    ]
    for letter, row in zip("abcde", rows, strict=True):
        add(ledger, f"https://www.{letter}.example/feed", **row)
    page = site.get(f"/feeds?{query}")
    found = re.findall(r'<h2><a href="/feeds/\d+" dir="auto">(\w+)', page.text)
    assert (page.status_code, found) == (200, names)


def test_pages_lead_through_ten_thousand_feeds(site: httpx.Client, ledger: Ledger) -> None:
    wanted = [NewFeed(f"https://outlet{n % 3000}.example/{n}", f"Feed {n}") for n in range(10_000)]
    with ledger.write() as tx:
        feed_list.add_many(tx, wanted, NOW)
    first = site.get("/feeds")
    onward = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert onward is not None
    second = site.get(unescape(onward[1]))
    ids = [re.findall(r'<h2><a href="/feeds/(\d+)"', page.text) for page in (first, second)]
    assert [len(part) for part in ids] == [LISTED, LISTED]
    assert not set(ids[0]) & set(ids[1])
    assert "Feeds 10,000" in text_of(first)
    assert site.get("/feeds?cursor=nonsense").status_code == 422


def test_a_feed_is_added_by_address_with_tags(site: httpx.Client, ledger: Ledger) -> None:
    given = {"address": " harbour.example/feed ", "tags": "world,  the sea ,world"}
    answer = site.post("/feeds/add", data=given)
    assert (answer.status_code, answer.headers["location"]) == (303, "/feeds/1?done=added")
    (feed,) = known(ledger)
    assert (feed.url, feed.tags) == ("https://harbour.example/feed", ("world", "the sea"))
    assert "It is polled at once." in text_of(site.get("/feeds/1?done=added"))
    again = site.post("/feeds/add", data=given)
    assert again.status_code == 409
    assert "https://harbour.example/feed is there already, as feed 1." in text_of(again)
    assert 'value="harbour.example/feed"' in again.text


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "address is empty"),
        ("mailto:x@y.example", "is not an http or https URL"),
        ("a b", "not an http or https URL"),
        ("https://***@a.example/feed", "has had its credentials masked"),
        ("https://blocked.example/feed", "blocked"),
        (HOSTILE, "is not an http or https URL"),
        ("https://a.example/" + "x" * 3000, "too long"),
    ],
)
def test_what_is_no_address_is_named_and_kept_in_the_form(
    settings: Settings, ledger: Ledger, address: str, said: str
) -> None:
    with served(settings.model_copy(update={"block": ("blocked.example",)}), ledger) as site:
        answer = site.post("/feeds/add", data={"address": address, "tags": "world"})
    assert answer.status_code == 422
    assert said in unescape(text_of(answer))
    assert "Nothing was added." in answer.text
    assert 'value="world"' in answer.text
    assert f'value="{address}"' in unescape(answer.text)
    assert "<script" not in answer.text
    assert known(ledger) == []


def test_a_list_is_imported_from_a_file_and_its_bad_lines_are_told(site: httpx.Client, ledger: Ledger) -> None:
    answer = site.post("/feeds/import", files={"file": ("my feeds.opml", LIST, "text/xml")})
    said = unescape(text_of(answer))
    assert answer.status_code == 200
    assert "my feeds.opml: 1 feed was added." in said
    assert "mailto:x@y.example" in said
    assert [(feed.url, feed.tags) for feed in known(ledger)] == [("https://a.example/feed", ("sea",))]
    again = site.post("/feeds/import", files={"file": ("my feeds.opml", LIST, "text/xml")})
    assert "0 feeds were added; 1 was there already." in text_of(again)


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("page.html", b"<html><body></body></html>", 422, "page.html is a web page, not OPML"),
        ("empty.opml", b" \n", 422, "Empty.opml is empty"),
        ("", b"", 422, "No file was chosen"),
        ("large.opml", b" " * 21_500_000, 413, "The body is longer than"),
        ("long.opml", b"<opml>" + b" " * 20_000_001, 422, "too long for a list of feeds"),
    ],
)
def test_a_file_that_is_no_list_is_named(
    site: httpx.Client, ledger: Ledger, name: str, content: bytes, status: int, said: str
) -> None:
    answer = site.post("/feeds/import", files={"file": (name, content, "text/xml")}, headers={"accept": "text/html"})
    assert answer.status_code == status
    assert said.lower() in unescape(text_of(answer)).lower()
    assert known(ledger) == []


def test_a_feed_is_paused_resumed_polled_changed_and_removed(site: httpx.Client, ledger: Ledger) -> None:
    add(ledger, "https://a.example/feed", title="A", due=NOW + timedelta(hours=1))

    def done(action: str, **data: str) -> str:
        answer = site.post(f"/feeds/1/{action}", data=data)
        assert answer.status_code == 303, answer.text
        return text_of(site.get(answer.headers["location"]))

    assert "not polled until you resume it" in done("pause")
    assert known(ledger)[0].state == "paused"
    refused = site.post("/feeds/1/poll")
    assert refused.status_code == 422
    assert "resume it first" in refused.text
    assert "polled again" in done("resume")
    done("poll")
    assert (known(ledger)[0].due, known(ledger)[0].due_reason) == (NOW, "asked for")
    assert "as you gave them" in done("change", title="  The\nHarbour ", tags="sea, world")
    assert (known(ledger)[0].title, known(ledger)[0].tags) == ("The Harbour", ("sea", "world"))
    wrong = site.post("/feeds/1/change", data={"title": "x" * 301, "tags": "sea"})
    assert wrong.status_code == 422
    assert "at most 300 characters" in wrong.text
    assert "its articles stay" in done("remove")
    assert known(ledger) == []
    for gone in (site.get("/feeds/1"), site.post("/feeds/1/pause"), site.get("/feeds/x"), site.get(f"/feeds/{10**30}")):
        assert gone.status_code == 404


def test_the_page_of_a_feed_tells_all_that_is_known_and_draws_its_rhythm(site: httpx.Client, ledger: Ledger) -> None:
    feed = add(
        ledger,
        "https://a.example/feed",
        title=HOSTILE,
        format="Atom 1.0",
        problems=["line 3: not well-formed"],
        hints={"ttl": 3600.0},
        moved_to="https://me:pw@b.example/feed",
        moved_seen=2,
    )
    with ledger.write() as tx:
        row = {"url_key": "k", "url": "https://a.example/1", "host_key": "a.example", "state": "filed"}
        article = tx.execute(insert(article_table).values(**row, due=NOW, seen=NOW)).inserted_primary_key[0]
        for number, hours in enumerate((1, 1, 26, 24 * 30)):
            at = NOW - timedelta(hours=hours)
            seen = {"article_id": article, "feed_id": feed, "entry_key": str(number), "url_key": "k", "url": "u"}
            tx.execute(insert(sightings).values(**seen, published=at, first_seen=NOW, last_seen=NOW))
    page = site.get(f"/feeds/{feed}")
    said = unescape(text_of(page))
    assert "3 entries in the last 14 days, most of them between 13 and 14 h UTC." in said
    assert "Sun 29 Nov, 13–14 h: 2 entries" in said
    for words in ("Atom 1.0", "Line 3: not well-formed.", "ttl 3600", "https://***@b.example/feed (seen 2 times)"):
        assert words in said
    assert "<script>" not in page.text


def test_forms_need_the_token_of_the_session(settings: Settings, ledger: Ledger) -> None:
    add(ledger, "https://b.example/feed")
    with served(settings.model_copy(update={"api_token": TOKEN}), ledger) as site:
        assert site.get("/feeds").status_code == 401
        site.post("/login", data={"token": TOKEN})
        page = site.get("/feeds").text
        csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
        file = {"file": ("a.opml", LIST, "text/xml")}
        assert site.post("/feeds/import", files=file).status_code == 403
        assert site.post("/feeds/import", files=file, data={"csrf": "other"}).status_code == 403
        assert site.post("/feeds/1/remove").status_code == 403
        assert len(known(ledger)) == 1
        assert site.post("/feeds/import", files=file, data={"csrf": csrf}).status_code == 200
        assert site.post("/feeds/1/pause", data={"csrf": csrf}).status_code == 303
    assert [feed.state for feed in known(ledger)] == ["paused", "active"]
