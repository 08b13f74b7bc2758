"""Who may ask: host names, credentials, cross-site requests, and the headers that keep a browser in bounds."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.feeds import opml
from workers.web.attempts import MOST, Attempts

OPEN_PATH = "/healthz"  # says no more than "alive", and probes come without credentials and under any host name
# Hubs come from outside, without credentials: the address is the secret, and what they send is signed (WebSub).
HUB_PATH = re.compile(r"/websub/[A-Za-z0-9_-]{43}")
BODY_BYTES = 1_000_000  # the longest request that makes sense, a declared storyline, has some 20,000 characters
LARGE_BODIES = {"/api/v1/feeds.opml": opml.MAX_BYTES}  # a list of feeds has a line of some 200 for each
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

SECURITY_HEADERS: Mapping[str, str] = {
    # Nothing is loaded but our own style sheet and icon: text from a feed that slipped through could still do nothing.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # outlets need not learn where their readers come from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware in front of everything.

    `token` empty: no credentials are asked for. `local_only`: only names of this machine are accepted as Host, since a
    page elsewhere could point a name of its own at 127.0.0.1 and read what answers there (DNS rebinding). `hub_bytes`
    is the longest body that hubs may send to their addresses; 0: nobody comes from outside.
    """

    def __init__(self, app: ASGIApp, *, token: str, local_only: bool, hub_bytes: int = 0) -> None:
        self._app = app
        self._attempts = Attempts()
        self._hub_bytes = hub_bytes
        self._token = token.encode()
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                # Static files are named with a digest of their content; everything else is news.
                fresh = "private, max-age=604800" if path.startswith("/static/") else "private, no-cache"
                headers.setdefault("Cache-Control", fresh)
            await send(message)

        client = scope.get("client")
        address = client[0] if client else ""
        refused = None if path == OPEN_PATH else self._refusal(scope["method"], path, Headers(scope=scope), address)
        await (refused or self._app)(scope, receive, guarded)

    def _refusal(self, method: str, path: str, headers: Headers, address: str) -> Response | None:
        if self._hub_bytes and HUB_PATH.fullmatch(path):
            return _too_long(False, headers, self._hub_bytes)
        api = path.startswith("/api/")
        host = headers.get("host", "")
        if self._local_only and not is_local(host):
            name = "".join(char for char in host[:80] if char.isprintable())
            return _answer(
                api,
                400,
                f"The host name {name!r} is not one of this machine; use localhost, or set SLUGLINE_API_TOKEN "
                "when a proxy in front of Slugline has another name.",
            )
        if self._token and (refused := self._credentials(method, api, headers.get("authorization", ""), address)):
            return refused
        if method not in SAFE_METHODS and is_cross_site(headers):
            return _answer(api, 403, "Changes are not taken from pages of other sites.")
        return _too_long(api, headers, LARGE_BODIES.get(path, BODY_BYTES))

    def _credentials(self, method: str, api: bool, authorization: str, address: str) -> Response | None:
        """The refusal of who may not come in. Who was wrong too often is not looked at for a while."""
        now = time.monotonic()
        if authorization and (seconds := self._attempts.wait(address, now)):
            sentence = f"The token was wrong {MOST} times within a minute; try again in {seconds} seconds."
            return _answer(api, 429, sentence, {"Retry-After": str(seconds)})
        if self._admitted(method, authorization):
            return None
        if authorization and not self._admitted("GET", authorization):  # right ones may lack the form for a change
            self._attempts.wrong(address, now)
        scheme = "Bearer" if api else 'Basic realm="Slugline", charset="UTF-8"'
        how = "Send SLUGLINE_API_TOKEN as “Authorization: Bearer …”"
        if not api:
            how += ", or in a browser as the password with any user name"
        return _answer(api, 401, how + ".", {"WWW-Authenticate": scheme})

    def _admitted(self, method: str, authorization: str) -> bool:
        """Bearer for everything; Basic, which browsers send by themselves once they know it, only for reading."""
        scheme, _, given = authorization.partition(" ")
        given = given.strip()
        if scheme.lower() == "bearer":
            # Header values reach us as Latin-1; a token beyond ASCII was sent as UTF-8.
            return hmac.compare_digest(given.encode("latin-1"), self._token)
        if scheme.lower() == "basic" and method in SAFE_METHODS:
            try:
                pair = base64.b64decode(given, validate=True)
            except (binascii.Error, ValueError):
                return False
            return hmac.compare_digest(pair.partition(b":")[2], self._token)
        return False


def is_local(host: str) -> bool:
    """Whether a Host header names this machine: localhost, anything under it (RFC 6761), 127.0.0.1 or [::1]."""
    try:
        parts = urlsplit(f"//{host}")
        name = (parts.hostname or "").rstrip(".")
        _ = parts.port
    except ValueError:
        return False
    return name in {"localhost", "127.0.0.1", "::1"} or name.endswith(".localhost")


def is_cross_site(headers: Headers) -> bool:
    """Whether a browser says that another site's page made this request (Fetch Metadata, or Origin where missing).

    `same-site` is refused too: all ports of localhost are one site. A client that sends neither is no browser.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    except ValueError:
        return True


def _too_long(api: bool, headers: Headers, most: int) -> Response | None:
    if int(headers.get("content-length", "0")) > most:  # h11 has checked that it is a number
        return _answer(api, 413, f"The body is longer than {most:,} bytes.")
    return None


def _answer(api: bool, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    if api:
        return JSONResponse({"detail": sentence}, status, headers=headers)
    return PlainTextResponse(sentence + "\n", status, headers=headers)
