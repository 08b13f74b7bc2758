"""Connections that are kept for the next request to the same origin.

httpcore has a pool of its own, but each request there looks at every connection several times: with 50 open ones it
took five times as long as the request itself. Here a request touches one.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator

import httpcore

# Seconds an idle connection is kept: long enough for the next article of a batch, short enough to be no burden.
KEEPALIVE_SECONDS = 15.0


class Pool:
    """At most `limit` connections, busy and idle together; a request waits for a free place."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend, ssl_context: ssl.SSLContext, limit: int) -> None:
        self._backend = backend
        self._ssl_context = ssl_context
        self._limit = limit
        self._places = asyncio.Semaphore(limit)
        self._busy = 0
        # Oldest first, with the time it became idle.
        self._idle: OrderedDict[httpcore.AsyncHTTPConnection, tuple[str, float]] = OrderedDict()
        self._by_origin: dict[str, list[httpcore.AsyncHTTPConnection]] = {}

    async def send(self, request: httpcore.Request) -> Answer:
        """Send `request`; the connection is busy until the answer is closed. Raises what httpcore raises."""
        await self._places.acquire()
        self._busy += 1
        key = str(request.url.origin)
        connection: httpcore.AsyncHTTPConnection | None = None
        try:
            connection = await self._take(key) or httpcore.AsyncHTTPConnection(
                origin=request.url.origin,
                ssl_context=self._ssl_context,
                keepalive_expiry=KEEPALIVE_SECONDS,
                network_backend=self._backend,
            )
            response = await connection.handle_async_request(request)
        except BaseException:
            await self.release(key, connection, reuse=False)
            raise
        return Answer(self, key, connection, response)

    async def aclose(self) -> None:
        """Close the idle connections; busy ones are closed with their answers."""
        self._limit = 0
        await self._evict()

    async def _take(self, key: str) -> httpcore.AsyncHTTPConnection | None:
        while self._by_origin.get(key):
            connection = self._by_origin[key][-1]
            self._forget(connection)
            if connection.is_available() and not connection.has_expired():
                return connection
            await connection.aclose()
        # The new connection is counted as busy already; an idle one may have to give way to it.
        await self._evict()
        return None

    async def release(self, key: str, connection: httpcore.AsyncHTTPConnection | None, *, reuse: bool) -> None:
        """Take a connection back from a request that is over."""
        self._busy -= 1
        try:
            if connection is None:
                return
            if reuse and connection.is_idle():
                self._idle[connection] = (key, time.monotonic())
                self._by_origin.setdefault(key, []).append(connection)
                await self._evict()
            else:
                await connection.aclose()
        finally:
            self._places.release()

    async def _evict(self) -> None:
        """Close idle connections: those kept too long, and the oldest beyond the limit."""
        oldest = time.monotonic() - KEEPALIVE_SECONDS
        while self._idle:
            connection, (_, since) = next(iter(self._idle.items()))
            if since >= oldest and self._busy + len(self._idle) <= self._limit:
                return
            self._forget(connection)
            await connection.aclose()

    def _forget(self, connection: httpcore.AsyncHTTPConnection) -> None:
        key, _ = self._idle.pop(connection)
        rest = self._by_origin[key]
        rest.remove(connection)
        if not rest:
            del self._by_origin[key]


class Answer:
    """An answer whose body is still to come; `aclose` gives the connection back."""

    def __init__(
        self, pool: Pool, key: str, connection: httpcore.AsyncHTTPConnection, response: httpcore.Response
    ) -> None:
        self.response = response
        self._pool = pool
        self._key = key
        self._connection = connection
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self.response.aiter_stream():
            yield part

    async def aclose(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        if self._closed:
            return
        self._closed = True
        try:
            await self.response.aclose()
        finally:
            await self._pool.release(self._key, self._connection, reuse=True)
