"""A receiver of webhooks on loopback, and a deliverer in a process of its own (`-m tests.sinks.receiving URL`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipeline.ledger import connect
from pipeline.settings import Settings
from workers.deliverer import Deliverer
from workers.process import Stop

SETTINGS = Settings(allow_networks=["127.0.0.0/8"], leader_seconds=1.1)


@dataclass
class Receiver:
    """Takes POSTs; `answer` is called with the handler for each and sends what it likes. `got` has those it took."""

    url: str = ""
    answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: reply(handler, 204)
    asked: int = 0
    got: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers and bodies of all requests, taken or not, in the order in which they came."""
    most: int = 0
    """Requests that were under way at once, at most."""

    @property
    def ids(self) -> list[str]:
        return [one["id"] for one in self.got]


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **lines: str) -> None:
    handler.send_response(status)
    for name, value in lines.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextlib.contextmanager
def receiver(answer: Callable[[BaseHTTPRequestHandler], None] | None = None) -> Iterator[Receiver]:
    """A receiver at work while the block runs."""
    made = Receiver() if answer is None else Receiver(answer=answer)
    lock, under_way = threading.Lock(), 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        status = 0
        body = b""

        def send_response(self, code: int, message: str | None = None) -> None:
            self.status = code
            super().send_response(code, message)

        def do_POST(self) -> None:
            nonlocal under_way
            self.body = body = self.rfile.read(int(self.headers["Content-Length"]))
            lines = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                made.heard.append((lines, body))
                under_way += 1
                made.asked += 1
                made.most = max(made.most, under_way)
            try:
                with contextlib.suppress(OSError):
                    made.answer(self)
            finally:
                with lock:
                    under_way -= 1
                    if 200 <= self.status < 300:
                        made.got.append(json.loads(body))
                        made.lines.append(lines)
                        made.bodies.append(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join(30)


@contextlib.contextmanager
def running(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A deliverer at work on the ledger at `url` while the block runs; killed in the end, whatever it was told."""
    command = [sys.executable, "-m", "tests.sinks.receiving", url]
    made = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL)
    try:
        yield made
    finally:
        made.kill()
        made.wait(30)


if __name__ == "__main__":
    opened = connect(sys.argv[1])
    asyncio.run(Deliverer(SETTINGS, opened).run(Stop.on_signals()))
    opened.close()
