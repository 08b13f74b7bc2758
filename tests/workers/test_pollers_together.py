"""Several poller processes share the feeds: none is polled twice, and none is forgotten when a process is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

from pipeline.ledger import Ledger, connect, polls
from pipeline.settings import Settings
from tests.ledger.making import processes
from tests.workers.polling import add, one, polled
from tests.workers.site import Answer, Site, rss
from tests.workers.wire import states
from workers import parsers
from workers.poller import Poller, ask, loop
from workers.process import Stop, now

LEASE = 2.0  # seconds; a minute in production
FEED = "/feed.xml"


def run(ledger_url: str, *, dies_before_commit: bool = False, lease: float = LEASE) -> None:
    """A poller process as `slugline poller` runs it, but with a short lease."""
    loop.LEASE_SECONDS, loop.IDLE_SECONDS, ask.UNCONDITIONAL = lease, 0.02, 0.0
    settings = Settings(allow_networks=("127.0.0.0/8",))
    if dies_before_commit:

        def die(*_: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        polls.record_all = die  # the entries are written by then, the validators are not
    with parsers.sandbox(settings) as sandbox, contextlib.closing(connect(ledger_url)) as ledger:
        asyncio.run(Poller(settings, ledger, None, sandbox).run(Stop.on_signals()))


@contextlib.contextmanager
def poller(ledger_url: str, **options: Any) -> Iterator[BaseProcess]:
    process = processes().Process(target=run, args=(ledger_url,), kwargs=options)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to that")


def test_processes_share_the_feeds_and_poll_none_twice(ledger_url: str, ledger: Ledger, site: Site) -> None:
    paths = [f"/{number}.xml" for number in range(30)]
    site.pages |= {path: Answer(rss(f"https://a.example{path}")) for path in paths}
    add(ledger, *(site.own_host(path) for path in paths))
    # Nobody dies here, and on a busy machine a poll may well outlast the short lease.
    with poller(ledger_url, lease=60.0), poller(ledger_url, lease=60.0), poller(ledger_url, lease=60.0):
        wait_for(lambda: polled(ledger))
    assert sorted(asked.path for asked in site.asked) == sorted(paths)
    assert states(ledger) == {"queued": 30}


def test_a_feed_whose_poller_was_killed_in_mid_poll_is_taken_over(ledger_url: str, ledger: Ledger, site: Site) -> None:
    site.pages[FEED] = site.hang
    add(ledger, site.url(FEED))
    with poller(ledger_url) as first:
        wait_for(lambda: bool(site.asked))
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
    site.pages[FEED] = Answer(rss("https://a.example/1"))
    with poller(ledger_url):
        wait_for(lambda: states(ledger) == {"queued": 1})
    assert (one(ledger).failures, one(ledger).error) == (0, "")


def test_a_poll_that_outlasts_the_lease_is_not_given_to_another(
    sqlite_url: str, sqlite_ledger: Ledger, site: Site
) -> None:
    site.pages[FEED] = site.hang
    add(sqlite_ledger, site.url(FEED))
    with poller(sqlite_url), poller(sqlite_url):
        wait_for(lambda: bool(site.asked))
        until = time.monotonic() + 2 * LEASE
        wait_for(lambda: time.monotonic() > until)
        with sqlite_ledger.write() as tx:
            assert polls.claim_due(tx, now(), "third", 60.0, 10) == []
    assert len(site.asked) == 1


def test_a_crash_before_the_commit_hides_no_entries_behind_a_304(ledger_url: str, ledger: Ledger, site: Site) -> None:
    """Validators saved before the entries would do that for ever."""

    def conditional(asked: object) -> Answer:
        known = "if-none-match" in getattr(asked, "headers", {})
        return Answer(status=304) if known else Answer(rss("https://a.example/1"), headers={"ETag": '"1"'})

    site.pages[FEED] = conditional
    add(ledger, site.url(FEED))
    with poller(ledger_url, dies_before_commit=True) as first:
        first.join(30)
        assert first.exitcode == -signal.SIGKILL
    assert (states(ledger), one(ledger).etag, one(ledger).first_polled) == ({}, None, None)
    with poller(ledger_url):
        wait_for(lambda: states(ledger) == {"queued": 1})
    assert one(ledger).etag == '"1"'
