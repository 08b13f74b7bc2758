"""Sinks in the API: seen, added, tried, paused, removed, and told once more."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from sqlalchemy import Connection

from pipeline.alerts import delivery
from pipeline.ledger import deliveries, held, sinks
from pipeline.records import Sink
from workers import sinkview
from workers.web import api, models, sinkmodels
from workers.web.api import NOT_FOUND, Id, Limit
from workers.web.context import Here
from workers.web.guard import BODY_BYTES

CONFLICT: dict[int | str, dict[str, Any]] = {409: {"model": models.Problem, "description": "The name is taken"}}
STATES = ("dead", "waiting", "done")

router = APIRouter(prefix="/api/v1", max_body_size=BODY_BYTES, tags=["sinks"], responses=api.router.responses)


@router.get("/sinks")
def list_sinks(here: Here) -> sinkmodels.Sinks:
    """All sinks, and how they answer."""
    with here.ledger.read() as tx:
        return sinkmodels.Sinks(sinks=[_view(tx, one) for one in sinks.every(tx)])


@router.post("/sinks", status_code=201, responses=CONFLICT)
def add_sink(here: Here, wanted: sinkmodels.NewSink) -> sinkmodels.NewSinkView:
    """Tell a webhook, an Alertmanager, or a service by Apprise of what is published from now on. Addresses must be of
    the public internet, or of networks that `SLUGLINE_ALLOW_NETWORKS` exempts; those of Apprise are looked at when it
    sends."""
    url, options = asyncio.run(sinkview.checked(here.settings, wanted.kind, wanted.url, wanted.options))
    with here.ledger.write() as tx:
        if sinks.by_name(tx, " ".join(wanted.name.split())) is not None:
            raise HTTPException(409, "There is a sink of this name already.")
        made, secret = sinkview.add(tx, wanted.name, url, wanted.types, wanted.secret, wanted.kind, options)
    shown = secret if made.kind == "webhook" else ""
    return sinkmodels.NewSinkView.model_validate({**sinkview.view(made), "secret": shown})


@router.get("/sinks/{sink_id}", responses={**NOT_FOUND})
def show_sink(here: Here, sink_id: Id) -> sinkmodels.SinkView:
    """A sink, and how it answers."""
    with here.ledger.read() as tx:
        return _view(tx, _one(tx, sink_id))


@router.patch("/sinks/{sink_id}", responses={**NOT_FOUND})
def change_sink(here: Here, sink_id: Id, change: sinkmodels.SinkChange) -> sinkmodels.SinkView:
    """Pause a sink, or go on with one that was paused or disabled; what happens meanwhile waits."""
    with here.ledger.write() as tx:
        _one(tx, sink_id)
        sinks.set_state(tx, sink_id, change.state, "paused by a person" if change.state == "paused" else "")
        return _view(tx, _one(tx, sink_id))


@router.delete("/sinks/{sink_id}", status_code=204, responses={**NOT_FOUND})
def remove_sink(here: Here, sink_id: Id) -> None:
    """Forget a sink and what waits for it."""
    with here.ledger.write() as tx:
        sinks.remove(tx, _one(tx, sink_id).id)


@router.post("/sinks/{sink_id}/rotate", responses={**NOT_FOUND})
def rotate_secret(here: Here, sink_id: Id, wanted: sinkmodels.GivenSecret | None = None) -> sinkmodels.NewSecret:
    """Give a sink a new secret. Webhooks are signed with both for a day."""
    with here.ledger.write() as tx:
        given = wanted.secret if wanted else None
        return sinkmodels.NewSecret(secret=sinkview.rotate(tx, _one(tx, sink_id).name, given))


@router.post("/sinks/{sink_id}/test", responses={**NOT_FOUND})
def test_sink(here: Here, sink_id: Id) -> sinkmodels.Tried:
    """Send an event that says that it is a test, and show the answer."""
    with here.ledger.read() as tx:
        sink = _one(tx, sink_id)
    _, attempt = asyncio.run(sinkview.tried(here.settings, sink))
    return sinkmodels.Tried(
        taken=not attempt.error,
        status=attempt.status,
        seconds=attempt.seconds,
        answer=attempt.answer,
        error=attempt.error,
    )


@router.post("/sinks/{sink_id}/replay", responses={**NOT_FOUND})
def replay_to_sink(here: Here, sink_id: Id, wanted: sinkmodels.Replay) -> sinkmodels.Replayed:
    """Tell a sink once more, under the same ids."""
    with here.ledger.write() as tx:
        sink = _one(tx, sink_id)
        if wanted.after is not None:
            sinks.rewind(tx, sink, wanted.after, delivery.wanted)
            return sinkmodels.Replayed(waiting=None)
        return sinkmodels.Replayed(waiting=deliveries.replay_dead(tx, sink.id, here.clock()))


@router.get("/deliveries")
def list_deliveries(
    here: Here,
    sink: Annotated[int | None, Query(ge=1, le=api.MAX_ID, description="Only of the sink with this id.")] = None,
    state: Literal["waiting", "done", "dead"] | None = None,
    limit: Limit = 50,
) -> sinkmodels.Deliveries:
    """What waits, was given up, or was delivered last; the newest first."""
    with here.ledger.read() as tx:
        rows = deliveries.listed(tx, limit, sink_id=sink, states=(state,) if state else STATES)
    return sinkmodels.Deliveries(deliveries=[sinkmodels.DeliveryView.model_validate(row) for row in rows])


@router.post("/deliveries/{delivery_id}/replay", status_code=202, responses={**NOT_FOUND})
def replay_delivery(here: Here, delivery_id: Id) -> sinkmodels.Replayed:
    """Deliver once more what was given up or taken, under the same id."""
    with here.ledger.write() as tx:
        if not deliveries.replay(tx, delivery_id, here.clock()):
            raise HTTPException(404, f"There is no delivery {delivery_id} that ended.")
    return sinkmodels.Replayed(waiting=1)


def _one(tx: Connection, sink_id: int) -> Sink:
    found = sinks.one(tx, sink_id)
    if found is None:
        raise HTTPException(404, f"There is no sink {sink_id}.")
    return found


def _view(tx: Connection, sink: Sink) -> sinkmodels.SinkView:
    due = deliveries.next_due(tx, sink.id)
    return sinkmodels.SinkView.model_validate(sinkview.view(sink, due[1] if due else None, held.listed(tx, sink.id)))
