"""One GET, guarded: address, redirects, headers, bytes and time all have limits, and every failure has a name."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from pipeline import urls
from pipeline.errors import FetchError, InputError
from pipeline.http import decode
from pipeline.http.guard import Guard, GuardedBackend, Resolver
from pipeline.http.pool import Answer, Pool

MAX_REDIRECTS = 5
"""Hops after the first request; feeds need two (http to https, old host to new), login loops are endless."""
MAX_HEADERS = 256
"""Header lines of one answer; real ones have 10 to 60, misconfigured ones thousands."""

_ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/html;q=0.8, */*;q=0.5"
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
# Headers that belong to the origin they were meant for.
_PRIVATE_HEADERS = ("authorization", "cookie")
# Links of an exception's chain that are looked at; real ones have four.
_CHAIN = 8

Admit = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer, redirects followed, encodings undone.

    `headers` have lower-case names; repeated ones are joined by a comma. `redirects` are the hops taken, each with the
    status that ordered it and the URL it led to; `seconds` is what it all took.
    """

    url: str
    final_url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    redirects: tuple[tuple[int, str], ...]
    seconds: float


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx requests over httpcore connections that are dialled through the guard. HTTP/1.1, no proxies, no retries."""

    def __init__(self, guard: Guard, *, connections: int, ssl_context: ssl.SSLContext) -> None:
        self._resolver = Resolver()
        self._pool = Pool(GuardedBackend(guard, self._resolver), ssl_context, connections)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`. Raises httpcore's errors, ForbiddenAddressError, and FetchError (reason `dns`)."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = await self._pool.send(
            httpcore.Request(method=request.method, url=url, headers=request.headers.raw, extensions=request.extensions)
        )
        given = answer.response
        return httpx.Response(given.status, headers=given.headers, stream=_Stream(answer), request=request)

    async def aclose(self) -> None:
        """Close all connections and let the resolver's threads end."""
        self._resolver.close()
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer:
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()


class Client:
    """The guarded client; an async context manager.

    `user_agent` says who asks and where to complain. `allow_networks` are CIDRs exempt from the address guard.
    `timeout` is the deadline in seconds for a whole `get`, redirects and waiting for a free connection included;
    `max_bytes` bounds a body before and after decompression. `admit` is awaited with each URL just before it is
    requested, redirects included, and may raise FetchError: block lists and politeness are told there.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        allow_networks: Sequence[str] = (),
        timeout: float = 20.0,
        max_bytes: int = 10_000_000,
        connections: int = 64,
        ssl_context: ssl.SSLContext | None = None,
        admit: Admit | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._admit = admit
        self._transport = GuardedTransport(
            Guard(allow_networks),
            connections=connections,
            ssl_context=ssl_context or httpx.create_ssl_context(),
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - a deadline for the whole of it, enforced below
    ) -> Response:
        """GET `url`, following at most five redirects. Any status is an answer; `classify` names what it means.

        Credentials in the URL are sent as Basic authentication, to its own origin only. Cookies live as long as the
        redirects do. Raises ForbiddenAddressError, and FetchError with one of the reasons `bad-url`, `dns`, `connect`,
        `tls`, `timeout`, `protocol`, `too-large`, `too-many-headers`, `too-many-redirects`, `bad-encoding`,
        `unsolicited-304`, or whatever `admit` raised.
        """
        seconds = self._timeout if timeout is None else timeout
        started = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(url, dict(headers or {}), max_bytes or self._max_bytes, started)
        except TimeoutError as error:
            raise FetchError(f"{urls.mask(url)} was not done after {seconds:g} s", reason="timeout") from error

    async def _follow(self, url: str, headers: dict[str, str], limit: int, started: float) -> Response:
        cookies = httpx.Cookies()
        hops: list[tuple[int, str]] = []
        current = url
        while True:
            if self._admit is not None:
                await self._admit(current)
            request = self._request(current, headers)
            cookies.set_cookie_header(request)
            async with self._send(request) as answer:
                cookies.extract_cookies(answer)
                if answer.status_code not in _REDIRECTS or "location" not in answer.headers:
                    _refuse_unsolicited(answer, request)
                    body = await _read(answer, limit)
                    break
            target = _target(current, answer)
            hops.append((answer.status_code, target))
            if len(hops) > MAX_REDIRECTS:
                raise FetchError(
                    f"{urls.mask(url)} redirects more than {MAX_REDIRECTS} times, lastly to {urls.mask(target)}",
                    reason="too-many-redirects",
                )
            if not _same_site(current, target):
                headers = {name: value for name, value in headers.items() if name.lower() not in _PRIVATE_HEADERS}
            current = target
        return Response(
            url=url,
            final_url=current,
            status=answer.status_code,
            headers=dict(answer.headers),
            body=body,
            redirects=tuple(hops),
            seconds=time.monotonic() - started,
        )

    def _request(self, url: str, headers: Mapping[str, str]) -> httpx.Request:
        try:
            login = urls.credentials(url)
            request = httpx.Request("GET", httpx.URL(urls.without_credentials(url)))
        except (InputError, httpx.InvalidURL, ValueError) as error:
            raise FetchError(str(error), reason="bad-url", retry=False) from error
        request.headers.update(
            {"user-agent": self._user_agent, "accept": _ACCEPT, "accept-encoding": decode.ACCEPT_ENCODING}
        )
        if login is not None:
            token = base64.b64encode(":".join(login).encode()).decode("ascii")
            request.headers["authorization"] = f"Basic {token}"
        request.headers.update(headers)
        return request

    @asynccontextmanager
    async def _send(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send and give the answer with its body still to come; errors of httpcore become FetchError."""
        shown = urls.mask(str(request.url))
        try:
            answer = await self._send_once_more_if_stale(request)
            try:
                if len(answer.headers.raw) > MAX_HEADERS:
                    raise FetchError(
                        f"{shown} answered with {len(answer.headers.raw)} headers; {MAX_HEADERS} is the limit",
                        reason="too-many-headers",
                    )
                yield answer
            finally:
                await answer.aclose()
        except httpcore.TimeoutException as error:
            raise FetchError(f"{shown} did not accept the connection in time", reason="timeout") from error
        except httpcore.ConnectError as error:
            if any(isinstance(one, ssl.SSLError) for one in _chain(error)):
                raise FetchError(f"{shown} has no valid TLS: {_words(error)}", reason="tls") from error
            raise FetchError(f"{shown} cannot be reached: {_words(error)}", reason="connect") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise FetchError(f"{shown} broke off: {_words(error)}", reason="protocol") from error
        except httpcore.UnsupportedProtocol as error:
            raise FetchError(f"{shown} is not an http or https URL", reason="bad-url", retry=False) from error

    async def _send_once_more_if_stale(self, request: httpx.Request) -> httpx.Response:
        """A kept connection may have been closed by the other side just now: that says nothing about the page."""
        dialled = False

        async def watch(event: str, _: Mapping[str, Any]) -> None:
            nonlocal dialled
            dialled = dialled or event == "connection.connect_tcp.started"

        request.extensions["trace"] = watch
        try:
            return await self._transport.handle_async_request(request)
        except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError):
            if dialled:
                raise
            return await self._transport.handle_async_request(request)


