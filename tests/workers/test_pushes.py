"""What hubs push becomes entries: from a real hub through the web service and the sandbox into the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from pipeline.errors import SandboxError
from pipeline.feeds import websub
from pipeline.feeds.schedule import Due
from pipeline.ledger import Ledger, feeds, pushes, subscriptions
from pipeline.ledger.schema import feeds as feed_table
from pipeline.ledger.schema import pushes as push_table
from pipeline.records import Entry, FeedDocument
from pipeline.sandbox import Sandbox
from tests.workers.hub import Running, hub
from tests.workers.site import Answer, Site, rss
from tests.workers.subscribing import Newsroom, pushed, reachable, subscribe, until
from workers import services, subscriber
from workers.poller import Poller
from workers.poller.outcome import LaterError
from workers.poller.pushes import PushReader, after_poll
from workers.poller.read import Reader
from workers.process import Stop, now

FEED = "/feed.xml"
LINES = ("https://a.example/1", "https://a.example/2")


@pytest.fixture
def newsroom(sqlite_ledger: Ledger) -> Iterator[Newsroom]:
    with reachable(sqlite_ledger) as made:
        yield made


@pytest.fixture(scope="module")
def pushing() -> Iterator[Running]:
    """A hub that stays up."""
    with hub() as running:
        yield running


def publish(site: Site, running: Running, *links: str) -> None:
    """The publisher's side: the feed names its hub, and the hub is told that there is news."""
    named = f'<{running.url}>; rel="hub", <{site.url(FEED)}>; rel="self"'
    site.pages[FEED] = Answer(rss(*links), headers={"Link": named, "Content-Type": "application/rss+xml"})
    running.publish(site.url(FEED))


def read(newsroom: Newsroom, sandbox: Sandbox) -> int:
    """Read the pushes that wait, as a poller does. Returns how many times articles were found."""
    found: list[None] = []

    async def go() -> None:
        reader = Reader(sandbox)
        taking = PushReader(newsroom.settings, newsroom.ledger, reader.read, lambda: found.append(None))
        await taking.begin()
        await taking.end()
        reader.close()

    asyncio.run(go())
    return len(found)


def next_poll(newsroom: Newsroom, new: int = 0) -> tuple[float, str]:
    """In how many hours a feed is polled again, and why, after a poll that the schedule would repeat in an hour."""
    planned = Due(at=newsroom.at + timedelta(hours=1), interval=3600.0, reason="next in 1 h: quiet")
    feed = newsroom.one_feed()
    with newsroom.ledger.write() as tx:
        due = after_poll(tx, feed, new, planned, moment=newsroom.at, longest=21_600.0, jitter=0.0)
    assert due.interval == planned.interval, "the feed's own rhythm is not forgotten"
    return (due.at - newsroom.at) / timedelta(hours=1), due.reason


def rest(newsroom: Newsroom) -> None:
    """The feed was polled an hour ago and is due in six."""
    with newsroom.ledger.write() as tx:
        late, before = newsroom.at + timedelta(hours=6), newsroom.at - timedelta(hours=1)
        tx.execute(update(feed_table).values(due=late, last_polled=before))


def test_from_the_feed_that_names_its_hub_to_the_entries_that_it_pushed(
    newsroom: Newsroom, pushing: Running, site: Site, sandbox: Sandbox
) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    held = newsroom.one()
    assert held.expires is not None
    assert held.expires - newsroom.at == timedelta(seconds=websub.LEASE_SECONDS)
    assert pushing.subscribers(site.url(FEED)) == [websub.callback(held)]
    publish(site, pushing, *LINES)
    until(newsroom.waiting)
    assert newsroom.urls() == set(), "the web service only keeps what came"
    assert read(newsroom, sandbox) == 1
    assert newsroom.urls() == set(LINES)
    assert newsroom.waiting() == []
    assert newsroom.one_feed().last_new is not None
    assert (newsroom.one().pushes, newsroom.one().pushed) == (1, newsroom.at)
    wait, why = next_poll(newsroom)
    assert wait == 6
    assert why.startswith("next in 6 h: 127.0.0.1:")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384"])
