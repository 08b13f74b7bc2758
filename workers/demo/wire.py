"""The demo wire as the supervisor sees it: a child process that serves it, its feeds, whether it has ended, and what
its receiver was told."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.alerts import signing
from pipeline.feeds.opml import Outline
from pipeline.ledger import Ledger, feeds, sinks
from workers.children import PYTHON, Child, Children
from workers.demo import journal, receiver
from workers.demo.world import feed_urls, load
from workers.seeds import seeds_dir

ANSWER_SECONDS = 5.0
DEMO_TAG = "demo"  # marks the feeds of the made-up outlets
POLLS_WITHIN = 60.0  # seconds that the later stories wait for every feed's first poll; it takes some five
SINK = "demo"


class Wire:
    """Runs the site on a port of its own. The time of its beginning is given to it, so that a restart goes on."""

    def __init__(self, children: Children, seconds: float, folder: Path) -> None:
        """Start the site, with its journal in `folder`. When every feed was polled, the stories that are not out yet
        come out within `seconds`."""
        self._port = _free_port()
        self._announced = False
        self._journal, self._secret, self._told = folder / "demo-wire.jsonl", signing.new_secret(), 0
        journal.begin(self._journal, self._secret)
        command = [*PYTHON, "workers.demo", "--port", str(self._port), "--seconds", str(seconds)]
        command += ["--start", datetime.now(UTC).isoformat(), "--polls-within", str(POLLS_WITHIN)]
        command += ["--journal", str(self._journal)]
        children.start(Child("demo wire", command, rank=1))

    def subscribe(self, ledger: Ledger) -> None:
        """Have the wire's receiver told of alerts."""
        url = f"http://127.0.0.1:{self._port}{receiver.PATH}"
        with ledger.write() as tx:
            secrets = [(self._secret, None)]
            sinks.add(tx, SINK, "webhook", url, datetime.now(UTC), secrets=secrets, types=(receiver.MATCHED,))

    def outlines(self) -> list[Outline]:
        """The feeds of the made-up outlets."""
        world = load(seeds_dir() / "demo")
        return [Outline(url=url, title="", tags=(DEMO_TAG,)) for url in feed_urls(world, self._port)]

    def ended(self) -> bool:
        """Whether everything is out. An answer that fails means no: the site may be starting again."""
        if self._announced:
            return True
        url = f"http://127.0.0.1:{self._port}/wire/state"
        request = urllib.request.Request(url, headers={"host": f"localhost:{self._port}"})
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - a fixed http URL
                state: dict[str, Any] = json.load(answer)
        except (http.client.HTTPException, OSError, ValueError):
            return False
        return bool(state.get("ended"))

    def alerts(self) -> list[dict[str, str]]:
        """What the receiver was told so far, as scripts want it."""
        return [receiver.summary(event) for event in self._received()]

    def news(self) -> list[str]:
        """A line for each alert that the receiver was told since this was asked last."""
        new = self._received()[self._told :]
        self._told += len(new)
        return [receiver.line(event) for event in new]

    def _received(self) -> list[dict[str, Any]]:
        return [entry["alert"] for entry in journal.read(self._journal) if "alert" in entry]

    def announce(self) -> bool:
        """True the first time it is asked."""
        first, self._announced = not self._announced, True
        return first


def forget(ledger: Ledger) -> int:
    """Remove feeds and sink of an earlier demo, whose site is gone, from a ledger that outlived it. Returns how many
    feeds of others are left."""
    with ledger.write() as tx:
        there = feeds.every(tx)
        gone = [feed.id for feed in there if DEMO_TAG in feed.tags and ".localhost:" in feed.url]
        for feed_id in gone:
            feeds.remove(tx, feed_id, datetime.now(UTC))
        sink = sinks.by_name(tx, SINK)
        if sink is not None and sink.url.startswith("http://127.0.0.1:") and sink.url.endswith(receiver.PATH):
            sinks.remove(tx, sink.id)
    return len(there) - len(gone)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
