"""What has bitten other pollers, each under its own name, against a site that behaves like that.

References are to the projects where it was reported."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pipeline.ledger import Ledger, feeds
from pipeline.records import FeedState
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.http_client.site import Asked, Handler, Site, answer, redirect, site
from tests.workers.polling import add, due_now, one, polled, until
from tests.workers.site import rss
from tests.workers.wire import states
from workers.poller import Poller
from workers.process import now

FEED = rss("https://a.example/1", "https://a.example/2")


pytestmark = pytest.mark.usefixtures("brisk_poller")


@pytest.fixture
def settings() -> Settings:
    return Settings(
        allow_networks=("127.0.0.0/8",), request_seconds=1.5, feed_max_bytes=200_000, host_spacing_seconds=0.05
    )


class Polling:
    """Polls of one ledger against one site; a new poller each time, as after a restart."""

    def __init__(self, ledger: Ledger, settings: Settings, sandbox: Sandbox) -> None:
        self.ledger, self._settings, self._sandbox = ledger, settings, sandbox

    async def again(self, pollers: int = 1, condition: Callable[[], bool] | None = None) -> None:
        made = [Poller(self._settings, self.ledger, None, self._sandbox) for _ in range(pollers)]
        await until(condition or (lambda: polled(self.ledger)), *made)

    async def once_more(self) -> None:
        due_now(self.ledger)
        await self.again()


@pytest.fixture
def polling(sqlite_ledger: Ledger, settings: Settings, sandbox: Sandbox) -> Polling:
    return Polling(sqlite_ledger, settings, sandbox)


def at(there: Site, path: str) -> str:
    """A feed's URL on a host of its own."""
    return there.url(path, f"{path.strip('/')}.localhost")


# ---- 3: validators are opaque and belong to the URL that served the body ----


def test_a_redirect_that_leads_elsewhere_gets_no_validators_of_before(polling: Polling) -> None:
    async def act() -> None:
        handlers = {"/feed": redirect("/one"), "/one": answer(FEED, ETag='"1"'), "/two": answer(FEED, ETag='"2"')}
        async with site(handlers) as there:
            add(polling.ledger, there.url("/feed"))
            await polling.again()
            assert one(polling.ledger).served_by == there.url("/one")
            await polling.once_more()
            asked = [request for request in there.asked if request.path == "/one"][1]
            assert asked.headers["if-none-match"] == '"1"'
            handlers["/feed"] = redirect("/two")
            await polling.once_more()
            assert all("if-none-match" not in one.headers for one in there.asked if one.path in ("/feed", "/two"))
            assert (one(polling.ledger).etag, one(polling.ledger).served_by) == ('"2"', there.url("/two"))

    asyncio.run(act())


# ---- 6: Retry-After is for the whole host, in seconds or as a date, over restarts (miniflux#2128, #3900,
#         commafeed#1166, #2181) ----


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable", "301 Moved"])
def test_retry_after_is_obeyed_for_the_host_by_the_next_poller_too(polling: Polling, form: str, status: str) -> None:
    async def act() -> None:
        wish = "3600" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
        busy = answer(b"", "503 Service Unavailable" if status.startswith("301") else status, Retry_After=wish)
        handlers = {"/busy": busy, "/other": answer(FEED), "/moved": redirect("/busy", "301 Moved")}
        async with site(handlers) as there:
            add(polling.ledger, there.url("/moved" if status.startswith("301") else "/busy"))
            await polling.again()
            add(polling.ledger, there.url("/other"))
            await polling.again()
            assert "/other" not in [request.path for request in there.asked]
            for number in (1, 2):
                due = one(polling.ledger, number).due
                assert due is not None
                assert timedelta(seconds=3590) < due - now() < timedelta(seconds=4400)

    asyncio.run(act())


