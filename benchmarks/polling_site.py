"""The site that `benchmarks/polling.py` polls: N feeds on loopback, each at an address of its own, in one lean process.

    python benchmarks/polling_site.py FEEDS [--bodies DIR]

Prints its port. Feed I is at http://127.A.B.C:PORT/I. Of a hundred feeds 91 keep their ETag and answer 304 to whoever
sends it back (1 of these takes half a second), 5 have a new entry at each request, 2 answer 200 with the same body and
no validators, and 2 fail with 500. `/-/asked` says how many requests there were, by status.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from pathlib import Path

ITEMS = 10  # entries of a made-up feed; real ones have 10 to 50
SLOW_SECONDS = 0.5
BODY_BYTES = 2_000_000  # larger files in DIR are left out
ITEM = (
    "<item><title>Council of ward {feed} votes on plan {item}</title><link>https://ward-{feed}.example/news/{item}</link>"
    "<guid>https://ward-{feed}.example/news/{item}</guid><pubDate>Mon, 23 Nov 2026 10:{minute:02}:00 GMT</pubDate>"
    "<description>After a long evening the council of ward {feed} agreed on plan {item}, which the mayor called a step "
    "in the right direction; the opposition wants to see figures first.</description></item>"
)


def address(feed: int) -> str:
    return f"127.{1 + feed // 62_500}.{feed // 250 % 250}.{1 + feed % 250}"


def made_up(feed: int, newest: int) -> bytes:
    """A feed whose newest entry has the number `newest`."""
    items = "".join(ITEM.format(feed=feed, item=item, minute=item % 60) for item in range(newest, newest - ITEMS, -1))
    head = f"<title>Ward {feed} Gazette</title><link>https://ward-{feed}.example/</link><description>News</description>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()


class Feeds:
    """What each feed answers, and what was asked."""

    def __init__(self, bodies: list[bytes]) -> None:
        self._bodies = bodies
        self._newest: Counter[int] = Counter()
        self.asked: Counter[int] = Counter()

    def answer(self, path: str, head: bytes) -> tuple[bytes, float]:
        """The answer to a request, and how many seconds it is kept back."""
        if path == "/-/asked":
            return _answer(200, json.dumps(self.asked).encode(), b""), 0.0
        feed = int(path[1:])
        kind = feed % 100
        status, body, etag, delay = 200, b"", b'"%d"' % feed, 0.0
        if kind in (0, 1):
            status = 500
        elif kind == 2:
            delay = SLOW_SECONDS
        if kind in range(5, 10):
            self._newest[feed] += 1
            etag, body = b'"%d-%d"' % (feed, self._newest[feed]), made_up(feed, ITEMS + self._newest[feed])
        elif status == 200:
            if b"f-none-match: " + etag in head.lower() and kind not in (3, 4):
                status = 304
            else:
                body = self._bodies[feed % len(self._bodies)] if self._bodies else made_up(feed, ITEMS)
        self.asked[status] += 1
        line = b"" if kind in (0, 1, 3, 4) else b"ETag: " + etag + b"\r\n"
        return _answer(status, body, line), delay


def _answer(status: int, body: bytes, etag: bytes) -> bytes:
    words = {200: b"200 OK", 304: b"304 Not Modified", 500: b"500 Internal Server Error"}[status]
    length = b"" if status == 304 else b"Content-Length: %d\r\n" % len(body)
    kind = b"" if status == 304 else b"Content-Type: application/rss+xml\r\n"
    return b"HTTP/1.1 " + words + b"\r\nServer: bench\r\n" + kind + length + etag + b"\r\n" + body


class Connection(asyncio.Protocol):
    def __init__(self, feeds: Feeds) -> None:
        self._feeds, self._head = feeds, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if not self._head.endswith(b"\r\n\r\n"):
            return
        head, self._head = self._head, b""
        answer, delay = self._feeds.answer(head.split(b" ", 2)[1].decode(), head)
        last = b"connection: close" in head.lower()
        if delay:
            asyncio.get_running_loop().call_later(delay, self._send, answer, last)
        else:
            self._send(answer, last)

    def _send(self, answer: bytes, last: bool) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)  # type: ignore[attr-defined]
            if last:
                self._transport.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("feeds", type=int)
    parser.add_argument("--bodies", type=Path)
    given = parser.parse_args()
    files = sorted(path for path in given.bodies.rglob("*") if path.is_file()) if given.bodies else []
    feeds = Feeds([path.read_bytes() for path in files if path.stat().st_size <= BODY_BYTES][: given.feeds])
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(feeds),
        "0.0.0.0",
        0,
        backlog=4096,  # every address of 127/8
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
