"""The guarded client against a site that misbehaves, on a real socket."""

from __future__ import annotations

import asyncio
import base64
import gzip
import time
import zlib
from collections.abc import Awaitable, Callable

import brotli
import pytest
import zstandard

from pipeline.errors import FetchError, ForbiddenAddressError
from pipeline.http import Client

from .site import Asked, Handler, Site, answer, redirect, site

LOOPBACK = ("127.0.0.1/32",)


def run(handlers: dict[str, Handler], act: Callable[[Site, Client], Awaitable[None]], **options: object) -> None:
    async def main() -> None:
        settings = {"user_agent": "Test/1 (+mailto:test@example.org)", "allow_networks": LOOPBACK, **options}
        async with site(handlers) as there, Client(**settings) as client:  # type: ignore[arg-type]
            await act(there, client)

    asyncio.run(asyncio.wait_for(main(), 30))


def fails(handlers: dict[str, Handler], reason: str, path: str = "/", **options: object) -> FetchError:
    found: list[FetchError] = []

    async def act(there: Site, client: Client) -> None:
        with pytest.raises(FetchError) as caught:
            await client.get(there.url(path))
        found.append(caught.value)

    run(handlers, act, **options)
    assert found[0].reason == reason, found[0]
    assert str(found[0])
    return found[0]


def test_an_answer_is_given_whole() -> None:
    async def act(there: Site, client: Client) -> None:
        found = await client.get(there.url("/a?b=c"), headers={"If-None-Match": '"x"'})
        assert (found.status, found.body, found.headers["etag"]) == (200, b"hello", '"1"')
        assert found.url == found.final_url == there.url("/a?b=c")
        assert found.redirects == ()
        assert found.seconds > 0
        asked = there.asked[0]
        assert asked.path == "/a?b=c"
        assert asked.headers["user-agent"] == "Test/1 (+mailto:test@example.org)"
        assert asked.headers["if-none-match"] == '"x"'
        assert asked.headers["host"] == f"127.0.0.1:{there.port}"

    run({"/a": answer(b"hello", ETag='"1"')}, act)


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("gzip", gzip.compress(b"news " * 1000, mtime=0)),
        ("gzip", gzip.compress(b"news " * 500, mtime=0) + gzip.compress(b"news " * 500, mtime=0)),
        ("deflate", zlib.compress(b"news " * 1000)),
        ("deflate", zlib.compress(b"news " * 1000, wbits=-15)),
        ("br", brotli.compress(b"news " * 1000)),
        ("zstd", zstandard.compress(b"news " * 1000)),
        ("gzip, br", brotli.compress(gzip.compress(b"news " * 1000, mtime=0))),
        ("gzip", b"news " * 1000),
    ],
)
def test_encodings_are_undone(name: str, packed: bytes) -> None:
    async def act(there: Site, client: Client) -> None:
        assert (await client.get(there.url("/"))).body == b"news " * 1000

    run({"/": answer(packed, Content_Encoding=name)}, act)


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("gzip", gzip.compress(bytes(30_000_000))),
        ("br", brotli.compress(bytes(30_000_000), quality=1)),
        ("zstd", zstandard.compress(bytes(30_000_000))),
        ("deflate", zlib.compress(bytes(30_000_000))),
    ],
)
def test_a_compression_bomb_is_too_large(name: str, packed: bytes) -> None:
    assert len(packed) < 100_000
    fails({"/": answer(packed, Content_Encoding=name)}, "too-large", max_bytes=100_000)


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate", "rot13", "gzip, gzip, gzip"])
def test_a_broken_encoding_is_named(name: str) -> None:
    fails({"/": answer(b"\x1f\x8b\x08 nothing of the kind", Content_Encoding=name)}, "bad-encoding")


