"""Events as they happen, to many listeners: one look at the ledger for all, no more in memory than a listener takes.

Everything that asks the ledger does so in a thread; the event loop only sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from pipeline.alerts.events import envelope
from pipeline.errors import LedgerError
from pipeline.ledger import Ledger, events
from pipeline.records import Event
from workers import logs

log = logs.get("web")
MOST = 100  # streams at once
LOOK_SECONDS = 0.25  # between looks for news, as the relay has between its own
AWAY_SECONDS = 2.0  # between looks while the ledger is away
ALIVE_SECONDS = 15.0  # after so much silence a word, so that proxies and listeners know that it goes on
SEND_SECONDS = 60.0  # a listener that takes nothing for so long is let go; it comes back where it was
BATCH = 100  # events read at once for one listener
RETRY_MS = 2_000  # how soon a browser comes back when the stream ends
AGAIN_SECONDS = 10  # for those who find no room


@dataclass(frozen=True, slots=True)
class Read:
    """Events, the position up to which all were looked at, and the oldest one kept where some before it are gone."""

    events: list[Event]
    to: int
    gap: int | None


class Streams:
    """What all listeners of this process share: how many there are, and how far the log goes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open = 0
        self._watch: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self.last = 0
        self.closed = False

    def enter(self) -> bool:
        """Take a place; False when there is none. Whoever has one gives it back with `leave`."""
        if self._open >= MOST or self.closed:
            return False
        self._open += 1
        if self._watch is None:
            self._watch = asyncio.create_task(self._look())
        return True

    def leave(self) -> None:
        self._open -= 1
        if not self._open and self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def close(self) -> None:
        """End all streams, since the process ends."""
        self.closed = True
        self._tell()

    async def behind(self, position: int, seconds: float) -> bool:
        """Wait until there is something behind a position, or for so long. Returns whether there is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.last <= position and not self.closed:
                    await self._news.wait()
        return self.last > position

    async def read(self, position: int, types: Sequence[str], subjects: Sequence[str]) -> Read:
        """The next chosen events behind a position."""
        return await asyncio.to_thread(self._read, position, types, subjects)

    def _read(self, position: int, types: Sequence[str], subjects: Sequence[str]) -> Read:
        with self._ledger.read() as tx:  # one view: nothing is published or dropped between them
            last, first = events.last_position(tx), events.first_position(tx)
            found = events.after(tx, position, BATCH, types=types, subjects=subjects)
        to = (found[-1].position or last) if len(found) == BATCH else max(last, position)
        return Read(found, to, first if events.is_gap(position, first) else None)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _look(self) -> None:
        while True:
            try:
                last = await asyncio.to_thread(self._last)
            except LedgerError as error:
                log.warning("streams wait for the ledger", error=str(error))
                await asyncio.sleep(AWAY_SECONDS)
                continue
            if last != self.last:
                self.last = last
                self._tell()
            await asyncio.sleep(LOOK_SECONDS)

    def _last(self) -> int:
        with self._ledger.read() as tx:
            return events.last_position(tx)


class EventStream(Response):
    """Server-sent events (WHATWG HTML, 9.2) behind a position: what is kept, then what happens. The id of a message is
    its position, its data the event as CloudEvents."""

    media_type = "text/event-stream"

    def __init__(
        self, streams: Streams, position: int, source: str, *, types: Sequence[str] = (), subjects: Sequence[str] = ()
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._streams = streams
        self._position = position
        self._source = source
        self._types, self._subjects = types, subjects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._streams.enter():
            sentence = f"There is room for {MOST} streams of events, and all of it is taken; try again later."
            headers = {"Retry-After": str(AGAIN_SECONDS)}
            await JSONResponse({"detail": sentence}, 503, headers=headers)(scope, receive, send)
            return
        tasks = {asyncio.create_task(self._talk(send)), asyncio.create_task(_gone(receive))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._streams.leave()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _talk(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            await self._say(send, f"retry: {RETRY_MS}\n\n")
            while not self._streams.closed:
                if await self._streams.behind(self._position, ALIVE_SECONDS):
                    await self._tell(send)
                elif not self._streams.closed:
                    await self._say(send, ": nothing new\n\n")
        except TimeoutError:
            log.info("a listener took nothing", seconds=SEND_SECONDS)
            return  # the connection is cut: a proper end would have to wait for the same listener
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, send: Send) -> None:
        try:
            read = await self._streams.read(self._position, self._types, self._subjects)
        except LedgerError:
            await asyncio.sleep(AWAY_SECONDS)
            return
        if read.gap is not None:
            await self._say(send, gap(self._position, read.gap))
        for one in read.events:
            await self._say(send, message(one, self._source))
        if (read.events[-1].position if read.events else self._position) != read.to:
            await self._say(send, f"id: {read.to}\n\n")  # none of it was chosen; not to be looked through again
        self._position = read.to

    async def _say(self, send: Send, text: str) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


def message(event: Event, source: str) -> str:
    """One event as a message. It has no name, so that `onmessage` of a browser gets every type."""
    said: Any = json.dumps(envelope(event, source), ensure_ascii=False)
    return f"id: {event.position}\ndata: {said}\n\n"


def gap(after: int, first: int) -> str:
    """The message that events between a position and the oldest one kept are lost to this listener. It has a name, so
    that who looks for events does not take it for one, and an id, so that it is said once."""
    return f"id: {first - 1}\nevent: gap\ndata: {json.dumps({'after': after, 'first': first})}\n\n"


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
