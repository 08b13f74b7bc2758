"""Where hubs come back (WebSub): they verify subscriptions here and push news. No credentials are asked for, since the
address itself cannot be guessed; what is pushed is checked by its signature, kept, and read by a poller: nothing from
outside is parsed in this process."""

from __future__ import annotations

import asyncio
import random

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse
from starlette.requests import ClientDisconnect

from pipeline.feeds import websub
from pipeline.ledger import pushes, subscriptions
from pipeline.records import Subscription
from workers import logs
from workers.web.context import Context, Here

log = logs.get("web")
PLACES = 8  # bodies taken in at once: as many times `feed_max_bytes` may lie in memory
BODY_SECONDS = 60.0  # for all of a body, waiting for a place included; hubs themselves give up after some ten
TYPE_LENGTH = 200  # characters of a Content-Type that are kept; real ones have up to 60


def router() -> APIRouter:
    """The routes, for one application."""
    made = APIRouter(include_in_schema=False)  # hubs know it from the recommendation, and nobody else may come
    places = asyncio.Semaphore(PLACES)

    @made.get("/websub/{token}")
    def verify(here: Here, request: Request, token: str) -> Response:
        return _verify(here, token, dict(request.query_params))

    @made.post("/websub/{token}")
    async def take(here: Here, request: Request, token: str) -> Response:
        held = await run_in_threadpool(_find, here, token)
        if websub.received(held, b"", "") == "gone":  # before the body is read
            return PlainTextResponse("Nobody subscribes to anything here.\n", 410)
        limit = here.settings.feed_max_bytes
        try:
            async with asyncio.timeout(BODY_SECONDS), places:
                body = await _body(request, limit)
                if body is None:
                    return PlainTextResponse(f"The body is longer than {limit:,} bytes.\n", 413)
                return await run_in_threadpool(_take, here, token, body, request)
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("The body did not come in time.\n", 408)

    return made


def _find(here: Context, token: str) -> Subscription | None:
    with here.ledger.read() as tx:
        return subscriptions.by_token(tx, token)


def _verify(here: Context, token: str, query: dict[str, str]) -> Response:
    nothing = PlainTextResponse("Nothing like this was asked for.\n", 404)
    if _find(here, token) is None:  # without the ledger's write lock
        return nothing
    with here.ledger.write() as tx:
        held = subscriptions.by_token(tx, token, lock=True)
        verdict = websub.verdict(held, query, here.clock(), random.random())  # noqa: S311 - jitter, not a secret
        if held is None or verdict.answer is None:
            return nothing
        if verdict.forget:
            subscriptions.forget(tx, token)
        else:
            subscriptions.save(tx, held, verdict.values)
    log.info("hub came back", feed=held.feed_id, hub=held.hub, mode=query.get("hub.mode"))
    return PlainTextResponse(verdict.answer)


async def _body(request: Request, limit: int) -> bytes | None:
    """The body, or None when it is longer than `limit` bytes."""
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > limit:
            return None
    return bytes(found)


def _take(here: Context, token: str, body: bytes, request: Request) -> Response:
    """Keep a push. A hub is not told whether its signature was right (section 7.1 of the recommendation)."""
    now = here.clock()
    held = _find(here, token)
    made = websub.received(held, body, request.headers.get("x-hub-signature", ""))
    if held is None or held.feed_id is None:
        return PlainTextResponse("Nobody subscribes to anything here.\n", 410)
    with here.ledger.write() as tx:
        if made == "ignored":
            subscriptions.count_refused(tx, token)
        else:
            content_type = request.headers.get("content-type", "")[:TYPE_LENGTH] or None
            pushes.put(tx, held.feed_id, content_type, body if made == "push" else b"", now)
            subscriptions.count_push(tx, token, now)
    if made == "ignored":
        log.warning("push ignored, its signature is missing or wrong", feed=held.feed_id, hub=held.hub)
    return Response(status_code=204)
