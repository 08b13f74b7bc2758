"""The poller against a real server: what is asked, what is recorded, and when a feed comes up again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from sqlalchemy import select, text, update

from pipeline import queues
from pipeline.ledger import Ledger, articles, polls
from pipeline.ledger.schema import articles as article_table
from pipeline.ledger.schema import feeds as feed_table
from pipeline.records import FeedState
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.polling import add, due_now, one, poll, polled, until
from tests.workers.site import Answer, Asked, Site, rss
from tests.workers.wire import states
from workers.poller import Poller, ask
from workers.process import now

FEED = "/feed.xml"


pytestmark = pytest.mark.usefixtures("brisk_poller")


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_networks=("127.0.0.0/8",), request_seconds=10, poll_min_seconds=300)


def with_etag(body: bytes) -> Callable[[Asked], Answer]:
    """A server that behaves: the validator is a hash of the body, and 304 where it is known."""
    etag = f'"{hash(body)}"'

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == etag:
            return Answer(status=304, headers={"ETag": etag})
        return Answer(body, headers={"ETag": etag, "Last-Modified": "Mon, 23 Nov 2026 10:00:00 GMT"})

    return answer


def test_the_first_poll_is_a_backfill_and_later_news_are_not(
    ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings, client: redis.Redis
) -> None:
    site.pages[FEED] = with_etag(rss("https://a.example/1", "https://a.example/2", title="The Harbour Times"))
    add(ledger, site.url(FEED))
    settings = settings.model_copy(update={"fetch_batch": 1})
    poll(settings, ledger, sandbox, client)
    found = one(ledger)
    assert (found.title, found.failures, found.error) == ("The Harbour Times", 0, "")
    assert found.first_polled is not None
    assert found.due is not None
    assert found.due > now() + timedelta(seconds=250)
    assert queues.depth(client, queues.FETCH) == 0, "what is no news is for the janitor to hand out"

    site.pages[FEED] = with_etag(rss("https://a.example/3", "https://a.example/1", "https://a.example/2"))
    due_now(ledger)
    poll(settings, ledger, sandbox, client)
    assert queues.depth(client, queues.FETCH) == 1
    first, second = site.requests(FEED)
    assert "if-none-match" not in first.headers
    assert second.headers["if-none-match"] == found.etag
    assert second.headers["if-modified-since"] == "Mon, 23 Nov 2026 10:00:00 GMT"
    with ledger.read() as tx:
        chosen = select(article_table.c.url, article_table.c.backfill, article_table.c.priority)
        rows = {url: (backfill, priority) for url, backfill, priority in tx.execute(chosen)}
    assert rows == {
        "https://a.example/1": (True, articles.BACKFILL),
        "https://a.example/2": (True, articles.BACKFILL),
        "https://a.example/3": (False, articles.FRESH),
    }


def test_an_unchanged_feed_is_not_read_again(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages[FEED] = with_etag(rss("https://a.example/1"))
    add(sqlite_ledger, site.url(FEED))
    poll(settings, sqlite_ledger, sandbox)
    before = one(sqlite_ledger)
    due_now(sqlite_ledger)
    poll(settings, sqlite_ledger, sandbox)
    after = one(sqlite_ledger)
    assert "unchanged" in after.due_reason
    assert (after.etag, after.body_hash, after.failures) == (before.etag, before.body_hash, 0)
    assert after.pace != before.pace, "that nothing came is learned from as well"


def test_a_changed_body_under_the_old_etag_is_news(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages[FEED] = Answer(rss("https://a.example/1"), headers={"ETag": '"same"'})
    add(sqlite_ledger, site.url(FEED))
    poll(settings, sqlite_ledger, sandbox)
    site.pages[FEED] = Answer(rss("https://a.example/2", "https://a.example/1"), headers={"ETag": '"same"'})
    due_now(sqlite_ledger)
    poll(settings, sqlite_ledger, sandbox)
    assert states(sqlite_ledger) == {"queued": 2}
    assert "1 new entry" in one(sqlite_ledger).due_reason


def test_now_and_then_it_asks_without_validators(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages[FEED] = with_etag(rss("https://a.example/1"))
    add(sqlite_ledger, site.url(FEED))
    poll(settings, sqlite_ledger, sandbox)
    monkeypatch.setattr(ask, "UNCONDITIONAL", 1.0)
    due_now(sqlite_ledger)
    poll(settings, sqlite_ledger, sandbox)
    again = site.requests(FEED)[1].headers
    assert "if-none-match" not in again
    assert "if-modified-since" not in again
    assert "unchanged" in one(sqlite_ledger).due_reason, "the same body is no news"


def test_a_304_that_nobody_asked_for_is_an_error(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages[FEED] = Answer(status=304)
    add(sqlite_ledger, site.url(FEED))
    poll(settings, sqlite_ledger, sandbox)
    found = one(sqlite_ledger)
    assert "304" in found.error
    assert (found.failures, found.first_polled) == (1, None)
    site.pages[FEED] = Answer(rss("https://a.example/1"))
    due_now(sqlite_ledger)
    poll(settings, sqlite_ledger, sandbox)
    assert (one(sqlite_ledger).failures, one(sqlite_ledger).error) == (0, "")


def test_validators_are_kept_only_with_the_entries(
    ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    """Else a failure at the wrong moment would hide the entries behind a 304 for ever."""
    site.pages[FEED] = with_etag(rss("https://a.example/1"))
    add(ledger, site.url(FEED))
    with ledger.write() as tx:
        if ledger.is_sqlite:
            tx.execute(
                text("CREATE TRIGGER refused BEFORE INSERT ON sightings BEGIN SELECT RAISE(ABORT, 'refused'); END")
            )
        else:
            tx.execute(text("ALTER TABLE sightings ADD CONSTRAINT refused CHECK (url = '')"))
    poll(settings, ledger, sandbox)
    found = one(ledger)
    assert states(ledger) == {}
    assert (found.etag, found.last_modified, found.body_hash, found.first_polled) == (None, None, None, None)
    assert (found.failures, "could not be taken in" in found.error) == (1, True)
    with ledger.write() as tx:
        tx.execute(
            text("DROP TRIGGER refused" if ledger.is_sqlite else "ALTER TABLE sightings DROP CONSTRAINT refused")
        )
    due_now(ledger)
    poll(settings, ledger, sandbox)
    assert "if-none-match" not in site.requests(FEED)[1].headers
    assert states(ledger) == {"queued": 1}
    assert one(ledger).etag is not None


def test_410_ends_the_polling_visibly(sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings) -> None:
    site.pages[FEED] = Answer(status=410)
    add(sqlite_ledger, site.url(FEED))
    poll(settings, sqlite_ledger, sandbox)
    found = one(sqlite_ledger)
    assert found.state == FeedState.GONE
    assert "410" in found.error
    due_now(sqlite_ledger)
    poll(settings, sqlite_ledger, sandbox)
    assert len(site.requests(FEED)) == 1


def test_failures_back_off_with_words_and_stop_nobody_else(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    with socket.socket() as taken:  # bound, not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        site.pages |= {
            "/500": Answer(status=500),
            "/page": Answer("<!doctype html><html><body><p>Welcome.</p></body></html>"),
            "/empty": Answer(""),
            "/good": Answer(rss("https://a.example/1")),
        }
        addresses = [site.own_host(path) for path in ("/404", "/500", "/page", "/empty")]
        addresses += [f"http://127.0.0.1:{taken.getsockname()[1]}/dead", "http://10.1.2.3/private", "not a url"]
        add(sqlite_ledger, *addresses, site.own_host("/good"))
        poll(settings, sqlite_ledger, sandbox)
    found = {feed.url: feed for feed in (one(sqlite_ledger, number) for number in range(1, 9))}
    words = ("404", "500", "web page", "without a body", "cannot be reached", "10.1.2.3", "not a url")
    for address, word in zip(addresses, words, strict=True):
        feed = found[address]
        assert word in feed.error
        assert (feed.failures, feed.state, feed.first_polled) == (1, FeedState.ACTIVE, None)
        assert feed.last_polled is not None
        assert feed.due is not None
        assert feed.due > now() + timedelta(seconds=250)
        assert word in feed.due_reason
    good = found[site.own_host("/good")]
    assert (good.failures, good.error) == (0, "")
    lasting, passing = found[site.own_host("/404")].due, found[site.own_host("/500")].due
    assert lasting is not None
    assert passing is not None
    assert lasting > passing + timedelta(seconds=600), "what will not mend itself is asked less often"


def test_retry_after_holds_for_the_whole_host(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages |= {"/busy": Answer(status=429, headers={"Retry-After": "1800"}), "/other": Answer(rss())}
    add(sqlite_ledger, site.url("/busy"))
    poll(settings, sqlite_ledger, sandbox)
    add(sqlite_ledger, site.url("/other"))
    poll(settings, sqlite_ledger, sandbox)  # a poller that knows of the wish from the ledger only
    assert site.requests("/other") == []
    busy, other = one(sqlite_ledger, 1), one(sqlite_ledger, 2)
    assert busy.due is not None
    assert other.due is not None
    assert busy.due - now() > timedelta(seconds=1790)
    assert timedelta(seconds=1790) < other.due - now() < timedelta(seconds=2000)
    assert f"put off: 127.0.0.1:{site.port} asked to be left alone until" in other.due_reason
    assert (other.failures, other.error) == (0, ""), "late is not failed"


def test_two_pollers_never_poll_one_feed_twice(
    ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    paths = [f"/{number}.xml" for number in range(12)]
    site.pages |= {path: Answer(rss(f"https://a.example{path}", "https://a.example/common")) for path in paths}
    add(ledger, *(site.own_host(path) for path in paths))
    small = settings.model_copy(update={"poll_concurrency": 3})
    both = [Poller(small, ledger, None, sandbox) for _ in range(2)]
    asyncio.run(until(lambda: polled(ledger), *both))
    assert sorted(asked.path for asked in site.asked) == sorted(paths)
    assert states(ledger) == {"queued": 13}, "the common one is one article with twelve sightings"
    assert all(one(ledger, number).error == "" for number in range(1, 13))


def test_feeds_of_a_poller_that_died_are_taken_over_when_its_lease_has_run_out(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages |= {"/dead": Answer(rss()), "/held": Answer(rss()), "/free": Answer(rss())}
    add(sqlite_ledger, site.own_host("/dead"))
    with sqlite_ledger.write() as tx:
        polls.claim_due(tx, now(), "died", -0.001, 10)
    add(sqlite_ledger, site.own_host("/held"))
    with sqlite_ledger.write() as tx:
        tx.execute(update(feed_table).where(feed_table.c.url == site.own_host("/held")).values(lease_token="at work"))
        tx.execute(
            update(feed_table)
            .where(feed_table.c.url == site.own_host("/held"))
            .values(lease_until=now() + timedelta(seconds=60))
        )
    add(sqlite_ledger, site.own_host("/free"))
    asked = {"/dead", "/free"}
    poller_ = Poller(settings, sqlite_ledger, None, sandbox)
    asyncio.run(until(lambda: all(one(sqlite_ledger, n).last_polled for n in (1, 3)), poller_))
    assert {request.path for request in site.asked} == asked
