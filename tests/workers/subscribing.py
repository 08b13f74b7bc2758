"""A newsroom that hubs can reach: a ledger, the web service over it, a subscriber, and time that a test moves."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from sqlalchemy import select, update

from pipeline.feeds import websub
from pipeline.ledger import Ledger, feeds, subscriptions
from pipeline.ledger.schema import articles as article_table
from pipeline.ledger.schema import feeds as feed_table
from pipeline.ledger.schema import pushes as push_table
from pipeline.records import Feed, Subscription
from pipeline.settings import Settings
from tests.workers.hub import Running
from workers.process import now
from workers.subscriber import Subscriber
from workers.web.app import bind, create_app, server


@dataclass
class Newsroom:
    """A ledger with a web service over it, whose time is `at`, and a subscriber."""

    ledger: Ledger
    settings: Settings
    at: datetime = field(default_factory=now)

    def feed(self, url: str, hub_url: str) -> int:
        """A feed as the poller leaves it when it names a hub."""
        with self.ledger.write() as tx:
            made = feeds.add(tx, url, self.at)
            assert made is not None
            values = {"hub_url": hub_url, "topic_url": url, "first_polled": self.at, "last_polled": self.at}
            tx.execute(update(feed_table).where(feed_table.c.id == made).values(**values))
        return made

    def step(self, **ahead: float) -> int:
        """One round of a fresh subscriber, that much later."""
        self.at += timedelta(**ahead)
        subscriber = Subscriber(self.settings, self.ledger)

        async def go() -> int:
            async with subscriber.client() as client:
                return await subscriber.step(client, self.at)

        return asyncio.run(go())

    def held(self, feed_id: int = 1) -> Subscription | None:
        with self.ledger.read() as tx:
            return subscriptions.of_feed(tx, feed_id)

    def one(self, feed_id: int = 1) -> Subscription:
        found = self.held(feed_id)
        assert found is not None
        return found

    def active(self, feed_id: int = 1) -> bool:
        found = self.held(feed_id)
        return found is not None and websub.is_active(found, self.at)

    def rows(self) -> list[Subscription]:
        """All subscriptions, those that are to be ended too."""
        with self.ledger.read() as tx:
            return subscriptions.due(tx, self.at + timedelta(days=900), 100)

    def waiting(self) -> list[bytes]:
        with self.ledger.read() as tx:
            return list(tx.execute(select(push_table.c.body)).scalars())

    def urls(self) -> set[str]:
        with self.ledger.read() as tx:
            return set(tx.execute(select(article_table.c.url)).scalars())

    def one_feed(self, feed_id: int = 1) -> Feed:
        with self.ledger.read() as tx:
            found = feeds.find(tx, str(feed_id))
        assert found is not None
        return found


@contextmanager
def reachable(ledger: Ledger) -> Iterator[Newsroom]:
    """The newsroom and its web service while the block runs."""
    settings = Settings(allow_networks=("127.0.0.0/8",), request_seconds=10)
    taken = bind(settings, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    made = Newsroom(ledger, settings.model_copy(update={"public_url": address, "feed_max_bytes": 100_000}))
    running = server(create_app(made.settings, ledger, None, clock=lambda: made.at))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [taken]})
    thread.start()
    try:
        yield made
    finally:
        running.should_exit = True
        thread.join(20)
        taken.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for another process; fails after about a minute."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it did not come to that")


def subscribe(newsroom: Newsroom, running: Running, url: str) -> int:
    """A feed whose hub has agreed to push it."""
    made = newsroom.feed(url, running.url)
    assert newsroom.step() == 1
    until(lambda: newsroom.active(made) and running.subscribers(url))
    return made


def pushed(newsroom: Newsroom, body: bytes, *, rightly: bool = True) -> int:
    """Push as the hub would, with its secret or a wrong one."""
    held = newsroom.one()
    secret = held.secret if rightly else "guessed"
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    url = websub.callback(held)
    headers = {"X-Hub-Signature": signature, "Content-Type": "application/rss+xml"}
    return httpx.post(url, content=body, headers=headers, trust_env=False, verify=False).status_code


@contextmanager
def odd_hub(answer: Callable[[str], tuple[int, dict[str, str]]]) -> Iterator[tuple[str, list[str]]]:
    """A server whose answers to POST a test chooses; the forms that came are kept."""
    forms: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            forms.append(self.rfile.read(int(self.headers["content-length"])).decode())
            status, headers = answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_address[1]}/hub", forms
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
