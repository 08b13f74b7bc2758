"""Who may ask: host names, credentials, sessions, cross-site requests."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.errors import LedgerError
from pipeline.feeds import opml
from workers.web import forms, login, pages
from workers.web.context import Context
from workers.web.door import COOKIE, Door, ForgedError, Session, too_often

OPEN_PATH = "/healthz"  # says no more than "alive", and probes come without credentials and under any host name
# Hubs come from outside, without credentials: the address is the secret, and what they send is signed (WebSub).
HUB_PATH = re.compile(r"/websub/[A-Za-z0-9_-]{43}")
OPEN_FOLDERS = ("/static/",)  # our own style sheet and icon, which the login wears too
BODY_BYTES = 1_000_000  # the longest request that makes sense, a declared storyline, has some 20,000 characters
# A list of feeds has a line of some 200 for each; a form has a little around it.
LARGE_BODIES = {"/api/v1/feeds.opml": opml.MAX_BYTES, "/feeds/import": opml.MAX_BYTES + BODY_BYTES}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware in front of everything.

    `door` None: there is no token, and no credentials are asked for. `local_only`: only names of this machine are
    accepted as Host, since a page elsewhere could point a name of its own at 127.0.0.1 and read what answers there (DNS
    rebinding). `hub_bytes` is the longest body that hubs may send to their addresses; 0: nobody comes from outside.
    """

    def __init__(self, app: ASGIApp, *, door: Door | None, local_only: bool, hub_bytes: int = 0) -> None:
        self._app = app
        self._door = door
        self._local_only = local_only
        self._hub_bytes = hub_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == OPEN_PATH:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.session = None
        try:
            if self._hub_bytes and HUB_PATH.fullmatch(scope["path"]):
                refused = _too_long(request, self._hub_bytes)
            else:
                refused = self._wrong_host(request)
                if refused is None and self._door is not None:
                    refused, receive = await _credentials(request, self._door)
                refused = refused or _wrong_request(request)
        except LedgerError:  # nobody can say whether the session was ended
            refused = _answer(request, 503, "The ledger does not answer at the moment; /readyz says more.")
        await (refused or self._app)(scope, receive, send)

    def _wrong_host(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        if not self._local_only or is_local(host):
            return None
        name = "".join(char for char in host[:80] if char.isprintable())
        return _answer(
            request,
            400,
            f"The host name {name!r} is not one of this machine; use localhost, or set SLUGLINE_API_TOKEN "
            "when a proxy in front of Slugline has another name.",
        )


async def _credentials(request: Request, door: Door) -> tuple[Response | None, Receive]:
    """The refusal of who may not come in, and what the body is read from.

    Who was wrong too often is not looked at for a while. Basic, which browsers send by themselves once they know it, is
    enough for reading; so is a session, which changes something only with the token of its forms.
    """
    receive = request.receive
    if request.scope["path"].startswith(OPEN_FOLDERS):
        return None, receive
    if request.scope["path"] == login.PATH:
        await _recognise(request, door)
        return None, receive
    authorization, address = request.headers.get("authorization", ""), _address(request)
    if (authorization or COOKIE in request.cookies) and (seconds := door.wait(address)):
        return _answer(request, 429, too_often(seconds), {"Retry-After": str(seconds)}), receive
    bearer, basic = _shown(door, authorization)
    if bearer or (basic and request.method in SAFE_METHODS):
        return None, receive
    if authorization and not basic:
        door.wrong(address)
    else:
        await _recognise(request, door)
    session: Session | None = request.state.session
    if session is None:
        return _locked(request), receive
    return (None, receive) if request.method in SAFE_METHODS else await _changed(request, session)


async def _recognise(request: Request, door: Door) -> None:
    """Find out the session of the request, unless its address was wrong too often. Raises LedgerError."""
    cookie, address = request.cookies.get(COOKIE), _address(request)
    if not cookie or door.wait(address):
        return
    try:
        request.state.session = await run_in_threadpool(door.session, cookie)
    except ForgedError:
        door.wrong(address)  # or tokens could be tried by signing cookies with them


def _shown(door: Door, authorization: str) -> tuple[bool, bool]:
    """Whether the token came as Bearer, and whether as Basic."""
    scheme, _, given = authorization.partition(" ")
    given = given.strip()
    if scheme.lower() == "bearer":
        # Header values reach us as Latin-1; a token beyond ASCII was sent as UTF-8.
        return door.is_token(given.encode("latin-1")), False
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            return False, False
        return False, door.is_token(pair.partition(b":")[2])
    return False, False


async def _changed(request: Request, session: Session) -> tuple[Response | None, Receive]:
    """The refusal of a change that did not come from a page of this session, and what the body is read from."""
    receive = request.receive
    given = request.headers.get(forms.HEADER, "")
    if not given and not _api(request) and forms.is_form(request.headers):
        most = LARGE_BODIES.get(request.scope["path"], BODY_BYTES)
        content = await forms.body(receive, most)
        if content is None:
            return _answer(request, 413, f"The body is longer than {most:,} bytes."), receive
        kind = request.headers.get("content-type", "")
        given = (await run_in_threadpool(forms.fields, content, kind)).get(forms.FIELD, "")
        receive = forms.again(content, receive)
    if hmac.compare_digest(given.encode(), session.csrf.encode()):
        return None, receive
    way_out = f"send it as {forms.HEADER}" if _api(request) else "load the page again and repeat it there"
    return _answer(request, 403, f"This change lacks the token of the forms of your session; {way_out}."), receive


def _locked(request: Request) -> Response:
    """401: a person is led to the login and back, a program is told how to send the token."""
    if _by_browser(request):
        context: Context = request.app.state.context
        path, query = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
        address = f"{path}?{query}" if query else path
        door = login.to_login(address if request.method in SAFE_METHODS else "/")
        page = pages.render(request, "locked.html", context.clock(), 401, door=door)
        # Not Basic: the browser would ask for a name and password over our page.
        page.headers["WWW-Authenticate"] = 'Bearer realm="Slugline"'
        if COOKIE in request.cookies:
            page.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return page
    scheme = "Bearer" if _api(request) else 'Basic realm="Slugline", charset="UTF-8"'
    how = "Send SLUGLINE_API_TOKEN as “Authorization: Bearer …”"
    if not _api(request):
        how += f", or enter it in a browser at {login.PATH}"
    return _answer(request, 401, how + ".", {"WWW-Authenticate": scheme})


def _wrong_request(request: Request) -> Response | None:
    if request.method not in SAFE_METHODS and is_cross_site(request.headers):
        return _answer(request, 403, "Changes are not taken from pages of other sites.")
    return _too_long(request, LARGE_BODIES.get(request.scope["path"], BODY_BYTES))


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


def _too_long(request: Request, most: int) -> Response | None:
    if int(request.headers.get("content-length", "0")) > most:  # h11 has checked that it is a number
        return _answer(request, 413, f"The body is longer than {most:,} bytes.")
    return None


def _api(request: Request) -> bool:
    return bool(request.scope["path"].startswith("/api/"))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _by_browser(request: Request) -> bool:
    return not _api(request) and "text/html" in request.headers.get("accept", "")


def _answer(request: Request, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    if _api(request):
        return JSONResponse({"detail": sentence}, status, headers=headers)
    if _by_browser(request):
        context: Context = request.app.state.context
        page = pages.render(request, "problem.html", context.clock(), status, code=status, sentence=sentence)
        page.headers.update(headers or {})
        return page
    return PlainTextResponse(sentence + "\n", status, headers=headers)
