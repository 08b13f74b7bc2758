"""A feed follows its address when that redirects for good, poll after poll; a mistake of an hour moves nothing.

FreshRSS#3561, lemon24/reader#246, vienna-rss#1546.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from pipeline.ledger import Ledger
from pipeline.ledger.schema import feeds as feed_table
from pipeline.records import FeedState
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.polling import add, due_now, one, poll
from tests.workers.site import Answer, Site, rss
from workers.process import now

pytestmark = pytest.mark.usefixtures("brisk_poller")

FEED = rss("https://a.example/1", "https://a.example/2")


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_networks=("127.0.0.0/8",), host_spacing_seconds=0.0)


def polls(ledger: Ledger, settings: Settings, sandbox: Sandbox, times: int, *, apart: timedelta = timedelta(0)) -> None:
    """Poll that often, with so much time between the polls as far as redirects are concerned."""
    for _ in range(times):
        due_now(ledger)
        poll(settings, ledger, sandbox)
        since = one(ledger).moved_since
        if since is not None:
            with ledger.write() as tx:
                tx.execute(update(feed_table).where(feed_table.c.id == 1).values(moved_since=since - apart))


def away(site: Site, status: int, target: str = "/new") -> None:
    site.pages |= {"/old": Answer(status=status, headers={"location": target}), "/new": Answer(FEED)}


def test_a_permanent_redirect_moves_the_feed_after_repeated_sightings(
    ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    away(site, 301)
    add(ledger, site.url("/old"))
    polls(ledger, settings, sandbox, 2, apart=timedelta(hours=20))
    assert one(ledger).url == site.url("/old")
    assert one(ledger).moved_to == site.url("/new")
    polls(ledger, settings, sandbox, 2, apart=timedelta(hours=20))
    moved = one(ledger)
    assert (moved.url, moved.moved_to, moved.moved_seen) == (site.url("/new"), None, 0)
    site.pages["/old"] = Answer("gone", 404)
    polls(ledger, settings, sandbox, 1)
    assert one(ledger).error == ""


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_temporary_redirect_never_moves_it(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings, status: int
) -> None:
    away(site, status)
    add(sqlite_ledger, site.url("/old"))
    polls(sqlite_ledger, settings, sandbox, 5, apart=timedelta(days=2))
    assert one(sqlite_ledger).url == site.url("/old")
    assert one(sqlite_ledger).error == ""


def test_a_redirect_to_a_page_that_is_no_feed_moves_nothing(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    away(site, 301)
    site.pages["/new"] = Answer("<html><title>Welcome</title><body>Our new home</body></html>")
    add(sqlite_ledger, site.url("/old"))
    polls(sqlite_ledger, settings, sandbox, 5, apart=timedelta(days=2))
    kept = one(sqlite_ledger)
    assert (kept.url, kept.moved_to) == (site.url("/old"), None)
    assert "web page" in kept.error


def test_a_redirect_that_ends_is_forgotten(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    away(site, 301)
    add(sqlite_ledger, site.url("/old"))
    polls(sqlite_ledger, settings, sandbox, 2, apart=timedelta(days=2))
    site.pages["/old"] = Answer(rss("https://a.example/3"))
    polls(sqlite_ledger, settings, sandbox, 1)
    assert (one(sqlite_ledger).moved_to, one(sqlite_ledger).moved_seen) == (None, 0)


def test_a_feed_that_moves_to_a_known_one_is_paused_and_says_so(
    ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    away(site, 308, site.own_host("/new"))
    add(ledger, site.url("/old"), site.own_host("/new"))
    polls(ledger, settings, sandbox, 5, apart=timedelta(days=1))
    first = one(ledger)
    assert first.state == FeedState.PAUSED
    assert "it moved to the address of feed 2" in first.due_reason
    assert one(ledger, 2).state == FeedState.ACTIVE


def test_what_was_seen_at_the_old_address_is_not_news_at_the_new_one(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    away(site, 301)
    add(sqlite_ledger, site.url("/old"))
    polls(sqlite_ledger, settings, sandbox, 4, apart=timedelta(days=1))
    before = one(sqlite_ledger)
    site.pages["/new"] = Answer(FEED, headers={"ETag": '"other"'})
    polls(sqlite_ledger, settings, sandbox, 1)
    after = one(sqlite_ledger)
    assert after.url == site.url("/new")
    assert after.last_new == before.last_new
    assert now() - (after.last_success or before.created or now()) < timedelta(minutes=5)