def test_an_announced_size_is_refused_before_it_is_read() -> None:
    async def boast(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nx")
        await writer.drain()

    fails({"/": boast}, "too-large")


def test_an_endless_body_is_cut_off() -> None:
    async def forever(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    fails({"/": forever}, "too-large", max_bytes=50_000)


def test_one_byte_at_a_time_meets_the_deadline() -> None:
    async def drip(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    started = time.monotonic()
    fails({"/": drip}, "timeout", timeout=0.3)
    assert time.monotonic() - started < 5


def test_informational_answers_without_end_meet_the_deadline() -> None:
    async def hints(_: Asked, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await writer.drain()

    fails({"/": hints}, "timeout", timeout=0.3)


@pytest.mark.parametrize("count", [300, 5000, 100_000])
def test_too_many_headers(count: int) -> None:
    async def shout(_: Asked, writer: asyncio.StreamWriter) -> None:
        lines = b"".join(b"X-%d: y\r\n" % number for number in range(count))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + lines + b"\r\n")
        await writer.drain()

    async def act(there: Site, client: Client) -> None:
        with pytest.raises(FetchError) as caught:
            await client.get(there.url("/"))
        # Beyond 100 KB of them the parser gives up before they can be counted.
        assert caught.value.reason in (("too-many-headers",) if count < 10_000 else ("too-many-headers", "protocol"))

    run({"/": shout}, act)


def test_a_reset_in_mid_body_is_named() -> None:
    async def reset(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it")
        await writer.drain()
        writer.transport.abort()

    fails({"/": reset}, "protocol")


@pytest.mark.parametrize("junk", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 two hundred\r\n\r\n", b"\0" * 100])
def test_what_is_no_http_is_named(junk: bytes) -> None:
    async def speak(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(junk)
        writer.close()

    fails({"/": speak}, "protocol")


def test_redirects_are_recorded() -> None:
    async def act(there: Site, client: Client) -> None:
        found = await client.get(there.url("/old"))
        assert found.redirects == ((301, there.url("/new")), (302, there.url("/end?x=1")))
        assert (found.url, found.final_url, found.body) == (there.url("/old"), there.url("/end?x=1"), b"here")

    run({"/old": redirect("/new", "301 Moved"), "/new": redirect("end?x=1"), "/end": answer(b"here")}, act)


def test_a_redirect_loop_ends() -> None:
    error = fails({"/": redirect("/"), "/b": redirect("/")}, "too-many-redirects")
    assert error.retry


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/", "javascript:x", "http://"])
def test_only_http_is_followed(target: str) -> None:
    fails({"/": redirect(target)}, "bad-url")


def test_a_redirect_to_a_forbidden_address_is_refused() -> None:
    async def act(there: Site, client: Client) -> None:
        with pytest.raises(ForbiddenAddressError, match="SLUGLINE_ALLOW_NETWORKS"):
            await client.get(there.url("/"))
        assert there.connections == 1

    run({"/": redirect("http://127.0.0.2:80/latest/meta-data/")}, act)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "outlet.localhost", "2130706433", "0x7f.1", "127.1"])
def test_loopback_is_refused_however_it_is_spelled(host: str) -> None:
    async def act(there: Site, client: Client) -> None:
        with pytest.raises(ForbiddenAddressError) as caught:
            await client.get(there.url("/", host))
        assert caught.value.reason == "forbidden-address"
        assert not caught.value.retry
        assert there.connections == 0

    run({"/": answer()}, act, allow_networks=())


def test_localhost_names_need_no_dns() -> None:
    async def act(there: Site, client: Client) -> None:
        assert (await client.get(there.url("/", "the-courier.localhost"))).body == b"ok"
        assert there.asked[0].headers["host"] == f"the-courier.localhost:{there.port}"

    run({"/": answer()}, act)


def test_cookies_live_for_one_chain_of_redirects() -> None:
    async def act(there: Site, client: Client) -> None:
        await client.get(there.url("/a"))
        await client.get(there.url("/b"))
        assert [asked.headers.get("cookie") for asked in there.asked] == [None, "seen=1", None]

    run({"/a": redirect("/b", Set_Cookie="seen=1"), "/b": answer(Set_Cookie="more=2")}, act)


def test_credentials_go_to_their_own_origin_only() -> None:
    async def act(there: Site, client: Client) -> None:
        url = there.url("/a").replace("//", "//me:s%20cret@")
        found = await client.get(url, headers={"Cookie": "mine=1"})
        first, second, third = there.asked
        expected = "Basic " + base64.b64encode(b"me:s cret").decode()
        assert first.headers["authorization"] == second.headers["authorization"] == expected
        assert "authorization" not in third.headers
        assert "cookie" not in third.headers
        assert "cret" not in third.headers.get("referer", "")
        assert found.final_url == there.url("/c", "other.localhost")

    async def away(_: Asked, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        await redirect(f"http://other.localhost:{port}/c")(_, writer)

    run({"/a": redirect("/b"), "/b": away, "/c": answer()}, act)


def test_a_dead_port_and_a_dead_name() -> None:
    async def act(there: Site, client: Client) -> None:
        with pytest.raises(FetchError, match=r"cannot be reached.*refused") as caught:
            await client.get("http://127.0.0.1:1/")
        assert caught.value.reason == "connect"
        with pytest.raises(FetchError) as caught:
            await client.get("http://a-name-that-is-not-there.invalid/", timeout=5)
        assert caught.value.reason in ("dns", "timeout")

    run({}, act)


def test_a_port_that_speaks_no_tls() -> None:
    async def act(there: Site, client: Client) -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(FetchError, match="no valid TLS") as caught:
                await client.get(f"https://127.0.0.1:{port}/")
            assert caught.value.reason == "tls"

    run({}, act)


def test_a_stalled_tls_handshake_leaves_no_socket_open() -> None:
    async def act(there: Site, client: Client) -> None:
        ended = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            ended.set()
            writer.close()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(FetchError) as caught:
                await client.get(f"https://127.0.0.1:{port}/", timeout=0.3)
            assert caught.value.reason == "timeout"
            await asyncio.wait_for(ended.wait(), 5)

    run({}, act)


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://example.org/", "http://a b/", "http://[::1/"])
def test_a_bad_url_is_named(url: str) -> None:
    async def act(there: Site, client: Client) -> None:
        with pytest.raises(FetchError) as caught:
            await client.get(url)
        assert (caught.value.reason, caught.value.retry) == ("bad-url", False)

    run({}, act)


def test_a_304_that_nobody_asked_for_is_an_error() -> None:
    fails({"/": answer(b"", "304 Not Modified")}, "unsolicited-304")


def test_a_304_that_was_asked_for_is_none() -> None:
    async def act(there: Site, client: Client) -> None:
        found = await client.get(there.url("/"), headers={"If-None-Match": '"1"'})
        assert found.status == 304

    run({"/": answer(b"", "304 Not Modified")}, act)


def test_connections_are_kept_and_a_stale_one_is_replaced() -> None:
    async def once(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await answer()(asked, writer)
        writer.close()

    async def act(there: Site, client: Client) -> None:
        await client.get(there.url("/kept"))
        await client.get(there.url("/once"))
        assert there.connections == 1
        assert (await client.get(there.url("/kept"))).body == b"ok"
        assert there.connections == 2

    run({"/kept": answer(), "/once": once}, act)


def test_every_hop_is_asked_for_admission() -> None:
    seen: list[str] = []

    async def admit(url: str) -> None:
        seen.append(url)
        if url.endswith("/blocked"):
            raise FetchError("blocked by the list", reason="blocked", retry=False)

    async def act(there: Site, client: Client) -> None:
        with pytest.raises(FetchError, match="blocked by the list"):
            await client.get(there.url("/"))
        assert seen == [there.url("/"), there.url("/blocked")]
        assert len(there.asked) == 1

    run({"/": redirect("/blocked"), "/blocked": answer()}, act, admit=admit)


def test_errors_never_show_credentials() -> None:
    async def act(there: Site, client: Client) -> None:
        with pytest.raises(FetchError) as caught:
            await client.get("http://me:hunter2@127.0.0.1:1/feed?token=abc123")
        assert "hunter2" not in str(caught.value)
        assert "abc123" not in str(caught.value)

    run({}, act)


def test_many_at_once() -> None:
    async def act(there: Site, client: Client) -> None:
        found = await asyncio.gather(*(client.get(there.url("/")) for _ in range(50)))
        assert [one.body for one in found] == [b"ok"] * 50
        assert there.connections <= 8

    run({"/": answer()}, act, connections=8)


def test_failures_give_their_place_back() -> None:
    async def hang(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await writer.drain()

    async def act(there: Site, client: Client) -> None:
        for _ in range(3):
            with pytest.raises(FetchError, match=r"0\.1 s"):
                await client.get(there.url("/hang"), timeout=0.1)
            with pytest.raises(FetchError, match="refused"):
                await client.get("http://127.0.0.1:1/")
            with pytest.raises(ForbiddenAddressError):
                await client.get("http://127.0.0.3/")
        assert (await client.get(there.url("/"))).body == b"ok"

    run({"/": answer(), "/hang": hang}, act, connections=1)


def test_idle_connections_give_way_to_other_hosts() -> None:
    async def act(there: Site, client: Client) -> None:
        for number in range(6):
            assert (await client.get(there.url("/", f"outlet-{number}.localhost"))).status == 200
        assert (await client.get(there.url("/", "outlet-5.localhost"))).status == 200
        assert there.connections == 6

    run({"/": answer()}, act, connections=2)
