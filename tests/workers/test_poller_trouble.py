"""The poller when it is stopped, when hosts are slow, and when parsers or Redis are gone."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import timedelta

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.errors import SandboxError
from pipeline.ledger import Ledger, polls
from pipeline.records import FeedDocument, FeedState
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.polling import add, one, poll, until
from tests.workers.site import Answer, Asked, Site, rss
from tests.workers.wire import states
from workers import parsers
from workers.poller import Poller, loop
from workers.process import Stop, now

FEED = "/feed.xml"


pytestmark = pytest.mark.usefixtures("brisk_poller")


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_networks=("127.0.0.0/8",), request_seconds=10, poll_min_seconds=300)


def test_stopping_does_not_wait_for_a_slow_server_and_leaves_the_feed_due(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STOP_SECONDS", 0.1)
    site.pages["/slow"] = site.hang
    add(sqlite_ledger, site.url("/slow"))
    stop = Stop()
    began = time.monotonic()
    asyncio.run(until(lambda: bool(site.requests("/slow")), Poller(settings, sqlite_ledger, None, sandbox), stop=stop))
    assert time.monotonic() - began < settings.request_seconds / 2
    with sqlite_ledger.write() as tx:
        assert [turn.feed.url for turn in polls.claim_due(tx, now(), "next", 60, 10)] == [site.url("/slow")]
    assert one(sqlite_ledger).failures == 0


def test_a_poll_in_flight_is_finished_when_it_can_be(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    stop = Stop()

    def slow(_: Asked) -> Answer:
        stop.set()  # while the request is under way
        return Answer(rss("https://a.example/1"))

    site.pages["/slow"] = slow
    add(sqlite_ledger, site.url("/slow"))
    asyncio.run(until(stop.is_set, Poller(settings, sqlite_ledger, None, sandbox), stop=stop))
    assert states(sqlite_ledger) == {"queued": 1}


def test_a_slow_host_puts_its_other_feeds_off_without_blame(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STOP_SECONDS", 0.1)
    site.pages |= {"/slow": site.hang, "/other": Answer(rss("https://a.example/1"))}
    add(sqlite_ledger, site.url("/slow"), site.url("/other"))
    asyncio.run(
        until(lambda: "put off" in one(sqlite_ledger, 2).due_reason, Poller(settings, sqlite_ledger, None, sandbox))
    )
    put_off = one(sqlite_ledger, 2)
    assert put_off.due_reason == "put off: another feed of its host is being polled"
    assert (put_off.failures, put_off.last_polled) == (0, None)
    assert put_off.due is not None
    assert put_off.due < now() + timedelta(seconds=31)


def hang_on_demand(body: bytes, url: str, content_type: str | None, moment: object, headers: object) -> FeedDocument:
    while b"hangs the parser" in body:
        pass
    return parsers.read_feed(body, url, content_type, now())


def test_a_feed_that_hangs_the_parser_is_told_and_the_others_are_read(
    sqlite_ledger: Ledger, site: Site, settings: Settings
) -> None:
    site.pages |= {"/bad": Answer("hangs the parser"), "/good": Answer(rss("https://a.example/1"))}
    add(sqlite_ledger, site.own_host("/bad"), site.own_host("/good"))
    with Sandbox({"feed": hang_on_demand}, seconds=3.0) as limited:
        poll(settings, sqlite_ledger, limited)
    assert "hung and was killed after 3 s" in one(sqlite_ledger, 1).error
    assert states(sqlite_ledger) == {"queued": 1}


def test_a_poller_whose_parsers_died_ends_and_blames_no_feed(
    sqlite_ledger: Ledger, site: Site, settings: Settings
) -> None:
    site.pages[FEED] = Answer(rss("https://a.example/1"))
    with parsers.sandbox(settings) as own:
        alone = Poller(settings, sqlite_ledger, None, own)

        def kill(_: Asked) -> Answer:
            os.kill(own.pid, signal.SIGKILL)
            assert own.pid is not None
            os.waitid(os.P_PID, own.pid, os.WEXITED | os.WNOWAIT)
            return Answer(rss("https://a.example/1"))

        site.pages[FEED] = kill
        add(sqlite_ledger, site.url(FEED))
        with pytest.raises(SandboxError, match="started afresh"):
            asyncio.run(until(lambda: False, alone))
    found = one(sqlite_ledger)
    assert (found.state, found.failures, found.error) == (FeedState.ACTIVE, 0, "")


def test_without_redis_the_entries_are_recorded_all_the_same(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages[FEED] = Answer(rss("https://a.example/1"))
    add(sqlite_ledger, site.url(FEED))
    dead = redis.Redis(unix_socket_path="/nonexistent/socket", retry=Retry(NoBackoff(), 0))
    poll(settings, sqlite_ledger, sandbox, dead)
    assert states(sqlite_ledger) == {"queued": 1}
    assert one(sqlite_ledger).error == ""