def test_every_algorithm_that_hubs_sign_with_is_understood(newsroom: Newsroom, site: Site, algorithm: str) -> None:
    with hub(algorithm) as running:
        subscribe(newsroom, running, site.url(FEED))
        publish(site, running, *LINES)
        until(newsroom.waiting)
    assert (newsroom.one().pushes, newsroom.one().refused) == (1, 0)


def test_a_hub_that_pushes_what_nobody_wants_is_told_to_stop(newsroom: Newsroom, pushing: Running, site: Site) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    with newsroom.ledger.write() as tx:
        subscriptions.forget(tx, newsroom.one().token)
    publish(site, pushing, *LINES)
    until(lambda: not pushing.subscribers(site.url(FEED)))
    assert newsroom.waiting() == []


def test_a_push_that_is_forged_brings_nothing_and_one_that_is_repeated_nothing_more(
    newsroom: Newsroom, pushing: Running, site: Site, sandbox: Sandbox
) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    assert pushed(newsroom, rss("https://evil.example/1"), rightly=False) == 204
    assert (newsroom.waiting(), newsroom.one().refused, newsroom.one().pushes) == ([], 1, 0)
    for _ in range(3):
        assert pushed(newsroom, rss(*LINES)) == 204
    assert len(newsroom.waiting()) == 1
    assert read(newsroom, sandbox) == 1
    assert pushed(newsroom, rss(*LINES)) == 204
    assert read(newsroom, sandbox) == 0
    assert newsroom.urls() == set(LINES)


def test_a_push_that_is_too_long_is_refused(newsroom: Newsroom, pushing: Running, site: Site) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    assert pushed(newsroom, b"<rss>" + b" " * newsroom.settings.feed_max_bytes) == 413
    assert newsroom.waiting() == []


def test_a_push_that_is_no_feed_has_the_feed_polled_instead(
    newsroom: Newsroom, pushing: Running, site: Site, sandbox: Sandbox
) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    rest(newsroom)
    pushed(newsroom, b"<html><body>There is news.</body></html>")
    assert read(newsroom, sandbox) == 0
    feed = newsroom.one_feed()
    assert feed.due is not None
    assert feed.due <= now()
    assert newsroom.waiting() == []


def test_a_push_that_kills_its_parser_is_given_up_after_some_attempts(
    newsroom: Newsroom, pushing: Running, site: Site, sandbox: Sandbox
) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    rest(newsroom)
    pushed(newsroom, rss(*LINES))

    async def killed(*_: object) -> FeedDocument:
        raise SandboxError("the parser took too long and was ended", reason="hung")

    reader = PushReader(newsroom.settings, newsroom.ledger, killed, lambda: None)
    for _ in range(pushes.MAX_ATTEMPTS):
        (push,) = reader.claim(10)
        asyncio.run(reader.take(push))
        with newsroom.ledger.write() as tx:
            tx.execute(update(push_table).values(lease_until=None))
    assert newsroom.waiting() == []
    assert newsroom.one_feed().due_reason == pushes.UNREADABLE


def test_a_push_that_another_poller_took_over_is_recorded_once(
    newsroom: Newsroom, pushing: Running, site: Site, sandbox: Sandbox
) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    pushed(newsroom, rss(*LINES))

    async def slow(*_: object) -> FeedDocument:
        """While this one reads, its lease runs out and another reads the same."""
        with newsroom.ledger.write() as tx:
            tx.execute(update(push_table).values(lease_until=now() - timedelta(seconds=1)))
        await asyncio.to_thread(read, newsroom, sandbox)
        return FeedDocument(format="rss", entries=(Entry(key="late", url="https://a.example/late"),))

    found: list[None] = []
    reader = PushReader(newsroom.settings, newsroom.ledger, slow, lambda: found.append(None))
    (push,) = reader.claim(1)
    asyncio.run(reader.take(push))
    assert newsroom.urls() == set(LINES)
    assert found == []


def test_a_push_that_was_missed_puts_the_feed_back_to_ordinary_polling(
    newsroom: Newsroom, pushing: Running, site: Site
) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    assert next_poll(newsroom)[0] == 1, "it has not pushed yet"
    pushed(newsroom, rss(*LINES))
    assert next_poll(newsroom)[0] == 6
    newsroom.at += timedelta(hours=6)
    with newsroom.ledger.write() as tx:
        tx.execute(update(feed_table).values(last_polled=newsroom.at - timedelta(hours=3)))
    assert next_poll(newsroom, new=3)[0] == 1
    assert "1 update came without a push" in websub.describe(newsroom.one(), newsroom.at)
    pushed(newsroom, rss("https://a.example/3"))
    assert next_poll(newsroom)[0] == 6, "it pushes again"


