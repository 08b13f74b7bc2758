"""The demo wire as the supervisor sees it: a child process that serves it, its feeds, and whether it has ended."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.request
from datetime import UTC, datetime
from typing import Any

from pipeline.feeds.opml import Outline
from workers.children import PYTHON, Child, Children
from workers.demo.world import feed_urls, load
from workers.seeds import seeds_dir

ANSWER_SECONDS = 5.0
DEMO_TAG = "demo"  # marks the feeds of the made-up outlets


class Wire:
    """Runs the site on a port of its own. The time of its beginning is given to it, so that a restart goes on."""

    def __init__(self, children: Children, seconds: float) -> None:
        """Start the site; the stories that are not out yet come out within `seconds`."""
        self._port = _free_port()
        self._announced = False
        command = [*PYTHON, "workers.demo", "--port", str(self._port), "--seconds", str(seconds)]
        command += ["--start", datetime.now(UTC).isoformat()]
        children.start(Child("demo wire", command, rank=1))

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

    def announce(self) -> bool:
        """True the first time it is asked."""
        first, self._announced = not self._announced, True
        return first


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
