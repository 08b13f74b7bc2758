"""The demo wire's process: serves the made-up world on loopback until a signal ends it."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import uvicorn

from pipeline.errors import InputError, SluglineError
from workers.demo.clock import DURATION
from workers.demo.journal import Journal
from workers.demo.site import DemoSite, utc_now
from workers.demo.world import World, feed_urls, load
from workers.process import follow_parent
from workers.seeds import seeds_dir

GRACE = 1  # second that requests under way get at the end; whoever stops the demo is waiting


class _Server(uvicorn.Server):
    """A server that says once that it listens, and whose end by a signal is a normal end (exit code 0)."""

    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(self._greeting + "\n")
        sys.stdout.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM; uvicorn itself would raise them again afterwards and end with a traceback."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(host: str, port: int) -> socket.socket:
    """Return a bound TCP socket; port 0 takes any that is free.

    Raises:
        InputError: the address cannot be bound, for instance because the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"the demo wire cannot listen on {host}:{port} ({reason}); choose another port") from error
    return bound


def serve(
    port: int,
    *,
    host: str = "127.0.0.1",
    seconds: float = DURATION,
    start: datetime | None = None,
    world: World | None = None,
    polls_within: float | None = None,
    journal: Path | None = None,
) -> None:
    """Serve the demo wire until SIGINT or SIGTERM.

    Once it listens, one line of JSON goes to standard output: `{"port": n, "feeds": [url, …], "articles": n,
    "state_url": url}`. It keeps serving after the wire has ended, so that links still open.

    Args:
        port: 0 for any free one.
        seconds: how long the part of the wire that is not out at the start takes to come out.
        start: when the wire began (aware); now when None. A process that is started again goes on with its wire.
        world: what to serve; the shipped seeds when None.
        polls_within: seconds for which the later stories wait for the first poll of every feed; None: they do not.
        journal: file that was begun for this wire; with it, alerts are received.

    Raises:
        InputError: the port cannot be bound or the seeds cannot be used.
    """
    world = world or load(seeds_dir() / "demo")
    with contextlib.closing(listen(host, port)) as bound:
        actual: int = bound.getsockname()[1]
        site = DemoSite(
            world,
            port=actual,
            start=start or utc_now(),
            duration=seconds,
            polls_within=None if polls_within is None else timedelta(seconds=polls_within),
            journal=Journal(journal) if journal else None,
        )
        config = uvicorn.Config(
            site.application(),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE,
        )
        greeting = {
            "port": actual,
            "feeds": feed_urls(world, actual),
            "articles": len(world.articles),
            "state_url": f"http://localhost:{actual}/wire/state",
        }
        _Server(config, json.dumps(greeting)).run(sockets=[bound])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers.demo", description="Serve the demo wire on loopback.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 (the default) takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=DURATION,
        help="time in which the later stories come out (default: %(default)g)",
    )
    parser.add_argument(
        "--start", type=datetime.fromisoformat, help="when the wire began, as ISO 8601 with a zone (default: now)"
    )
    parser.add_argument(
        "--polls-within",
        type=float,
        metavar="SECONDS",
        help="hold the later stories back until every feed was polled, for so long at most (default: do not)",
    )
    parser.add_argument("--journal", type=Path, help="file in which a wire that is started again goes on")
    options = parser.parse_args(arguments)
    follow_parent()
    try:
        serve(
            options.port,
            host=options.host,
            seconds=options.seconds,
            start=options.start,
            polls_within=options.polls_within,
            journal=options.journal,
        )
    except SluglineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
