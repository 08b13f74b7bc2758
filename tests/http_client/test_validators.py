"""Validators are opaque, belong to the URL that served the body, and go back exactly as they came."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.errors import FetchError
from pipeline.http import Client, Validators

from .site import Asked, Site, answer, redirect
from .test_client import run

DATE = "Mon, 23 Nov 2026 10:00:00 GMT"


def test_they_go_to_their_own_url_only() -> None:
    async def act(there: Site, client: Client) -> None:
        known = Validators(there.url("/new"), '"1"', DATE)
        await client.get(there.url("/old"), validators=known)
        first, second = there.asked
        assert "if-none-match" not in first.headers
        assert "if-modified-since" not in first.headers
        assert (second.headers["if-none-match"], second.headers["if-modified-since"]) == ('"1"', DATE)
        await client.get(there.url("/elsewhere"), validators=known)
        assert "if-none-match" not in there.asked[-1].headers

    run({"/old": redirect("/new", "301 Moved"), "/new": answer(), "/elsewhere": answer()}, act)


def test_credentials_in_the_url_do_not_part_it_from_its_validators() -> None:
    async def act(there: Site, client: Client) -> None:
        await client.get(there.url("/").replace("//", "//me:secret@"), validators=Validators(there.url("/"), '"1"'))
        assert there.asked[0].headers["if-none-match"] == '"1"'

    run({"/": answer()}, act)


@pytest.mark.parametrize("etag", ['"a"', 'W/"a, b"', "unquoted", '"mixed-Gzip;Case--x="', '"größe"', "''", '"a\\"b"'])
def test_an_etag_goes_back_byte_for_byte(etag: str) -> None:
    raw = etag.encode()

    async def tagged(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: " + raw + b"\r\n\r\nok")
        await writer.drain()

    async def act(there: Site, client: Client) -> None:
        found = await client.get(there.url("/"))
        await client.get(there.url("/"), validators=Validators(there.url("/"), found.headers["etag"]))
        assert there.asked[1].headers["if-none-match"].encode("latin-1") == raw

    run({"/": tagged}, act)


def test_an_etag_that_is_no_text_is_not_sent_back_in_another_form() -> None:
    async def tagged(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "gr\xf6\xdfe"\r\n\r\nok')
        await writer.drain()

    async def act(there: Site, client: Client) -> None:
        assert "etag" not in (await client.get(there.url("/"))).headers

    run({"/": tagged}, act)


def test_a_304_from_another_url_than_theirs_was_not_asked_for() -> None:
    async def act(there: Site, client: Client) -> None:
        with pytest.raises(FetchError) as caught:
            await client.get(there.url("/"), validators=Validators(there.url("/other"), '"1"'))
        assert caught.value.reason == "unsolicited-304"

    run({"/": answer(b"", "304 Not Modified")}, act)


def test_a_connection_that_breaks_off_is_not_asked_twice_where_none_is_kept() -> None:
    async def hang_up(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def act(there: Site, client: Client) -> None:
        with pytest.raises(FetchError) as caught:
            await client.get(there.url("/"))
        assert caught.value.reason == "protocol"
        assert len(there.asked) == 1
        await client.get(there.url("/well"))
        await client.get(there.url("/well"))
        assert [asked.headers["connection"] for asked in there.asked[1:]] == ["close", "close"]

    run({"/": hang_up, "/well": answer()}, act, keep_alive=False)
