"""One GET, guarded: address, redirects, headers, bytes and time all have limits, and every failure has a name."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType

import aiohttp
import certifi
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from pipeline import urls
from pipeline.errors import FetchError
from pipeline.http import decode, targets
from pipeline.http.guard import Guard, GuardedResolver, Resolver, open_socket

MAX_REDIRECTS = 5
"""Hops after the first request; feeds need two (http to https, old host to new), login loops are endless."""
MAX_HEADERS = 256
"""Header lines of one answer; real ones have 10 to 60, misconfigured ones thousands."""
KEEPALIVE_SECONDS = 15.0
"""How long an idle connection is kept: long enough for the next article of a batch, short enough to be no burden."""

_ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/html;q=0.8, */*;q=0.5"
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_FORM_REDIRECTS = frozenset((307, 308))  # those that keep method and body (RFC 9110, 15.4)
# One header line; cookies and content security policies of 8 KB are seen. All of a hostile answer's lines together are
# 8 MB then; with the library's own 8,192 lines of 64 KB they were 950.
_LINE_BYTES = 32_768
_READ_BYTES = 65_536
_LISTEN_SECONDS = 2.0  # to the rest of an answer whose status is all that counts
# Links of an exception's chain that are looked at; real ones have four.
_CHAIN = 8
_PLAIN = {"Accept": "*/*", "Accept-Encoding": "identity"}
_NO_TIMEOUTS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)

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


@dataclass(frozen=True, slots=True)
class Validators:
    """What an earlier answer said of its body, opaque: it belongs to the URL that served it and goes to no other."""

    url: str
    etag: str | None = None
    last_modified: str | None = None

    def headers(self, url: str) -> dict[str, str]:
        """The header lines for a request to `url`, exactly as the validators came."""
        if urls.without_credentials(url) != self.url:
            return {}
        lines = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in lines.items() if value}


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request as its caller wants it."""

    url: str
    headers: Mapping[str, str]
    limit: int
    admit: Admit | None
    validators: Validators | None = None
    form: Mapping[str, str] | None = None


