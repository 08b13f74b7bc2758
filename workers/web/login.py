"""The page on which a person enters the token, once, and the end of that session."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from workers.web import forms, pages
from workers.web.context import Context, Here
from workers.web.door import COOKIE, LASTS, Session, too_often

PATH = "/login"
BODY_BYTES = 10_000  # a token and an address; nobody has shown a token yet
NEXT_LENGTH = 2_000

router = APIRouter(include_in_schema=False)


def local(address: str) -> str:
    """The address to go on to if it is a path of this site, else the front page: a link to the login must not end at
    a page that asks for the token once more. Browsers read a backslash as a slash and skip tabs and line breaks."""
    plain = address.startswith("/") and not address.startswith("//") and len(address) <= NEXT_LENGTH
    if not plain or "\\" in address or not address.isprintable():
        return "/"
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc or parts.path in (PATH, "/logout") else address


def to_login(address: str) -> str:
    """The address of the login from which it goes on to `address`."""
    found = local(address)
    return PATH if found == "/" else f"{PATH}?next={quote(found, safe='/')}"


def _show(request: Request, here: Context, onward: str, status: int = 200, sentence: str = "") -> Response:
    return pages.render(request, "login.html", here.clock(), status, onward=onward, sentence=sentence)


@router.api_route(PATH, methods=["GET", "HEAD"])
def ask(request: Request, here: Here, onward: Annotated[str, Query(alias="next")] = "/") -> Response:
    """The form; who needs none goes on."""
    if here.door is None or request.state.session is not None:
        return RedirectResponse(local(onward), 303)
    return _show(request, here, local(onward))


@router.post(PATH)
async def enter(request: Request, here: Here) -> Response:
    """Begin a session for who enters the token."""
    content = await forms.body(request.receive, BODY_BYTES)
    given = forms.fields(content) if content is not None and forms.is_form(request.headers) else {}
    onward = local(given.get("next", "/"))
    door = here.door
    if door is None:
        return RedirectResponse(onward, 303)
    address = request.client.host if request.client else ""
    if seconds := door.wait(address):
        answer = await run_in_threadpool(_show, request, here, onward, 429, too_often(seconds))
        answer.headers["Retry-After"] = str(seconds)
        return answer
    token = given.get("token", "").strip()
    if not door.is_token(token.encode()):
        if token:
            door.wrong(address)
        sentence = "That is not the token of this service." if token else "Enter the token of this service."
        return await run_in_threadpool(_show, request, here, onward, 403, sentence)
    entered = RedirectResponse(onward, 303)
    # Behind a proxy we see plain HTTP; the browser names the scheme that it uses.
    secure = request.scope["scheme"] == "https" or request.headers.get("origin", "").startswith("https://")
    entered.set_cookie(
        COOKIE, door.begin(), max_age=int(LASTS.total_seconds()), httponly=True, samesite="lax", secure=secure
    )
    return entered


@router.post("/logout")
def leave(request: Request, here: Here) -> Response:
    """End the session of this browser; the guard has let only that one in, with its form."""
    session: Session | None = request.state.session
    if here.door is not None and session is not None:
        here.door.end(session)
    answer = RedirectResponse(PATH, 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return answer