def test_a_redirect_to_a_host_that_wants_peace_waits_without_blame(polling: Polling) -> None:
    async def act() -> None:
        handlers = {"/busy": answer(b"", "429 Too Many Requests", Retry_After="1800"), "/feed": answer(FEED)}
        async with site(handlers) as there:
            handlers["/leads"] = redirect(there.url("/feed", "busy.localhost"))
            add(polling.ledger, at(there, "/busy"))
            await polling.again()
            add(polling.ledger, at(there, "/leads"))
            await polling.again()
            assert [request.path for request in there.asked] == ["/busy", "/leads"]
            found = one(polling.ledger, 2)
            assert f"put off: it redirects to busy.localhost:{there.port}, which asked to be left" in found.due_reason
            assert (found.failures, found.error) == (0, "")
            assert found.due is not None
            assert found.due > now() + timedelta(seconds=1790)

    asyncio.run(act())


# ---- 7: a feed must not die after three errors (miniflux#879, #2895) ----


def test_a_feed_that_fails_for_long_is_asked_again_and_comes_back(polling: Polling) -> None:
    async def act() -> None:
        handlers = {"/feed": answer(b"", "500 Internal Server Error")}
        async with site(handlers) as there:
            add(polling.ledger, there.url("/feed"))
            for _ in range(6):
                await polling.once_more()
            found = one(polling.ledger)
            assert (found.state, found.failures) == (FeedState.ACTIVE, 6)
            assert "6 failures in a row" in found.due_reason
            assert found.due is not None
            assert found.due < now() + timedelta(hours=7)
            handlers["/feed"] = answer(FEED)
            await polling.once_more()
            assert (one(polling.ledger).failures, states(polling.ledger)) == (0, {"queued": 2})

    asyncio.run(act())


# ---- 8: per-host limits belong where work is handed out (miniflux#3289, FreshRSS#6973) ----


def test_many_feeds_of_one_host_are_asked_one_at_a_time_by_all_pollers_together(
    polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.ledger.polls.STEP_SECONDS", 0.05)
    busy = most = 0

    async def slowly(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.05)
        busy -= 1
        await answer(FEED)(asked, writer)

    async def act() -> None:
        paths = [f"/{number}" for number in range(6)]
        async with site(dict.fromkeys(paths, slowly)) as there:
            add(polling.ledger, *(there.url(path) for path in paths))
            await polling.again(2, lambda: all(one(polling.ledger, number).last_polled for number in range(1, 7)))
            assert sorted(request.path for request in there.asked) == paths, "each once"

    asyncio.run(act())
    assert most == 1


# ---- 9: 403 may be throttling, and a challenge is no missing page (commafeed#1362) ----


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        ("403 Forbidden", {}, "refuses us (403 Forbidden)"),
        ("401 Unauthorized", {}, "asks for a login"),
        ("404 Not Found", {}, "is not there"),
        ("429 Too Many Requests", {}, "asks us to slow down"),
        ("503 Service Unavailable", {"Cf_Mitigated": "challenge"}, "hides behind a challenge page"),
        ("451 Unavailable", {}, "withheld for legal reasons"),
        ("502 Bad Gateway", {}, "failed with status 502"),
    ],
)
def test_what_a_host_refuses_with_is_named(polling: Polling, status: str, headers: dict[str, str], words: str) -> None:
    async def act() -> None:
        async with site({"/feed": answer(b"<p>no</p>", status, **headers)}) as there:
            add(polling.ledger, there.url("/feed"))
            await polling.again()
        found = one(polling.ledger)
        assert words in found.error
        assert (found.failures, found.state) == (1, FeedState.ACTIVE)

    asyncio.run(act())


# ---- 10: restarting must not re-poll everything ----


def test_a_restart_asks_nobody_again(polling: Polling) -> None:
    async def act() -> None:
        paths = [f"/{number}" for number in range(5)]
        async with site({path: answer(FEED) for path in paths}) as there:
            add(polling.ledger, *(at(there, path) for path in paths))
            await polling.again()
            await polling.again()
            assert len(there.asked) == 5

    asyncio.run(act())


