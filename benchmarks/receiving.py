"""A receiver of webhooks for `benchmarks/delivery.py`, in a process of its own: `python benchmarks/receiving.py FILE`.

It answers 204 at once. Its port is the first line of standard output; when standard input ends it writes, for each
event that it took, id, type, the number of the article that it is about (0: none) and the time of arrival to FILE.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Receiver(asyncio.Protocol):
    """One connection, kept open as long as the other side likes."""

    taken: list[tuple[bytes, float]] = []  # noqa: RUF012 - of all connections together

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            lines = self._buffer[:end].lower().split(b"\r\n")
            length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
            if len(self._buffer) < end + 4 + length:
                return
            Receiver.taken.append((self._buffer[end + 4 : end + 4 + length], time.time()))
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(ANSWER)


def line(body: bytes, arrived: float) -> str:
    event = json.loads(body)
    article = (event["data"].get("article") or {}).get("id", 0)
    return f"{event['id']}\t{event['type']}\t{article}\t{arrived:.6f}\n"


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
    Path(sys.argv[1]).write_text("".join(line(*one) for one in Receiver.taken), encoding="utf-8")