class Client:
    """The guarded client; an async context manager, made inside a running event loop.

    `user_agent` says who asks and where to complain. `allow_networks` are CIDRs exempt from the address guard.
    `timeout` is the deadline in seconds for a whole `get`, redirects and waiting for a free connection included;
    `max_bytes` bounds a body before and after decompression. `admit` is awaited with each URL just before it is
    requested, redirects included, and may raise FetchError: block lists and politeness are told there. Connections are
    kept for the next request unless `keep_alive` is False.
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
        keep_alive: bool = True,
    ) -> None:
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._admit = admit
        guard = Guard(allow_networks)
        self._resolver = GuardedResolver(guard, Resolver())
        headers = {"User-Agent": user_agent, "Accept": _ACCEPT, "Accept-Encoding": decode.ACCEPT_ENCODING}
        connector = aiohttp.TCPConnector(
            limit=connections,
            resolver=self._resolver,
            use_dns_cache=False,
            socket_factory=partial(open_socket, guard),
            ssl=ssl_context or trusted(),
            # Else the connector would keep what it must not: it may not be given a time as well.
            **({"keepalive_timeout": KEEPALIVE_SECONDS} if keep_alive else {"force_close": True}),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=headers if keep_alive else headers | {"Connection": "close"},
            cookie_jar=aiohttp.DummyCookieJar(),  # cookies live for one chain of redirects, see `_follow`
            timeout=_NO_TIMEOUTS,  # one deadline for the whole of it, see `get`
            auto_decompress=False,  # the limit on what comes out is ours
            max_headers=MAX_HEADERS,
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
            # A kept connection that the other side closed just now says nothing about the page: the library asks once
            # more. A fresh one that breaks off does, and is not asked twice.
            middlewares=() if keep_alive else (_once,),
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections and let the resolver's threads end."""
        await self._session.close()
        await self._resolver.close()

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        validators: Validators | None = None,
        admit: Admit | None = None,
        max_bytes: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - a deadline for the whole of it, enforced below
    ) -> Response:
        """GET `url`, following at most five redirects. Any status is an answer; `classify` names what it means.

        `validators` make the request conditional, where it goes to their URL; `admit` stands in for the client's own.
        Credentials in the URL are sent as Basic authentication, to its own origin only. Cookies live as long as the
        redirects do. Raises ForbiddenAddressError, and FetchError with one of the reasons `bad-url`, `dns`, `connect`,
        `tls`, `timeout`, `protocol`, `too-large`, `too-many-headers`, `too-many-redirects`, `bad-encoding`,
        `unsolicited-304`, or whatever `admit` raised.
        """
        seconds = self._timeout if timeout is None else timeout
        limit = max_bytes or self._max_bytes
        return await self._in_time(_Ask(url, headers or {}, limit, admit or self._admit, validators), seconds)

    async def post(self, url: str, form: Mapping[str, str]) -> Response:
        """POST `form` (as application/x-www-form-urlencoded), under the limits of `get` and with its errors.

        It is sent on only where the host says so without doubt (307, 308) and nobody else can read it: on to the same
        origin, or to https. Else FetchError (reason `insecure-redirect`). Other redirects are answers.
        """
        return await self._in_time(_Ask(url, {}, self._max_bytes, self._admit, form=form), self._timeout)

    async def deliver(self, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """POST `body` as it is, with these header lines. The status is what counts: of the answer's body the first
        `max_bytes` are given, or what came of it in two seconds, and redirects are answers. Raises as `get` does."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                if self._admit is not None:
                    await self._admit(url)
                where, login = targets.prepare(url)
                async with self._send(where, _PLAIN | login | dict(headers), body) as answer:
                    beginning = await _beginning(answer, self._max_bytes)
        except TimeoutError as error:
            raise FetchError(f"{urls.mask(url)} did not answer within {self._timeout:g} s", reason="timeout") from error
        seconds = time.monotonic() - started
        return Response(
            url=url,
            final_url=url,
            status=answer.status,
            headers=_headers(answer),
            body=beginning,
            redirects=(),
            seconds=seconds,
        )

    async def _in_time(self, ask: _Ask, seconds: float) -> Response:
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(ask)
        except TimeoutError as error:
            raise FetchError(f"{urls.mask(ask.url)} was not done after {seconds:g} s", reason="timeout") from error

    async def _follow(self, ask: _Ask) -> Response:
        started = time.monotonic()
        cookies: aiohttp.CookieJar | None = None
        hops: list[tuple[int, str]] = []
        current, headers = ask.url, dict(ask.headers)
        followed = _REDIRECTS if ask.form is None else _FORM_REDIRECTS
        while True:
            if ask.admit is not None:
                await ask.admit(current)
            where, login = targets.prepare(current)
            known = ask.validators.headers(current) if ask.validators is not None else {}
            sent = login | headers | known | _cookie_header(cookies, where, headers)
            async with self._send(where, sent, ask.form) as answer:
                location = answer.headers.get("Location") if answer.status in followed else None
                if location is None:
                    _refuse_unsolicited(answer, sent)
                    found = _headers(answer)
                    body = await _read(answer, found, ask.limit)
                    break
                if "Set-Cookie" in answer.headers:
                    cookies = cookies or aiohttp.CookieJar(unsafe=True)  # unsafe: from IP addresses, too
                    cookies.update_cookies_from_headers(answer.headers.getall("Set-Cookie"), where)
            # Hosts that put bytes beyond ASCII into Location mean UTF-8, or else Latin-1.
            target = targets.redirected(current, _text(location.encode("utf-8", "surrogateescape")))
            hops.append((answer.status, target))
            if len(hops) > MAX_REDIRECTS:
                raise FetchError(
                    f"{urls.mask(ask.url)} redirects more than {MAX_REDIRECTS} times, lastly to {urls.mask(target)}",
                    reason="too-many-redirects",
                )
            if ask.form is not None:
                targets.refuse_to_leak(current, target)
            if not targets.same_site(current, target):
                headers = targets.public_headers(headers)
            current = target
        return Response(
            url=ask.url,
            final_url=current,
            status=answer.status,
            headers=found,
            body=body,
            redirects=tuple(hops),
            seconds=time.monotonic() - started,
        )

    @asynccontextmanager
    async def _send(
        self, where: URL, headers: Mapping[str, str], data: Mapping[str, str] | bytes | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send and give the answer with its body still to come; the library's errors become FetchError."""
        shown = urls.mask(str(where))
        try:
            method = "GET" if data is None else "POST"
            async with self._session.request(
                method, where, headers=headers, data=data, allow_redirects=False
            ) as answer:
                if len(answer.raw_headers) > MAX_HEADERS:
                    raise FetchError(
                        f"{shown} answered with {len(answer.raw_headers)} headers; {MAX_HEADERS} is the limit",
                        reason="too-many-headers",
                    )
                yield answer
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise FetchError(f"{shown} has no valid TLS: {_words(error)}", reason="tls") from error
        except aiohttp.ClientConnectorError as error:
            raise FetchError(f"{shown} cannot be reached: {_words(error)}", reason="connect") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, UnicodeError) as error:
            raise FetchError(f"{shown} cannot be asked for: {error}", reason="bad-url", retry=False) from error
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            if "Too many headers" in str(error):
                words = f"{shown} answered with more than {MAX_HEADERS} headers"
                raise FetchError(words, reason="too-many-headers") from error
            raise FetchError(f"{shown} broke off: {_words(error)}", reason="protocol") from error


