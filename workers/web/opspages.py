"""The ops page: whether the wire is healthy, or what is wrong and since when; and the letters that were given up."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from pipeline.ledger import dead
from workers.web import forms, opsnow, pages, show
from workers.web.context import MAX_ID, Context, Here
from workers.web.forms import Sent
from workers.web.guard import BODY_BYTES

ALL_LETTERS = 200  # on the page of their own

router = APIRouter(include_in_schema=False, max_body_size=BODY_BYTES)
Text = Annotated[str, Query(max_length=300, pattern="^[^\\x00]*$")]


@router.api_route("/ops", methods=["GET", "HEAD"])
def ops(request: Request, here: Here, done: Text = "", part: bool = False) -> Response:
    """The page; with `part` only what changes, for the script that renews it in place."""
    now = here.clock()
    said = f"{show.counted(int(done), 'article is', 'articles are')} queued again." if done.isdecimal() else ""
    template = "opsnow.html" if part else "ops.html"
    found = opsnow.gathered(here.ledger, here.redis, here.measure, here.settings, now)
    return pages.render(request, template, now, ops=found, said=said)


@router.api_route("/ops/dead", methods=["GET", "HEAD"])
def dead_letters(
    request: Request, here: Here, reason: Text = "", host: Text = "", done: Text = "", dropped: Text = ""
) -> Response:
    """What was given up, all or that of a reason or host, with the beginning of what was answered."""
    with here.ledger.read() as tx:
        found = opsnow.letters(tx, ALL_LETTERS, reason=reason or None, host=host or None)
    said = ""
    if done.isdecimal():
        said = f"{show.counted(int(done), 'article is', 'articles are')} queued again."
    elif dropped.isdecimal():
        said = f"{show.counted(int(dropped), 'article was', 'articles were')} let go of."
    return pages.render(
        request, "dead.html", here.clock(), dead=found, reason=reason, host=host, said=said, most=ALL_LETTERS
    )


@router.post("/ops/dead/{action}")
async def act(request: Request, here: Here, action: Literal["retry", "drop"]) -> Response:
    """Take up again, or let go of, what was given up: an article, or those of a reason or a host, or all."""
    content = await forms.body(request.receive, BODY_BYTES)
    sent = forms.read(content or b"", request.headers.get("content-type", ""))
    return await run_in_threadpool(_act, here, action, sent)


def _act(here: Context, action: str, sent: Sent) -> Response:
    given, reason, host = sent.get("id"), sent.get("reason") or None, sent.get("host") or None
    if given and not (given.isascii() and given.isdecimal() and int(given[:20]) <= MAX_ID):
        raise HTTPException(422, "This is no number of an article.")
    if not given and reason is None and host is None and sent.get("all") != "yes":
        raise HTTPException(422, "Nothing was named: an article, a reason or a host.")
    which = dead.Which(ids=[int(given)] if given else None, reason=reason, host=host)
    with here.ledger.write() as tx:
        number = (dead.retry if action == "retry" else dead.drop)(tx, here.clock(), which)
    if sent.get("back") == "ops":
        return RedirectResponse(f"/ops?done={number}#dead", 303)
    asked = {
        "reason": sent.get("of_reason"),
        "host": sent.get("of_host"),
        "done" if action == "retry" else "dropped": number,
    }
    return RedirectResponse(
        f"/ops/dead?{urlencode({name: value for name, value in asked.items() if value != ''})}", 303
    )