def test_a_ping_for_a_feed_that_is_being_polled_waits_for_that_poll(
    newsroom: Newsroom, pushing: Running, site: Site, sandbox: Sandbox
) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    rest(newsroom)
    with newsroom.ledger.write() as tx:
        tx.execute(update(feed_table).values(lease_token="a poll", lease_until=now() + timedelta(seconds=60)))
    pushed(newsroom, b"")
    assert newsroom.waiting() == [b""]
    read(newsroom, sandbox)
    assert newsroom.waiting() == [b""], "that poll may have asked before the news was there"
    with newsroom.ledger.write() as tx:
        tx.execute(update(feed_table).values(lease_token=None, lease_until=None))
        tx.execute(update(push_table).values(lease_until=None))
    read(newsroom, sandbox)
    assert newsroom.waiting() == []
    assert newsroom.one_feed().due_reason == "its hub says that there is news"


def test_what_is_blocked_does_not_come_by_push_either(
    newsroom: Newsroom, pushing: Running, site: Site, sandbox: Sandbox
) -> None:
    newsroom.settings = newsroom.settings.model_copy(update={"block": ("b.example",)})
    subscribe(newsroom, pushing, site.url(FEED))
    pushed(newsroom, rss("https://a.example/1", "https://b.example/2"))
    read(newsroom, sandbox)
    assert newsroom.urls() == {"https://a.example/1"}


def test_without_parsers_a_push_waits_without_blame(newsroom: Newsroom, pushing: Running, site: Site) -> None:
    subscribe(newsroom, pushing, site.url(FEED))
    pushed(newsroom, rss(*LINES))

    async def gone(*_: object) -> FeedDocument:
        raise LaterError("there was nothing to read it with")

    reader = PushReader(newsroom.settings, newsroom.ledger, gone, lambda: None)
    for _ in range(2 * pushes.MAX_ATTEMPTS):
        (push,) = reader.claim(10)
        asyncio.run(reader.take(push))
        with newsroom.ledger.write() as tx:
            tx.execute(update(push_table).values(lease_until=None))
    assert len(newsroom.waiting()) == 1


def test_the_polling_service_finds_the_hub_subscribes_and_reads_what_is_pushed(
    newsroom: Newsroom, pushing: Running, site: Site, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "ALIGN_EVERY", timedelta(0))
    monkeypatch.setattr(subscriber, "LOOK_SECONDS", 1.0)
    topic = site.url(FEED)
    links = f'<atom:link rel="hub" href="{pushing.url}"/><atom:link rel="self" href="{topic}"/>'
    body = rss("https://a.example/old").decode().replace("<channel>", f"<channel>{links}")
    body = body.replace("<rss ", '<rss xmlns:atom="http://www.w3.org/2005/Atom" ')
    site.pages[FEED] = Answer(body, headers={"Content-Type": "application/rss+xml"})
    with newsroom.ledger.write() as tx:
        feeds.add(tx, topic, now())

    async def wait(condition: Callable[[], object]) -> None:
        for _ in range(3000):
            if condition():
                return
            await asyncio.sleep(0.02)
        pytest.fail("it did not come to that")

    async def go() -> None:
        stop = Stop()
        poller = Poller(newsroom.settings, newsroom.ledger, None, sandbox)
        service = asyncio.create_task(services.polling(newsroom.settings, newsroom.ledger, poller, stop))
        await wait(newsroom.active)
        for _ in range(500):  # the hub notes it after it was answered
            if await asyncio.to_thread(pushing.subscribers, topic):
                break
            await asyncio.sleep(0.05)
        await asyncio.to_thread(publish, site, pushing, *LINES)
        await wait(newsroom.waiting)
        stop.set()
        await service

    asyncio.run(go())
    assert newsroom.urls() == {"https://a.example/old"}, "nobody polled again"
    read(newsroom, sandbox)
    assert newsroom.urls() == {"https://a.example/old", *LINES}