def trusted() -> ssl.SSLContext:
    """TLS as it should be checked: the certificates of certifi, or those that SSL_CERT_FILE or SSL_CERT_DIR name."""
    own = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    return ssl.create_default_context() if own else ssl.create_default_context(cafile=certifi.where())


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """A middleware that keeps the client from asking again where a connection of its own broke off."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # not asked again in any case
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientPayloadError(_words(error)) from error


def _cookie_header(cookies: aiohttp.CookieJar | None, where: URL, headers: Mapping[str, str]) -> dict[str, str]:
    chosen = cookies.filter_cookies(where).values() if cookies is not None else ()
    pairs = [f"{one.key}={one.coded_value}" for one in chosen]
    given = next((value for name, value in headers.items() if name.lower() == "cookie"), None)
    return {"Cookie": "; ".join([given, *pairs] if given else pairs)} if pairs else {}


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Header lines by lower-case name. Validators that are no text are left out: they could not go back unchanged."""
    found: dict[str, str] = {}
    for raw_name, raw in answer.raw_headers:
        name = raw_name.decode("latin-1").lower()
        if name in ("etag", "last-modified") and not _is_text(raw):
            continue
        found[name] = f"{found[name]}, {_text(raw)}" if name in found else _text(raw)
    return found


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(raw: bytes) -> str:
    return raw.decode() if _is_text(raw) else raw.decode("latin-1")


async def _read(answer: aiohttp.ClientResponse, headers: Mapping[str, str], limit: int) -> bytes:
    """Read the body as it was sent, then undo its encoding, both within `limit` bytes."""
    where = urls.mask(str(answer.url))
    too_large = f"{where} is larger than {limit} bytes"
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise FetchError(too_large, reason="too-large", retry=False)
    raw = bytearray()
    while part := await answer.content.read(_READ_BYTES):
        raw += part
        if len(raw) > limit:
            raise FetchError(too_large, reason="too-large", retry=False)
    try:
        return decode.decode(bytes(raw), headers.get("content-encoding", ""), limit)
    except decode.TooLargeError as error:
        raise FetchError(f"{too_large} when unpacked", reason="too-large", retry=False) from error
    except decode.BadEncodingError as error:
        raise FetchError(f"{where} cannot be unpacked: {error}", reason="bad-encoding") from error


async def _beginning(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """The first bytes of a body, however it ends."""
    raw = bytearray()
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(_LISTEN_SECONDS):
            while len(raw) < limit and (part := await answer.content.read(_READ_BYTES)):
                raw += part
    return bytes(raw[:limit])


def _refuse_unsolicited(answer: aiohttp.ClientResponse, sent: Mapping[str, str]) -> None:
    conditional = any(name.lower() in ("if-none-match", "if-modified-since") for name in sent)
    if answer.status == 304 and not conditional:
        raise FetchError(
            f"{urls.mask(str(answer.url))} says that nothing changed (304) without having been asked",
            reason="unsolicited-304",
        )


def _words(error: BaseException) -> str:
    """The innermost reason: the library wraps "Connection refused" into sentences of its own."""
    words = type(error).__name__
    one: BaseException | None = error
    for _ in range(_CHAIN):
        if one is None:
            break
        number = one.errno if isinstance(one, OSError) and not isinstance(one, ssl.SSLError) else None
        said = one.message if isinstance(one, HttpProcessingError) else str(one)
        words = (os.strerror(number) if number else said) or words
        one = one.__cause__ or one.__context__
    return " ".join(words.split())[:300]
