"""No URL and no redirect leads the client to an address inside, however the address is written or found."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pipeline.errors import FetchError, ForbiddenAddressError
from pipeline.http import Client
from tests.http_client.site import Asked, Handler, Site, answer, redirect, site

INSIDE = """
127.0.0.2 127.2 0x7f.2 0x7f000002 0x7F.0x0.0x0.0x2 2130706434 017700000002 0177.0.0.2 0177.2 127.0.0.2.
127.0.0.02 １２７.0.0.2 127。0。0。2 ①②⑦.0.0.2 0.0.0.0 0 10.0.0.1 100.64.0.1 169.254.169.254 0xa9fea9fe 172.16.0.1
192.168.0.1 192.0.0.192 198.18.0.1 224.0.0.1 255.255.255.255 [::] [::1] [0:0:0:0:0:0:0:1] [::127.0.0.1]
[::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:169.254.169.254] [64:ff9b::127.0.0.1] [64:ff9b:1::10.0.0.1]
[2002:7f00:1::] [2001:0:4136:e378:8000:63bf:80ff:fffe] [fd00:ec2::254] [fe80::1] [fe80::1%25lo] [fec0::1]
[ff02::1] [2001:470:1f0a::5efe:10.0.0.1] public.example@127.0.0.2 public.example:80@127.0.0.2
public.example%40@127.0.0.2 127.0.0.2#@public.example 127.0.0.2?@public.example
""".split()
NO_URL = [
    "http://public.example\\@127.0.0.2/",
    "http://127.0.0.2\\@public.example/",
    "http://[::1/",
    "http://[127.0.0.2]/",
    "http://[::ffff:127.0.0.2%25]]/",
    "http:/\\127.0.0.2\\",
    "file:///etc/passwd",
    "ftp://127.0.0.2/",
    "gopher://127.0.0.2:25/_HELO",
    "data:text/html,<p>x</p>",
    "dict://127.0.0.2/",
    "unix:///run/valkey.sock",
]


def run(handlers: dict[str, Handler], act: Callable[[Site, Client], Awaitable[None]], **options: Any) -> None:
    """Only the site itself is exempt from the guard."""

    async def main() -> None:
        given = {"allow_networks": ("127.0.0.1/32",), "timeout": 5.0, "keep_alive": False} | options
        async with site(handlers) as there, Client(user_agent="Test/1", **given) as client:
            await act(there, client)

    asyncio.run(main())


def latin(url: str) -> str:
    """UTF-8, as header fields are written to the socket in these tests."""
    return url.encode().decode("latin-1")


@pytest.mark.parametrize("host", INSIDE)
def test_asked_for_or_redirected_to_it_is_refused(host: str) -> None:
    async def act(there: Site, client: Client) -> None:
        for url in (f"http://{host}:{there.port}/", f"http://{host}/", there.url("/")):
            with pytest.raises(FetchError) as caught:
                await client.get(url)
            assert caught.value.reason in ("forbidden-address", "bad-url", "dns"), url
        assert [asked.path for asked in there.asked] == ["/"]

    run({"/": redirect(latin(f"http://{host}/latest/meta-data/"))}, act)


def test_most_of_them_are_refused_for_what_they_are() -> None:
    """Not because nothing listens there or because they cannot be read."""

    async def act(_: Site, client: Client) -> None:
        for host in ("127.2", "2130706434", "0x7f.2", "0177.0.0.2", "１２７.0.0.2", "[::ffff:127.0.0.1]", "[fec0::1]"):
            with pytest.raises(ForbiddenAddressError, match="not on the public internet"):
                await client.get(f"http://{host}/")

    run({}, act)


@pytest.mark.parametrize("url", NO_URL)
def test_what_is_no_http_url_is_named_and_not_asked_for(url: str) -> None:
    async def act(there: Site, client: Client) -> None:
        for asked in (url, there.url("/")):
            with pytest.raises(FetchError) as caught:
                await client.get(asked)
            assert caught.value.reason in ("bad-url", "forbidden-address"), asked
        assert len(there.asked) == 1

    run({"/": redirect(url)}, act)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.LocalHost.", "%6cocalhost"]
)
def test_names_of_this_machine_are_refused(host: str) -> None:
    async def act(there: Site, client: Client) -> None:
        with pytest.raises(FetchError) as caught:
            await client.get(there.url("/", host))
        assert caught.value.reason in ("forbidden-address", "dns")
        assert there.connections == 0

    run({"/": answer()}, act, allow_networks=())


def test_blanks_within_a_url_hide_nothing() -> None:
    async def act(there: Site, client: Client) -> None:
        for url in ("http://127.0\t.0.2/", "ht\ntp://127.0.0.2/", " http://127.0.0.2/", "http://127.0.0.2\r\n/"):
            with pytest.raises(FetchError) as caught:
                await client.get(url)
            assert caught.value.reason in ("forbidden-address", "bad-url")
        assert there.connections == 0

    run({}, act)


def name_server(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """A hostile name server: each question gets the next answer, the last one for ever."""
    left = list(answers)

    def lookup(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        now = left.pop(0) if len(left) > 1 else left[0]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in now
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_a_name_that_leads_inside_at_the_second_question_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name_server(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])

    async def act(there: Site, client: Client) -> None:
        with pytest.raises(ForbiddenAddressError, match=r"rebound\.example is at 127\.0\.0\.2"):
            await client.get(there.url("/", "rebound.example"))
        assert [asked.path for asked in there.asked] == ["/"]

    run({"/": redirect("/again"), "/again": answer(b"secret")}, act)


def test_of_a_public_and_a_private_address_only_the_public_one_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    name_server(monkeypatch, ["127.0.0.2", "10.0.0.1", "127.0.0.1", "::1"])

    async def act(there: Site, client: Client) -> None:
        inside: list[str] = []

        async def reached(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inside.append("reached")
            writer.close()

        async with await asyncio.start_server(reached, "127.0.0.2", there.port):
            assert (await client.get(there.url("/", "mixed.example"))).body == b"ok"
        assert inside == []

    run({"/": answer()}, act)


def test_when_the_public_address_does_not_answer_the_private_one_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    name_server(monkeypatch, ["127.0.0.1", "127.0.0.2"])

    async def act(there: Site, client: Client) -> None:
        inside: list[str] = []

        async def reached(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inside.append("reached")
            writer.close()

        async with await asyncio.start_server(reached, "127.0.0.2", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(FetchError) as caught:
                await client.get(f"http://mixed.example:{port}/")
        assert caught.value.reason == "connect"
        assert inside == []
        assert there.connections == 0

    run({}, act)


def test_exempt_are_exactly_the_networks_that_were_named() -> None:
    async def act(there: Site, client: Client) -> None:
        assert (await client.get(there.url("/"))).body == b"ok"
        for host in ("127.0.0.2", "127.0.0.0", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[::1]", "[64:ff9b::127.0.0.1]"):
            with pytest.raises(ForbiddenAddressError):
                await client.get(f"http://{host}:{there.port}/")

    run({"/": answer()}, act)


@pytest.mark.parametrize(("lines", "length"), [(1, 2_000_000), (200, 50_000), (9000, 30_000), (100_000_000, 1)])
def test_header_bytes_have_a_limit(lines: int, length: int) -> None:
    sent = 0

    async def much(_: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n")
        for number in range(lines):
            writer.write(f"X-{number}: {'x' * length}\r\n".encode())
            await writer.drain()
            sent += length
        writer.write(b"\r\nok")
        await writer.drain()

    async def act(there: Site, client: Client) -> None:
        with pytest.raises(FetchError) as caught:
            await client.get(there.url("/"))
        assert caught.value.reason in ("protocol", "too-many-headers")
        assert sent < 30_000_000, "what it did not take stayed in the buffers on the way"

    run({"/": much}, act)
