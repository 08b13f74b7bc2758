"""A receiver of Slugline's webhooks, to start from: `SECRET=whsec_… python receiver.py 9000 mine.db`.

It needs the package `standardwebhooks` and nothing of Slugline. What it shows:

- **Nobody else is believed.** The signature covers the id, the time and the body; what is forged or older than five
  minutes is refused (400). While a secret is exchanged both of them are valid, so give it both, with a blank between.
- **Nothing is done twice.** An event may come again, under the same id: after an answer that got lost, or by hand. The
  id is kept in the transaction that does what the event asks for.
- **Answer soon.** Slugline waits 15 seconds. What takes longer is noted here and done afterwards.

Events of one storyline come in the order of `sequence`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

MOST_BYTES = 1_000_000  # of a body; events are a few kilobytes

SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS storylines (subject TEXT PRIMARY KEY, headline TEXT, sequence INTEGER);
"""


def act(db: sqlite3.Connection, event: dict[str, Any]) -> None:
    """What is made of an event; here the headline of each storyline. Put your own in its place."""
    headline = event["data"].get("storyline", {}).get("headline")
    if headline:
        db.execute(
            "INSERT INTO storylines VALUES (?, ?, ?) ON CONFLICT (subject) DO UPDATE SET headline = excluded.headline,"
            " sequence = excluded.sequence WHERE excluded.sequence > sequence",
            (event["subject"], headline, event["sequence"]),
        )
    print(event["type"], event["subject"], headline or "", flush=True)


class Inbox:
    """Takes what is genuine, once."""

    def __init__(self, secrets: list[str], path: str) -> None:
        self._verifiers = [Webhook(secret) for secret in secrets]
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.executescript(SCHEMA)
        self._lock = threading.Lock()

    def genuine(self, body: bytes, headers: dict[str, str]) -> bool:
        for one in self._verifiers:
            try:
                one.verify(body, headers)
            except WebhookVerificationError:
                continue
            return True
        return False

    def take(self, event: dict[str, Any]) -> None:
        with self._lock, self._db:
            fresh = self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (event["id"],)).rowcount
            if fresh:
                act(self._db, event)


def serve(port: int, inbox: Inbox) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            if size > MOST_BYTES:
                self.close_connection = True
                self.answer(413)
                return
            body = self.rfile.read(size)
            headers = {name.lower(): value for name, value in self.headers.items()}
            if not inbox.genuine(body, headers):
                self.answer(400)
                return
            inbox.take(json.loads(body))
            self.answer(204)

        def answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        print(f"listening on port {server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Inbox(os.environ["SECRET"].split(), sys.argv[2]))
