"""The log of events in the API: read by position, followed as a stream, and what each type says."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request
from starlette.responses import JSONResponse, Response

from pipeline.alerts.events import DECLARED, SOURCE
from pipeline.errors import InputError
from pipeline.ledger import events
from workers.web import api, models
from workers.web.context import MAX_ID, Context, Here
from workers.web.guard import BODY_BYTES
from workers.web.streams import EventStream, Streams

router = APIRouter(prefix="/api/v1", max_body_size=BODY_BYTES, tags=["events"], responses=api.router.responses)

After = Annotated[int, Query(ge=0, le=MAX_ID, description="A position; 0: from the beginning of what is kept.")]
Type = Annotated[
    list[str] | None, Query(alias="type", max_length=100, description="Only events of this type; may be repeated.")
]
Subject = Annotated[
    list[str] | None, Query(alias="subject", max_length=100, description="Only of this subject; may be repeated.")
]
TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
SCHEMA: dict[int | str, dict[str, Any]] = {
    200: {"description": "JSON Schema 2020-12", "content": {"application/schema+json": {"schema": {"type": "object"}}}}
}


@router.get("/events")
def list_events(
    here: Here,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    types: Type = None,
    subjects: Subject = None,
) -> models.Events:
    """Published events behind a position, in order, as CloudEvents. `gap` says that some behind it are kept no more."""
    with here.ledger.read() as tx:
        first = events.first_position(tx)
        found = events.after(tx, after, limit, types=_known(types), subjects=_subjects(subjects))
    shown = [models.EventView.of(event, source(here)) for event in found]
    gap = events.is_gap(after, first)
    return models.Events(events=shown, last=shown[-1].position if shown else after, first=first, gap=gap)


@router.get("/events/stream", response_class=Response, responses=TEXT)
async def follow_events(
    request: Request,
    here: Here,
    after: Annotated[int | None, Query(ge=0, le=MAX_ID, description="A position, as with `/events`.")] = None,
    last_event_id: Annotated[
        str | None, Header(max_length=20, pattern="^[0-9]+$", description="The last position that was seen.")
    ] = None,
    types: Type = None,
    subjects: Subject = None,
) -> Response:
    """Events behind a position and then as they happen, as server-sent events; without a position from now on.

    `Last-Event-ID`, which browsers send by themselves when they come back, counts before `after`. The `id` of a message
    is its position, its `data` the event as CloudEvents. Where events behind the position are kept no more, a message
    named `gap` comes first; its data `{"after": …, "first": …}` has the position and the oldest one that is kept.
    """
    streams: Streams = request.app.state.streams
    chosen = {"types": _known(types), "subjects": _subjects(subjects)}
    last = await asyncio.to_thread(_last, here)
    start = int(last_event_id) if last_event_id is not None else last if after is None else after
    if start > last:
        raise InputError(f"the log ends at position {last}, before {start}; ask without a position, or for after=0")
    return EventStream(streams, start, source(here), **chosen)


@router.get("/schemas")
def list_schemas() -> models.EventTypes:
    """The types of events and what each means."""
    types = [
        models.EventType(type=one.type, meaning=one.meaning, dataschema=one.dataschema) for one in DECLARED.values()
    ]
    return models.EventTypes(types=types)


@router.get("/schemas/{type}", response_class=Response, responses={**api.NOT_FOUND, **SCHEMA})
def show_schema(type_: Annotated[str, Path(alias="type", max_length=100)]) -> Response:
    """The JSON Schema of the `data` of a type of event."""
    declared = DECLARED.get(type_)
    if declared is None:
        raise HTTPException(404, "There is no such type of event; /api/v1/schemas lists them.")
    return JSONResponse(declared.schema, media_type="application/schema+json")


def source(here: Context) -> str:
    """What this installation calls itself in its events."""
    return here.settings.public_url or SOURCE


def _last(here: Context) -> int:
    with here.ledger.read() as tx:
        return events.last_position(tx)


def _known(types: list[str] | None) -> list[str]:
    for one in types or ():
        if one not in DECLARED:  # else a misspelt one would be waited for without end
            raise InputError(f"type: there is no event {one[:60]!r}; /api/v1/schemas lists them")
    return types or []


def _subjects(subjects: list[str] | None) -> list[str]:
    for one in subjects or ():
        kind, _, number = one.partition("/")
        if one != "pipeline" and not (
            kind in ("storyline", "feed", "rule") and number.isdecimal() and number.isascii()
        ):
            raise InputError("subject: give storyline/ID, feed/ID, rule/ID or pipeline")
    return subjects or []