async def _read(answer: httpx.Response, limit: int) -> bytes:
    """Read the body as it was sent, then undo its encoding, both within `limit` bytes."""
    where = urls.mask(str(answer.request.url))
    too_large = f"{where} is larger than {limit} bytes"
    announced = answer.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise FetchError(too_large, reason="too-large", retry=False)
    raw = bytearray()
    async for part in answer.stream:  # type: ignore[union-attr]  # ours is an async stream
        raw += part
        if len(raw) > limit:
            raise FetchError(too_large, reason="too-large", retry=False)
    try:
        return decode.decode(bytes(raw), answer.headers.get("content-encoding", ""), limit)
    except decode.TooLargeError as error:
        raise FetchError(f"{too_large} when unpacked", reason="too-large", retry=False) from error
    except decode.BadEncodingError as error:
        raise FetchError(f"{where} cannot be unpacked: {error}", reason="bad-encoding") from error


def _target(current: str, answer: httpx.Response) -> str:
    location = answer.headers["location"]
    # Header bytes beyond ASCII are read as Latin-1; hosts that put them into Location mean UTF-8.
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode("utf-8")
    target = urls.absolute(current, location)
    if target is None:
        raise FetchError(
            f"{urls.mask(current)} redirects to {urls.mask(location[:200])!r}, which is no http or https URL",
            reason="bad-url",
        )
    login = urls.credentials(current)
    if login is not None and urls.credentials(target) is None and _same_site(current, target):
        scheme, rest = target.split("://", 1)
        user_info = current.split("://", 1)[1].split("@", 1)[0]
        target = f"{scheme}://{user_info}@{rest}"
    return target


def _same_site(one: str, other: str) -> bool:
    """The same host and port; http to https counts, the other way round it would send secrets in the clear."""
    a, b = urlsplit(one), urlsplit(other)
    if a.hostname != b.hostname:
        return False
    if a.scheme.lower() == b.scheme.lower():
        return a.port == b.port
    return a.scheme.lower() == "http" and a.port in (None, 80) and b.port in (None, 443)


def _refuse_unsolicited(answer: httpx.Response, request: httpx.Request) -> None:
    conditional = "if-none-match" in request.headers or "if-modified-since" in request.headers
    if answer.status_code == 304 and not conditional:
        raise FetchError(
            f"{urls.mask(str(request.url))} says that nothing changed (304) without having been asked",
            reason="unsolicited-304",
        )


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what it came from, outermost first. Where httpcore raises `from None`, the context still knows."""
    chain = [error]
    while len(chain) < _CHAIN and (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    return chain


def _words(error: BaseException) -> str:
    """The innermost reason: httpcore and anyio wrap "Connection refused" into sentences of their own."""
    words = type(error).__name__
    for one in _chain(error):
        number = one.errno if isinstance(one, OSError) and not isinstance(one, ssl.SSLError) else None
        words = (os.strerror(number) if number else str(one)) or words
    return words
