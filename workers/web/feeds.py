"""Feeds in the API: seen, added, changed, and as OPML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request, Response
from sqlalchemy import Connection

from pipeline.errors import OpmlError
from pipeline.feeds import opml
from pipeline.ledger import feed_list, feeds
from pipeline.ledger.feed_list import Choice, NewFeed
from pipeline.records import Feed, FeedState
from workers.feedview import view
from workers.web import api, feedmodels, models, queries
from workers.web.api import NOT_FOUND, Cursor, Id
from workers.web.context import Here
from workers.web.guard import BODY_BYTES

ORDER = "feeds"  # the only one there is: that of the ids
OPML = "text/x-opml"
TYPES = (OPML, "text/xml", "application/xml", "text/x-opml+xml", "application/octet-stream")
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": models.Problem, "description": "The feed (or each of them) is there already"}
}
OPML_BODY = {"content": {OPML: {"schema": {"type": "string"}}}}

router = APIRouter(prefix="/api/v1", max_body_size=BODY_BYTES, tags=["feeds"], responses=api.router.responses)
lists = APIRouter(prefix="/api/v1", max_body_size=opml.MAX_BYTES, tags=["feeds"], responses=api.router.responses)
UNTYPED: dict[int | str, dict[str, Any]] = {415: {"model": models.Problem, "description": "The type is not OPML's"}}


@router.get("/feeds")
def list_feeds(
    here: Here,
    limit: Annotated[int, Query(ge=1, le=feedmodels.MOST)] = 100,
    cursor: Cursor = None,
    state: FeedState | None = None,
    trouble: Annotated[bool, Query(description="Only those whose last poll failed, or that are gone.")] = False,
    silent: Annotated[bool, Query(description="Only those silent against their own rhythm.")] = False,
    tag: Annotated[str, Query(max_length=300, pattern="^[^\\x00]*$", description="Only those with this tag.")] = "",
) -> feedmodels.Feeds:
    """Feeds and how they are, page by page, in the order in which they were added."""
    choice = Choice(state=state, trouble=trouble, silent=silent, tag=tag)
    after = queries.decode(ORDER, cursor)[1] if cursor else 0
    with here.ledger.read() as tx:
        found = feed_list.chosen(tx, choice, after=after, limit=limit + 1)
        kept = found[:limit]
        more = len(found) > limit
        shown = _shown(tx, kept, here.clock())
        count = feed_list.count(tx, choice)
    cursor = queries.encode(ORDER, kept[-1].id, kept[-1].id) if more else None
    return feedmodels.Feeds(feeds=shown, count=count, next_cursor=cursor)


@router.get("/feeds/{feed_id}", responses={**NOT_FOUND})
def show_feed(here: Here, feed_id: Id) -> feedmodels.FeedView:
    """A feed and how it is."""
    with here.ledger.read() as tx:
        return _one(tx, feed_id, here.clock())


@router.post("/feeds", status_code=201, responses=CONFLICT)
def add_feed(
    here: Here,
    wanted: Annotated[feedmodels.OneOrMany, Body()],
) -> feedmodels.FeedView | feedmodels.Added:
    """Watch a feed from now on, or a list of feeds; they are due at once. Of a list, those that are new are added."""
    given = wanted if isinstance(wanted, list) else [wanted]
    now = here.clock()
    with here.ledger.write() as tx:
        added = feed_list.add_many(tx, [NewFeed(one.url, one.title, one.tags) for one in given], now)
        if isinstance(wanted, list):
            if not added.new:
                raise HTTPException(409, "All of these feeds are there already.")
            return feedmodels.Added(added=sorted(added.new.values()), there_already=sorted(added.known.values()))
        if not added.new:
            (known,) = added.known.values()
            raise HTTPException(409, f"This feed is there already, as number {known}.")
        (made,) = added.new.values()
        return _one(tx, made, now)


@router.patch("/feeds/{feed_id}", responses={**NOT_FOUND})
def change_feed(here: Here, feed_id: Id, change: feedmodels.FeedChange) -> feedmodels.FeedView:
    """Pause or resume a feed (one that is gone, too), or set its title or tags."""
    now = here.clock()
    with here.ledger.write() as tx:
        _one(tx, feed_id, now)
        if change.state is not None:
            feeds.set_state(tx, feed_id, FeedState(change.state), now)
        feed_list.change(tx, feed_id, title=change.title, tags=change.tags)
        return _one(tx, feed_id, now)


@router.delete("/feeds/{feed_id}", status_code=204, responses={**NOT_FOUND})
def remove_feed(here: Here, feed_id: Id) -> None:
    """Forget a feed; its articles stay."""
    with here.ledger.write() as tx:
        _one(tx, feed_id, here.clock())
        feeds.remove(tx, feed_id, here.clock())


@lists.get("/feeds.opml", response_class=Response, responses={200: {**OPML_BODY, "description": "All feeds"}})
def export_feeds(here: Here) -> Response:
    """All feeds as OPML, tags as folders. Credentials in URLs are masked: `slugline feeds export --with-credentials`
    gives them to whoever may log in there."""
    with here.ledger.read() as tx:
        known = feeds.every(tx)
    headers = {"Content-Disposition": 'attachment; filename="slugline.opml"'}
    return Response(opml.write(known, title="Slugline"), media_type=f"{OPML}; charset=utf-8", headers=headers)


async def _body(request: Request) -> bytes:
    """The body as it came, of a type that no form has: a page of another site can send those unasked."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in TYPES:
        raise HTTPException(415, f"Send the list with “Content-Type: {OPML}”.")
    return await request.body()


@lists.post("/feeds.opml", responses=UNTYPED, openapi_extra={"requestBody": {"required": True, **OPML_BODY}})
def import_feeds(here: Here, body: Annotated[bytes, Depends(_body)]) -> feedmodels.Imported:
    """Add the feeds of an OPML document, sent as it is; folders become tags. Bad lines are told, good ones taken."""
    try:
        outlines, remarks = opml.read_any(body, source="the body")
    except OpmlError as error:
        raise HTTPException(422, f"{error}.") from error
    wanted = [NewFeed(one.url, one.title, one.tags) for one in outlines]
    with here.ledger.write() as tx:
        added = feed_list.add_many(tx, wanted, here.clock())
    return feedmodels.Imported(
        added=sorted(added.new.values()), there_already=sorted(added.known.values()), remarks=remarks
    )


def _shown(tx: Connection, found: Sequence[Feed], now: datetime) -> list[feedmodels.FeedView]:
    hubs = feed_list.hubs(tx, [feed.id for feed in found])
    return [feedmodels.FeedView.model_validate(view(feed, hubs.get(feed.id), now)) for feed in found]


def _one(tx: Connection, feed_id: int, now: datetime) -> feedmodels.FeedView:
    found = feeds.find(tx, str(feed_id))
    if found is None:
        raise HTTPException(404, f"There is no feed {feed_id}.")
    return _shown(tx, [found], now)[0]
