"""Outlets on loopback that publish a made-up wire, remember what they published, and can be made to fail."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from itertools import islice

from benchmarks.world import Piece, wire

OUTLETS = 12
FEED_ITEMS = 400  # a feed that showed fewer would drop, while nobody can poll it, what nobody has seen
PARAGRAPHS = 3  # of each piece: enough for an article, and quick to embed
DOWN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Press:
    """`OUTLETS` outlets, each a host of its own, publish the pieces of the wire of a seed in turn."""

    def __init__(self, seed: int, page_seconds: float = 0.0) -> None:
        self._page_seconds = page_seconds  # that a page takes to come
        self.down = False  # every other outlet answers 503 to everything
        self.published: dict[str, int] = {}  # URL to the number of its story: the outlets' own log
        self.asked: Counter[str] = Counter()  # answers with a page, by URL
        self._wire = wire(seed)
        self._pages: dict[str, bytes] = {}
        self._items: dict[int, list[str]] = {outlet: [] for outlet in range(OUTLETS)}
        self._ports: dict[int, int] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="press", daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(30), "the outlets do not answer"

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def opml(self) -> str:
        lines = (f'<outline text="Outlet {outlet}" xmlUrl="{self._base(outlet)}/feed"/>' for outlet in range(OUTLETS))
        return f'<opml version="2.0"><body>{"".join(lines)}</body></opml>'

    def publish(self, count: int) -> None:
        """Put out the next pieces of the wire."""
        for piece in islice(self._wire, count):
            outlet = piece.outlet % OUTLETS
            url, moment = self._base(outlet) + piece.path, datetime.now(UTC)
            self._pages[f"{outlet}{piece.path}"] = _page(piece, outlet, moment)
            self._items[outlet] = [_item(piece, url, moment), *self._items[outlet][: FEED_ITEMS - 1]]
            self.published[url] = piece.story

    def _base(self, outlet: int) -> str:
        return f"http://127.9.{outlet + 1}.1:{self._ports[outlet]}"

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        servers = []
        for outlet in range(OUTLETS):
            server = self._loop.run_until_complete(
                asyncio.start_server(lambda r, w, o=outlet: self._answer(o, r, w), f"127.9.{outlet + 1}.1", 0)
            )
            servers.append(server)
            self._ports[outlet] = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        for server in servers:
            server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.01))  # for their connections to be closed
        self._loop.close()

    async def _answer(self, outlet: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self.down and outlet % 2:
                    writer.write(DOWN)
                    break
                path = head.split(b" ", 2)[1].decode()
                if f"{outlet}{path}" in self._pages:
                    await asyncio.sleep(self._page_seconds)
                writer.write(self._found(outlet, path))
                await writer.drain()
        writer.close()

    def _found(self, outlet: int, path: str) -> bytes:
        page = self._pages.get(f"{outlet}{path}")
        if page is not None:
            self.asked[self._base(outlet) + path] += 1
            return _response(page, "text/html; charset=utf-8")
        if path == "/feed":
            items = "".join(self._items[outlet])
            head = f"<title>Outlet {outlet}</title><link>{self._base(outlet)}/</link>"
            body = f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'
            return _response(body.encode(), "application/rss+xml")
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def printing(seed: int, page_seconds: float = 0.0) -> Iterator[Press]:
    press = Press(seed, page_seconds)
    press.start()
    try:
        yield press
    finally:
        press.end()


def _response(body: bytes, kind: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _item(piece: Piece, url: str, moment: datetime) -> str:
    return (
        f"<item><title>{escape(piece.title)}</title><link>{url}</link><guid>{url}</guid>"
        f"<pubDate>{format_datetime(moment)}</pubDate></item>"
    )


def _page(piece: Piece, outlet: int, moment: datetime) -> bytes:
    paragraphs = "".join(f"<p>{escape(one)}</p>" for one in piece.paragraphs[:PARAGRAPHS])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(piece.title)}</title>'
        f'<meta property="og:site_name" content="Outlet {outlet}">'
        f'<meta property="article:published_time" content="{moment.isoformat()}"></head>'
        f"<body><main><article><h1>{escape(piece.title)}</h1>{paragraphs}</article></main></body></html>"
    ).encode()
