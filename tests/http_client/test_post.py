"""Forms are sent under the limits of everything else, and go on only to where nobody else can read them."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import pytest

from pipeline.errors import FetchError, ForbiddenAddressError
from pipeline.http import Client

from .site import Asked, Handler, Site, redirect, site

FORM = {"hub.mode": "subscribe", "hub.secret": "ä&b=c"}


async def _post(there: Site, path: str, **options: object) -> int:
    given = {"user_agent": "Test/1", "allow_networks": ("127.0.0.1/32",), **options}
    async with Client(**given) as client:  # type: ignore[arg-type]
        return (await client.post(there.url(path), FORM)).status


def post(handlers: dict[str, Handler], path: str = "/", **options: object) -> tuple[int, Site]:
    async def main() -> tuple[int, Site]:
        async with site(handlers) as there:
            return await _post(there, path, **options), there

    return asyncio.run(asyncio.wait_for(main(), 30))


def taking(bodies: list[str], status: str = "202 Accepted") -> Handler:
    """A handler that notes each form, by its length; the site reads no bodies, so the connection ends."""

    async def handle(asked: Asked, writer: object) -> None:
        bodies.append(asked.headers["content-length"])
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())  # type: ignore[attr-defined]
        writer.close()  # type: ignore[attr-defined]

    return handle


def test_a_form_is_sent_as_browsers_send_it() -> None:
    async def main() -> tuple[int, bytes, bytes]:
        came: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.append(await reader.readuntil(b"\r\n\r\n"))
            came.append(await reader.readexactly(44))
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            status = await _post(Site({}, server.sockets[0].getsockname()[1]), "/hub?a=b")
            return status, *came  # type: ignore[return-value]

    status, head, body = asyncio.run(asyncio.wait_for(main(), 30))
    assert status == 202
    assert head.startswith(b"POST /hub?a=b HTTP/1.1\r\n")
    assert b"content-type: application/x-www-form-urlencoded" in head.lower()
    assert parse_qs(body.decode()) == {name: [value] for name, value in FORM.items()}


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_form_is_sent_on_where_the_host_says_so_without_doubt(status: str) -> None:
    bodies: list[str] = []
    found, there = post({"/": redirect("/new", status, Connection="close"), "/new": taking(bodies)})
    assert (found, bodies) == (202, ["44"])
    assert [asked.path for asked in there.asked] == ["/", "/new"]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other"])
def test_redirects_that_would_make_it_another_request_are_answers(status: str) -> None:
    found, there = post({"/": redirect("/new", status)})
    assert (found, len(there.asked)) == (int(status[:3]), 1)


@pytest.mark.parametrize("target", ["http://other.localhost:1/", "http://127.0.0.1:1/", "http://hub.example/"])
def test_a_form_does_not_go_on_in_the_clear(target: str) -> None:
    with pytest.raises(FetchError) as caught:
        post({"/": redirect(target, "307 Temporary Redirect")})
    assert caught.value.reason == "insecure-redirect"
    assert not caught.value.retry


def test_a_form_is_not_sent_inside() -> None:
    with pytest.raises(ForbiddenAddressError):
        post({"/": redirect("https://10.0.0.1/", "308 Permanent Redirect")})
    with pytest.raises(ForbiddenAddressError):
        post({}, allow_networks=())


def test_forms_are_not_sent_on_for_ever() -> None:
    with pytest.raises(FetchError) as caught:
        post({"/": redirect("/", "307 Temporary Redirect", Connection="close")})
    assert caught.value.reason == "too-many-redirects"


def test_the_answer_to_a_form_is_bounded_in_time_and_size() -> None:
    async def silent(_: Asked, __: object) -> None:
        await asyncio.sleep(20)

    with pytest.raises(FetchError, match="not done after"):
        post({"/": silent}, timeout=0.2)  # type: ignore[dict-item]

    async def endless(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)
        writer.close()

    with pytest.raises(FetchError) as caught:
        post({"/": endless}, max_bytes=50_000)
    assert caught.value.reason == "too-large"
