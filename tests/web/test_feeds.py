"""Feeds through the API: added, chosen, changed, removed, page by page."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import insert, update

from pipeline.ledger import Ledger, feed_list, feeds
from pipeline.ledger.feed_list import NewFeed
from pipeline.ledger.schema import feeds as feed_table
from pipeline.ledger.schema import subscriptions
from pipeline.records import FeedState
from pipeline.settings import Settings
from tests.web.newsroom import NOW, served

API = "/api/v1"


def add(ledger: Ledger, url: str, **values: Any) -> int:
    """A feed with these values in its row."""
    with ledger.write() as tx:
        made = feeds.add(tx, url, NOW)
        assert made is not None
        if values:
            tx.execute(update(feed_table).where(feed_table.c.id == made).values(values))
    return made


def test_feeds_are_added_paused_named_tagged_and_removed(settings: Settings, ledger: Ledger) -> None:
    url = "https://me:pw@outlet.example/feed?token=abc"
    with served(settings, ledger) as site:
        made = site.post(f"{API}/feeds", json={"url": url, "tags": ["a", "a"]})
        assert made.status_code == 201
        body = made.json()
        assert (body["url"], body["tags"]) == ("https://***@outlet.example/feed?token=***", ["a"])
        assert (body["standing"], body["due_reason"]) == ("new", "new")
        assert "pw" not in site.get(f"{API}/feeds").text
        again = site.post(f"{API}/feeds", json={"url": url})
        assert (again.status_code, again.json()["detail"]) == (409, "This feed is there already, as number 1.")
        changes = {"state": "paused", "tags": ["world", "es", "es"], "title": " The\nOutlet "}
        changed = site.patch(f"{API}/feeds/1", json=changes).json()
        assert (changed["state"], changed["standing"]) == ("paused", "paused")
        assert (changed["tags"], changed["title"]) == (["world", "es"], "The Outlet")
        with ledger.read() as tx:
            (feed,) = feeds.every(tx)
        assert (feed.url, feed.state) == (url, "paused")
        resumed = site.patch(f"{API}/feeds/1", json={"state": "active"}).json()
        assert (resumed["state"], resumed["tags"], resumed["title"]) == ("active", ["world", "es"], "The Outlet")
        assert site.get(f"{API}/feeds/1").json() == resumed
        assert site.patch(f"{API}/feeds/1", json={}).status_code == 422
        assert site.patch(f"{API}/feeds/9", json={"tags": []}).status_code == 404
        assert site.delete(f"{API}/feeds/1").status_code == 204
        assert site.delete(f"{API}/feeds/1").status_code == 404
        assert site.get(f"{API}/feeds/1").status_code == 404
        assert site.get(f"{API}/feeds").json() == {"feeds": [], "count": 0, "next_cursor": None}


@pytest.mark.parametrize("url", ["ftp://outlet.example/x", "outlet.example", "javascript:alert(1)", "https://a b/", ""])
def test_a_feed_needs_a_web_address(settings: Settings, ledger: Ledger, url: str) -> None:
    with served(settings, ledger) as site:
        one = site.post(f"{API}/feeds", json={"url": url})
        many = site.post(f"{API}/feeds", json=[{"url": "https://outlet.example/feed"}, {"url": url}])
    assert one.status_code == many.status_code == 422
    assert "url: " in one.json()["detail"]
    assert "url: " in many.json()["detail"]
    with ledger.read() as tx:
        assert feeds.every(tx) == []


def test_of_many_feeds_those_that_are_new_are_added(settings: Settings, ledger: Ledger) -> None:
    known = add(ledger, "https://known.example/feed")
    given = [{"url": f"https://{name}.example/feed"} for name in ("b", "known", "a", "b")]
    with served(settings, ledger) as site:
        first = site.post(f"{API}/feeds", json=given)
        again = site.post(f"{API}/feeds", json=given)
        too_many = site.post(f"{API}/feeds", json=[{"url": f"https://a.example/{n}"} for n in range(1001)])
        none = site.post(f"{API}/feeds", json=[])
    assert (first.status_code, len(first.json()["added"]), first.json()["there_already"]) == (201, 2, [known])
    assert (again.status_code, again.json()["detail"]) == (409, "All of these feeds are there already.")
    assert (too_many.status_code, none.status_code) == (422, 422)
    with ledger.read() as tx:
        assert len(feeds.every(tx)) == 3


def test_a_feed_is_shown_with_all_that_is_known_of_it(settings: Settings, ledger: Ledger) -> None:
    made = add(
        ledger,
        "https://outlet.example/feed",
        format="Atom 1.0",
        last_polled=NOW,
        last_success=NOW,
        silent_since=NOW - timedelta(days=3),
        entries_per_day=12.4,
        problems=["3 entries without a link to an article: left out"],
        moved_to="https://me:pw@new.example/feed",
        moved_seen=2,
        hub_url="https://hub.example/",
        pace={"from": "https://me:pw@outlet.example/"},
    )
    with ledger.write() as tx:
        values = {"token": "cannot be guessed", "secret": "signs", "state": "active", "due": NOW}
        tx.execute(
            insert(subscriptions).values(feed_id=made, hub="https://hub.example/", topic="t", base="b", **values)
        )
    with served(settings, ledger) as site:
        answer = site.get(f"{API}/feeds/{made}")
        body = answer.json()
    assert (body["standing"], body["silence"]) == ("silent", "silent for 3 days, usually 12 entries a day")
    assert (body["format"], body["entries_per_day"]) == ("Atom 1.0", 12.4)
    assert body["problems"] == ["3 entries without a link to an article: left out"]
    assert (body["moved_to"], body["moved_seen"]) == ("https://***@new.example/feed", 2)
    assert (body["websub"]["state"], body["websub"]["hub"]) == ("active", "https://hub.example/")
    assert not any(secret in answer.text for secret in ("pw", "signs", "cannot be guessed"))


def test_feeds_are_chosen_by_how_they_are(settings: Settings, ledger: Ledger) -> None:
    well = add(ledger, "https://well.example/", last_polled=NOW, tags=["world", "sea"])
    failing = add(ledger, "https://failing.example/", failures=3, error="is not there")
    gone = add(ledger, "https://gone.example/", state=FeedState.GONE)
    paused = add(ledger, "https://paused.example/", state=FeedState.PAUSED, tags=['sea "x" \' %'])
    silent = add(ledger, "https://silent.example/", last_polled=NOW, silent_since=NOW, tags=["world"])
    asked = {
        "state=active": [well, failing, silent],
        "state=gone": [gone],
        "trouble=true": [failing, gone],
        "silent=true": [silent],
        "tag=world": [well, silent],
        "tag=sea": [well],
        "tag=sea+%22x%22+%27+%25": [paused],
        "tag=wor": [],
        "tag=world&silent=true": [silent],
    }
    with served(settings, ledger) as site:
        for query, expected in asked.items():
            body = site.get(f"{API}/feeds?{query}").json()
            assert ([one["id"] for one in body["feeds"]], body["count"]) == (expected, len(expected)), query
        assert site.get(f"{API}/feeds?state=odd").status_code == 422
        assert site.get(f"{API}/feeds?tag=%00").status_code == 422
        assert site.get(f"{API}/feeds?limit=1001").status_code == 422


def test_a_cursor_leads_through_all_feeds_and_holds_when_one_goes(settings: Settings, ledger: Ledger) -> None:
    made = [add(ledger, f"https://outlet.example/{number}") for number in range(7)]
    found: list[int] = []
    cursor: str | None = ""
    with served(settings, ledger) as site:
        for _ in range(5):
            given = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            body = site.get(f"{API}/feeds", params=given).json()
            found += [one["id"] for one in body["feeds"]]
            cursor = body["next_cursor"]
            if cursor is None:
                break
            site.delete(f"{API}/feeds/{found[-1]}")
        assert site.get(f"{API}/feeds?cursor=x").status_code == 422
    assert (found, cursor) == (made, None)


def test_answers_about_feeds_are_as_described(settings: Settings, ledger: Ledger) -> None:
    add(ledger, "https://outlet.example/feed", hub_url="https://hub.example/")
    with served(settings, ledger) as site:
        described = site.get("/openapi.json").json()
        answers = [
            ("/feeds", site.get(f"{API}/feeds")),
            ("/feeds/{feed_id}", site.get(f"{API}/feeds/1")),
            ("/feeds", site.post(f"{API}/feeds", json={"url": "https://b.example/"})),
            ("/feeds", site.post(f"{API}/feeds", json=[{"url": "https://c.example/"}])),
            ("/feeds", site.post(f"{API}/feeds", json=[{"url": "https://c.example/"}])),
            ("/feeds/{feed_id}", site.patch(f"{API}/feeds/1", json={"title": "x"})),
            (
                "/feeds.opml",
                site.post(f"{API}/feeds.opml", content=b"https://d.example/", headers={"content-type": "text/x-opml"}),
            ),
            ("/feeds.opml", site.post(f"{API}/feeds.opml", content=b"x", headers={"content-type": "text/plain"})),
        ]
    for path, answer in answers:
        operation = described["paths"][API + path][answer.request.method.lower()]
        schema = operation["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": described["components"]}).validate(answer.json())


def test_changes_need_the_token(ledger: Ledger) -> None:
    made = add(ledger, "https://outlet.example/feed")
    with served(Settings(api_token="s3cret"), ledger) as site:
        headers = {"content-type": "text/x-opml"}
        refused = [
            site.post(f"{API}/feeds", json={"url": "https://b.example/"}),
            site.patch(f"{API}/feeds/{made}", json={"state": "paused"}),
            site.delete(f"{API}/feeds/{made}"),
            site.get(f"{API}/feeds.opml"),
            site.post(f"{API}/feeds.opml", content=b"https://c.example/", headers=headers),
        ]
        assert [one.status_code for one in refused] == [401] * 5
        named = site.post(
            f"{API}/feeds.opml", content=b"https://c.example/", headers=headers | {"authorization": "Bearer s3cret"}
        )
        assert named.status_code == 200


def test_ten_thousand_feeds_are_added_in_seconds_and_read_at_once(settings: Settings, ledger: Ledger) -> None:
    wanted = [NewFeed(f"https://outlet{n % 3000}.example/{n}", f"Feed {n}", ("many",)) for n in range(10_000)]
    began = time.perf_counter()
    with ledger.write() as tx:
        assert len(feed_list.add_many(tx, wanted, NOW).new) == 10_000
        assert len(feed_list.add_many(tx, wanted, NOW).known) == 10_000
    # Some 2 s on two cores; the bound is for a machine that is busy with other things.
    assert time.perf_counter() - began < 20
    with served(settings, ledger) as site:
        site.get(f"{API}/feeds")
        cursor = site.get(f"{API}/feeds?limit=1000").json()["next_cursor"]
        began = time.perf_counter()
        page = site.get(f"{API}/feeds", params={"cursor": cursor, "tag": "many"})
        taken = time.perf_counter() - began
    assert (len(page.json()["feeds"]), page.json()["count"]) == (100, 10_000)
    assert taken < 1.5


def test_a_list_in_opml_comes_and_goes_through_the_api(settings: Settings, ledger: Ledger) -> None:
    add(ledger, "https://me:s3cret@known.example/feed", title="Known", tags=["world"])
    text = """<opml><body><outline text="sea"><outline text="A" xmlUrl="https://a.example/feed"/>
    <outline text="bad" xmlUrl="mailto:x@y.example"/></outline></body></opml>"""
    typed = {"content-type": "text/x-opml"}
    with served(settings, ledger) as site:
        path = f"{API}/feeds.opml"
        body = site.post(path, content=text, headers=typed).json()
        again = site.post(path, content=text, headers=typed).json()
        listed = site.get(path)
        refused = site.post(path, content=b"<html></html>", headers=typed)
        forms = [site.post(path, content=text, headers={"content-type": kind}) for kind in ("", "text/plain")]
        large = site.post(path, content=b"# " + b"x" * 2_000_000 + b"\nhttps://b.example/feed", headers=typed)
        too_large = site.post(path, content=b" " * 20_000_001, headers=typed)
    assert (len(body["added"]), body["there_already"], len(body["remarks"])) == (1, [], 1)
    assert (again["added"], again["there_already"]) == ([], body["added"])
    assert listed.headers["content-type"] == "text/x-opml; charset=utf-8"
    assert 'xmlUrl="https://a.example/feed"' in listed.text
    assert "s3cret" not in listed.text
    assert (refused.status_code, "a web page" in refused.json()["detail"]) == (422, True)
    assert [one.status_code for one in forms] == [415, 415]
    assert (large.status_code, too_large.status_code) == (200, 413)
