"""The page of the sinks: who is told of events, how that goes, and the forms that add, try, pause and remove them.

What is secret comes in by a form and goes out once at most: that of a webhook, in the answer to the form that made it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from pipeline.alerts import alertmanager, delivery
from pipeline.alerts.events import DECLARED
from pipeline.alerts.messages import TEMPLATE_CHARS
from pipeline.errors import InputError, SluglineError
from pipeline.ledger import deliveries, sinks
from pipeline.records import Sink
from workers import sinkview
from workers.web import forms, pages, show
from workers.web.context import MAX_ID, Context, Here
from workers.web.forms import Sent
from workers.web.guard import BODY_BYTES

PATH = "/ops/sinks"
KINDS = (
    ("webhook", "Webhook", "Each event, signed. https://…"),
    ("alertmanager", "Alertmanager", "Alerts that begin and end. https://…:9093"),
    ("apprise", "Mail or chat, by Apprise", "Messages. mailtos://…, slack://…, tgram://…, ntfys://…"),
)
DONE = {
    "paused": "It is told nothing until you resume it; what happens meanwhile waits.",
    "resumed": "It is told again.",
    "removed": "The sink was removed, with what waited for it.",
    "replayed": "What was given up is delivered again.",
}

router = APIRouter(include_in_schema=False, max_body_size=BODY_BYTES)
Action = Literal["test", "pause", "resume", "replay", "remove"]


@dataclass(frozen=True, slots=True)
class Row:
    """A sink as the page shows it."""

    sink: Sink
    url: str
    kind: str
    types: Sequence[str]
    waiting: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Adding:
    """How the form stands: what was typed that is no secret, what is wrong with it, and what came of it."""

    kind: str = "webhook"
    name: str = ""
    types: Sequence[str] = ()
    minutes: str = ""
    title: str = ""
    body: str = ""
    wrong: str = ""
    said: str = ""
    secret: str = ""
    remarks: list[str] = field(default_factory=list)


@router.api_route(PATH, methods=["GET", "HEAD"])
def listed(request: Request, here: Here, done: str = "") -> Response:
    """All sinks, and how they answer."""
    return _page(request, here, Adding(said=DONE.get(done, "")))


def _page(request: Request, here: Context, adding: Adding, status: int = 200) -> Response:
    with here.ledger.read() as tx:
        rows = [_row(tx, one) for one in sinks.every(tx)]
    values: dict[str, Any] = {
        "rows": rows,
        "adding": adding,
        "kinds": KINDS,
        "types": list(DECLARED),
        "minutes": alertmanager.MINUTES,
        "template_chars": TEMPLATE_CHARS,
    }
    return pages.render(request, "sinks.html", here.clock(), status, **values)


def _row(tx: Connection, sink: Sink) -> Row:
    due = deliveries.next_due(tx, sink.id)
    named = {kind: label for kind, label, _ in KINDS}
    types = sink.types or (("everything",) if sink.kind == "webhook" else delivery.CALLS)
    waiting = deliveries.waiting(tx, sink.id)
    return Row(sink, sinkview.shown(sink), named.get(sink.kind, sink.kind), types, waiting, due[1] if due else None)


async def _sent(request: Request) -> Sent:
    content = await forms.body(request.receive, BODY_BYTES)
    if content is None:
        raise HTTPException(413, f"The form has more than {BODY_BYTES:,} bytes.")
    return forms.read(content, request.headers.get("content-type", ""))


@router.post(f"{PATH}/add")
async def add(request: Request, here: Here) -> Response:
    """Tell somebody of what is published from now on."""
    return await run_in_threadpool(_add, request, here, await _sent(request))


def _add(request: Request, here: Context, sent: Sent) -> Response:
    types = [one for one in sent.fields.get("type", []) if one]
    adding = Adding(
        kind=sent.get("kind"),
        name=sent.get("name"),
        types=types,
        minutes=sent.get("minutes"),
        title=sent.get("title"),
        body=sent.get("body"),
    )
    try:
        if adding.kind not in {kind for kind, _, _ in KINDS}:
            raise InputError("choose what kind of sink it is")
        options = _options(adding)
        url, options = asyncio.run(sinkview.checked(here.settings, adding.kind, sent.get("url"), options))
        with here.ledger.write() as tx:
            given = sent.get("secret") or None
            made, secret = sinkview.add(tx, adding.name, url, types, given, adding.kind, options)
    except SluglineError as error:
        return _page(request, here, replace(adding, wrong=f"{show.first_upper(str(error))}. Nothing was added."), 422)
    said = f"{made.name} is told of what is published from now on."
    return _page(request, here, Adding(said=said, secret=secret if made.kind == "webhook" and not given else ""), 201)


def _options(adding: Adding) -> dict[str, Any]:
    """What was typed for the kind that was chosen. Raises InputError for minutes that are none."""
    if adding.kind == "apprise":
        return {name: text for name, text in (("title", adding.title), ("body", adding.body)) if text}
    if adding.kind != "alertmanager" or not adding.minutes:
        return {}
    if not adding.minutes.isdecimal() or len(adding.minutes) > 6:
        raise InputError("minutes are a whole number")
    return {"minutes": int(adding.minutes)}


@router.post(f"{PATH}/{{sink_id}}/{{action}}")
async def act(request: Request, here: Here, sink_id: int, action: Action) -> Response:
    """Do something to a sink, and show what came of it."""
    return await run_in_threadpool(_act, request, here, sink_id, action)


def _act(request: Request, here: Context, sink_id: int, action: Action) -> Response:
    with here.ledger.write() as tx:
        sink = sinks.one(tx, sink_id) if 0 < sink_id <= MAX_ID else None
        if sink is None:
            raise HTTPException(404, "There is no such sink.")
        if action == "pause":
            sinks.set_state(tx, sink.id, "paused", "paused by a person")
        elif action == "resume":
            sinks.set_state(tx, sink.id, "active", "")
        elif action == "replay":
            deliveries.replay_dead(tx, sink.id, here.clock())
        elif action == "remove":
            sinks.remove(tx, sink.id)
    if action == "test":
        return _try(request, here, sink)
    done = {"pause": "paused", "resume": "resumed", "replay": "replayed", "remove": "removed"}[action]
    return RedirectResponse(f"{PATH}?done={done}", 303)


def _try(request: Request, here: Context, sink: Sink) -> Response:
    _, attempt = asyncio.run(sinkview.tried(here.settings, sink))
    status = f" with {attempt.status}" if attempt.status else ""
    said = f"{sink.name} took the test{status}."
    if attempt.error:
        said = f"{sink.name} did not take the test: {attempt.error}."
    remarks = [f"It said: {attempt.answer}"] if attempt.answer.strip() else []
    return _page(request, here, Adding(said=said, remarks=remarks))
