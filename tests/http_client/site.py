"""A web site on loopback that behaves as badly as a test asks: handlers write raw bytes to the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Asked:
    """One request as the site saw it."""

    path: str
    headers: dict[str, str]


Handler = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Site:
    """Paths and their handlers; `asked` are the requests in order, `connections` how many were accepted."""

    handlers: dict[str, Handler]
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        self.tasks.append(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
                }
                asked = Asked(head[0].split()[1], headers)
                self.asked.append(asked)
                await self.handlers[asked.path.partition("?")[0]](asked, writer)
                if writer.is_closing():
                    break
        writer.close()


@asynccontextmanager
async def site(handlers: dict[str, Handler]) -> AsyncIterator[Site]:
    """Serve `handlers` on a free port of 127.0.0.1 while the block runs."""
    running = Site(handlers)
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        # Handlers that are still writing or waiting end with a ConnectionError or at the end of their input.
        for writer in running.writers:
            writer.transport.abort()
        await asyncio.gather(*running.tasks, return_exceptions=True)


def answer(body: bytes = b"ok", status: str = "200 OK", **headers: str) -> Handler:
    """A handler that answers well; underscores in header names stand for hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    async def handle(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        await writer.drain()

    return handle


def redirect(to: str, status: str = "302 Found", **headers: str) -> Handler:
    """A handler that redirects."""
    return answer(b"", status, Location=to, **headers)