# ---- 11: bounded, named, retried later ----


async def _endless(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def _drip(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _headers(_: Asked, writer: asyncio.StreamWriter) -> None:
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(5000))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + lines + b"\r\n")
    await writer.drain()


async def _reset(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<rss")
    await writer.drain()
    writer.transport.abort()


async def _silent(_: Asked, writer: asyncio.StreamWriter) -> None:
    await writer.drain()


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + number, b"&%c;" % (97 + number) * 10) for number in range(12))
    + b"]><rss><channel><title>&m;</title></channel></rss>"
)
DEEP = b"<rss>" + b"<channel>" * 20_000

TRAPS: dict[str, tuple[Handler, str]] = {
    "endless": (_endless, "larger than 200000 bytes"),
    "byte-by-byte": (_drip, "was not done after 1.5 s"),
    "silent": (_silent, "was not done after 1.5 s"),
    "headers": (_headers, "more than 256 headers"),
    "reset": (_reset, "broke off"),
    "loop": (redirect("/loop"), "redirects more than 5 times"),
    "cookie-loop": (redirect("/cookie-loop", Set_Cookie="seen=1"), "redirects more than 5 times"),
    "gzip-bomb": (answer(gzip.compress(bytes(9_000_000)), Content_Encoding="gzip"), "larger than 200000 bytes when"),
    "nested": (answer(b"x", Content_Encoding="gzip, gzip, gzip"), "encodings on top of one another"),
    "lies": (answer(b"\x1f\x8b nothing", Content_Encoding="gzip"), "cannot be unpacked"),
    "file": (redirect("file:///etc/passwd"), "which is no http or https URL"),
    "inside": (redirect("http://10.0.0.1/"), "not on the public internet"),
    "empty": (answer(b""), "without a body"),
}


def test_whatever_a_host_does_is_bounded_and_told_and_tried_again(polling: Polling) -> None:
    async def act() -> None:
        handlers = {f"/{name}": handler for name, (handler, _) in TRAPS.items()} | {"/good": answer(FEED)}
        async with site(handlers) as there:
            add(polling.ledger, *(at(there, path) for path in handlers))
            await asyncio.wait_for(polling.again(), 30)
        for number, (name, (_, words)) in enumerate(TRAPS.items(), 1):
            found = one(polling.ledger, number)
            assert words in found.error, name
            assert (found.failures, found.state) == (1, FeedState.ACTIVE), name
            assert found.due is not None
            assert found.due < now() + timedelta(hours=7), name
        assert states(polling.ledger) == {"queued": 2}, "the good one is read all the same"

    asyncio.run(act())


@pytest.mark.parametrize("body", [LAUGHS, DEEP], ids=["billion laughs", "twenty thousand levels"])
def test_a_body_made_to_kill_parsers_ends_in_bounded_time(polling: Polling, body: bytes) -> None:
    async def act() -> None:
        async with site({"/bomb": answer(body), "/good": answer(FEED)}) as there:
            add(polling.ledger, at(there, "/bomb"), at(there, "/good"))
            await asyncio.wait_for(polling.again(), 30)
        found = one(polling.ledger)
        assert found.last_polled is not None
        assert found.error or found.problems or found.format, "read, or told why not"
        assert states(polling.ledger) == {"queued": 2}

    asyncio.run(act())


# ---- 12: late is not failed ----


def test_a_feed_that_had_to_wait_is_not_in_trouble(polling: Polling) -> None:
    async def act() -> None:
        async with site({"/one": answer(FEED), "/two": answer(FEED)}) as there:
            add(polling.ledger, there.url("/one"), there.url("/two"))
            await polling.again(condition=lambda: one(polling.ledger, 1).last_polled is not None)
            waited = one(polling.ledger, 2)
            assert (waited.failures, waited.error, waited.last_polled) == (0, "", None)
            with polling.ledger.read() as tx:
                assert all(feed.failures == 0 for feed in feeds.every(tx))

    asyncio.run(act())
