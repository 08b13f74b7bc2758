"""Serves the made-up world on loopback, in one lean process: what `benchmarks/throughput.py` has Slugline read.

    python benchmarks/world_site.py [--seed N]

Prints its port. Each outlet has an address of its own (127.8.N.1). Each line on standard input is a number: so many
articles are to be out by now. Pages are sent compressed by four outlets in five, as real ones are.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime

from world import OUTLETS, address, feed, gzipped, outlet, page, wire

PLAIN_EVERY = 5  # this many outlets send one another's pages uncompressed
ROBOTS = b"User-agent: *\nDisallow: /private/\n"


class World:
    """The outlets, and what is out of the wire so far."""

    def __init__(self, seed: int) -> None:
        self.houses = [outlet(number, seed) for number in range(OUTLETS)]
        self.port = 0
        self._wire = wire(seed)
        self._where: dict[str, tuple[int, int]] = {}  # by path: the outlet, and which of its pieces
        self._out = 0

    def publish(self, until: int) -> None:
        """Bring out the next articles of the wire, up to so many in all."""
        moment = datetime.now(UTC)
        for _ in range(self._out, until):
            piece = next(self._wire)
            house = self.houses[piece.outlet]
            self._where[piece.path] = (piece.outlet, len(house.pieces))
            house.pieces.append((piece, moment))
            self._out += 1

    def answer(self, head: bytes) -> bytes:
        path = head.split(b" ", 2)[1].decode()
        host = head.lower().partition(b"\r\nhost:")[2].partition(b"\r\n")[0].strip().decode()
        number = int(host.split(".")[2])
        house, base = self.houses[number], f"http://{address(number)}:{self.port}"
        if path == "/feed.xml":
            etag = b'"%d"' % len(house.pieces)
            if b"if-none-match: " + etag in head.lower():
                return response(b"304 Not Modified", b"", b"ETag: " + etag + b"\r\n")
            return response(
                b"200 OK", feed(house, base), b"Content-Type: application/rss+xml\r\nETag: " + etag + b"\r\n"
            )
        if path == "/robots.txt":
            return response(b"200 OK", ROBOTS, b"Content-Type: text/plain\r\n")
        found = self._where.get(path)
        if found is None or found[0] != number:
            return response(b"404 Not Found", b"there is no such page", b"Content-Type: text/plain\r\n")
        parts = page(house, *house.pieces[found[1]], base)
        kind = b"Content-Type: text/html; charset=utf-8\r\n"
        if number % PLAIN_EVERY == 0:
            return response(b"200 OK", b"".join(part.plain for part in parts), kind)
        return response(b"200 OK", gzipped(parts), kind + b"Content-Encoding: gzip\r\n")


def response(status: bytes, body: bytes, lines: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nServer: bench\r\nContent-Length: %d\r\n%b\r\n" % (status, len(body), lines) + body


class Connection(asyncio.Protocol):
    def __init__(self, world: World) -> None:
        self._world, self._head = world, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if not self._head.endswith(b"\r\n\r\n"):
            return
        head, self._head = self._head, b""
        self._transport.write(self._world.answer(head))
        if b"connection: close" in head.lower():
            self._transport.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=7)
    world = World(parser.parse_args().seed)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(world), "0.0.0.0", 0, backlog=4096)  # every address of 127/8
    world.port = server.sockets[0].getsockname()[1]
    print(world.port, flush=True)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():  # its end is that of whoever started this
        world.publish(int(line))


if __name__ == "__main__":
    asyncio.run(main())
