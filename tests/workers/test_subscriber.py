"""Hubs are asked, asked again and left in peace: the subscriber and the web service's callbacks with a real hub."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from sqlalchemy import update

from pipeline.feeds import websub
from pipeline.ledger import Ledger, feeds
from pipeline.ledger.schema import feeds as feed_table
from pipeline.records import FeedState
from tests.workers.hub import Running, hub
from tests.workers.site import Site
from tests.workers.subscribing import Newsroom, odd_hub, reachable, subscribe, until
from workers.subscriber import Subscriber

FEED = "/feed.xml"


@pytest.fixture
def newsroom(sqlite_ledger: Ledger) -> Iterator[Newsroom]:
    with reachable(sqlite_ledger) as made:
        yield made


@pytest.fixture(scope="module")
def pushing() -> Iterator[Running]:
    """A hub that stays up."""
    with hub() as running:
        yield running


@pytest.fixture
def doomed() -> Iterator[Running]:
    """A hub that a test may end."""
    with hub() as running:
        yield running


def test_a_subscription_is_renewed_before_its_lease_ends(newsroom: Newsroom, pushing: Running, site: Site) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    first = newsroom.one()
    assert newsroom.step(days=7) == 0, "a lease of ten days is young after seven"
    assert newsroom.step(days=1, minutes=1) == 1
    until(lambda: newsroom.one().verified != first.verified)
    again = newsroom.one()
    assert again.expires == newsroom.at + timedelta(days=10)
    assert (again.token, again.failures, again.error) == (first.token, 0, "")
    assert len(pushing.subscribers(site.url(FEED))) == 1


def test_what_is_denied_is_told_with_the_reason_and_asked_again_much_later(
    newsroom: Newsroom, pushing: Running, site: Site
) -> None:
    newsroom.feed(site.url("/denied.xml"), pushing.url)
    newsroom.step()
    until(lambda: newsroom.one().state == "denied")
    assert newsroom.one().error == "the hub denied it: not on our list"
    assert newsroom.step(days=6) == 0
    assert newsroom.step(days=1, hours=1) == 1


def test_a_hub_that_is_down_is_asked_again_and_polls_go_on(newsroom: Newsroom, doomed: Running, site: Site) -> None:
    doomed.stop()
    for number in range(5):
        newsroom.feed(site.url(f"/{number}.xml"), doomed.url)
    assert newsroom.step() == 1, "one request says it for all the hub's feeds"
    for number in range(1, 6):
        held = newsroom.one(number)
        assert (held.state, held.failures) == ("failed", 1)
        assert "cannot be reached" in held.error
        assert held.due >= newsroom.at + timedelta(seconds=websub.RETRY_SECONDS)
    assert newsroom.step(minutes=9) == 0
    assert newsroom.step(minutes=3) == 1
    assert newsroom.one().due >= newsroom.at + timedelta(seconds=2 * websub.RETRY_SECONDS)


def test_a_hub_that_goes_down_leaves_the_lease_as_it_is(newsroom: Newsroom, doomed: Running, site: Site) -> None:
    subscribe(newsroom, doomed, site.url(FEED))
    doomed.stop()
    assert newsroom.step(days=8, minutes=1) == 1
    assert newsroom.active()
    assert "not renewed" in websub.describe(newsroom.one(), newsroom.at)
    newsroom.step(days=3)
    assert not newsroom.active()
    assert newsroom.one().state == "failed"


def test_a_hub_that_never_comes_back_is_told_with_what_to_look_at(newsroom: Newsroom, site: Site) -> None:
    with hub() as running:
        unreachable = newsroom.settings.model_copy(update={"public_url": "http://127.0.0.1:9"})
        newsroom.settings, before = unreachable, newsroom.settings
        newsroom.feed(site.url(FEED), running.url)
        assert newsroom.step() == 1
        assert newsroom.step(minutes=30) == 0, "it has its time"
        assert newsroom.step(minutes=31) == 1
        assert "SLUGLINE_PUBLIC_URL" in newsroom.one().error
        newsroom.settings = before
        assert newsroom.step(hours=1, minutes=10) == 1
        until(newsroom.active)
    assert newsroom.one().base == before.public_url, "and where it can be reached it is asked for anew"


@pytest.mark.parametrize("end", ["paused", "removed", "hub-changed"])
def test_what_is_wanted_no_more_is_ended_at_the_hub(newsroom: Newsroom, pushing: Running, site: Site, end: str) -> None:
    made = subscribe(newsroom, pushing, site.url(FEED))
    token = newsroom.one().token
    with newsroom.ledger.write() as tx:
        if end == "paused":
            feeds.set_state(tx, made, FeedState.PAUSED, newsroom.at)
        elif end == "removed":
            feeds.remove(tx, made, newsroom.at)
        else:
            tx.execute(update(feed_table).values(hub_url="http://127.0.0.1:9/other"))
    newsroom.step(seconds=1)
    until(lambda: not pushing.subscribers(site.url(FEED)))
    until(lambda: token not in {row.token for row in newsroom.rows()})
    left = newsroom.rows()
    assert [row.hub for row in left] == (["http://127.0.0.1:9/other"] if end == "hub-changed" else [])


def test_two_subscribers_ask_once(newsroom: Newsroom, pushing: Running, site: Site) -> None:
    for number in range(6):
        newsroom.feed(site.url(f"/{number}.xml"), pushing.url)
    pair = [Subscriber(newsroom.settings, newsroom.ledger) for _ in range(2)]

    async def go() -> list[int]:
        async with pair[0].client() as client:
            return await asyncio.gather(*(one.step(client, newsroom.at) for one in pair))

    assert sum(asyncio.run(go())) == 6


def test_hubs_inside_the_network_are_not_asked(newsroom: Newsroom, site: Site) -> None:
    guarded = newsroom.settings.model_copy(update={"allow_networks": ()})
    newsroom.settings = guarded
    newsroom.feed(site.url(FEED), "http://169.254.169.254/latest")
    newsroom.step()
    assert "not on the public internet" in newsroom.one().error
    assert newsroom.one().due >= newsroom.at + timedelta(days=1)


def test_hubs_that_are_blocked_are_not_asked(newsroom: Newsroom, site: Site) -> None:
    with odd_hub(lambda _: (202, {})) as (url, forms):
        newsroom.settings = newsroom.settings.model_copy(update={"block": ("127.0.0.1",)})
        newsroom.feed(site.url(FEED), url)
        newsroom.step()
    assert forms == []
    assert "block list" in newsroom.one().error


def test_a_hub_that_moved_is_followed_and_one_that_leads_inside_is_not(newsroom: Newsroom, site: Site) -> None:
    def answer(path: str) -> tuple[int, dict[str, str]]:
        return (202, {}) if path == "/new" else (308, {"Location": "/new"})

    with odd_hub(answer) as (url, forms):
        newsroom.feed(site.url(FEED), url)
        newsroom.step()
    assert newsroom.one().error == ""
    first, second = (parse_qs(form) for form in forms)
    assert first == second
    assert first["hub.mode"] == ["subscribe"]
    assert first["hub.secret"] == [newsroom.one().secret]
    with odd_hub(lambda _: (307, {"Location": "http://192.168.1.1/"})) as (url, forms):
        other = newsroom.feed(site.url("/other.xml"), url)
        newsroom.step()
    assert "192.168.1.1" in newsroom.one(other).error
    assert len(forms) == 1


def test_a_hub_that_asks_for_a_pause_gets_it(newsroom: Newsroom, site: Site) -> None:
    with odd_hub(lambda _: (429, {"Retry-After": "7200"})) as (url, forms):
        newsroom.feed(site.url("/1.xml"), url)
        newsroom.feed(site.url("/2.xml"), url)
        newsroom.step()
    assert len(forms) == 1
    assert newsroom.one(2).due >= newsroom.at + timedelta(hours=2)


def test_a_refusal_is_told_in_words(newsroom: Newsroom, site: Site) -> None:
    with odd_hub(lambda _: (404, {})) as (url, _):
        newsroom.feed(site.url(FEED), url)
        newsroom.step()
    assert "404" in newsroom.one().error
    assert newsroom.one().state == "failed"
