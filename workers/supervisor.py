"""`slugline up`: everything on this machine, in one command: started in order, kept running, ended cleanly."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import redis

from pipeline import queues
from pipeline.errors import LedgerError, ModelError, RedisError
from pipeline.feeds import opml
from pipeline.ledger import Ledger, feed_list, feeds, open_ledger
from pipeline.ledger.feed_list import NewFeed
from pipeline.settings import PREFIX, Settings, load
from workers import idle, logs, process, ruleview, valkey
from workers.children import PYTHON, Child, Children
from workers.cli.feedlists import read_opml
from workers.declare import declare_seeds
from workers.demo import wire
from workers.keeping import held
from workers.live import View
from workers.seeds import seeds_dir
from workers.web.app import bind

log = logs.get("supervisor")
LOOK_SECONDS = 0.5
KILLED = (-signal.SIGKILL, -signal.SIGTERM)  # how a child ends that others ended
LOG_BYTES = 20_000_000  # a log file larger than this is set aside at the next start
DEMO = {
    "POLL_MIN_SECONDS": "2",
    "POLL_MAX_SECONDS": "6",
    "HOST_SPACING_SECONDS": "0.1",
}
"""The demo's wire plays three days in a minute, so its feeds are polled in seconds."""
UNTIL_IDLE = {"RETRY_BASE_SECONDS": "2"}
"""A run that is to end gives a page that fails all its attempts within a minute; `dead retry` tries again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line, beside the settings."""

    host: str = "127.0.0.1"
    port: int = 8400
    feeds: Path | None = None
    demo: bool = False
    demo_seconds: float = 60.0
    until_idle: bool = False
    json: bool = False


def up(options: Options, overrides: dict[str, str]) -> int:
    """Run until asked to stop (or until idle). `overrides` are settings by their environment names, without prefix.

    Raises SluglineError, before anything is started, when something is wrong that no restart would mend.
    """
    settings, environment = _environment(options, overrides)
    logs.configure(settings, "supervisor")
    with held(settings.data_dir):
        bind(settings, options.host, options.port).close()
        outlines = _read_opml(options.feeds)
        if options.demo and "DATA_DIR" not in overrides:
            _empty(settings.data_dir)
        run = _Run(options, settings, environment, View(options.json))
        try:
            return run.go(outlines)
        finally:
            run.end()


def _environment(options: Options, overrides: dict[str, str]) -> tuple[Settings, dict[str, str]]:
    """The settings of this run, and the environment that gives its children the same ones."""
    hurry = (DEMO if options.demo else {}) | (UNTIL_IDLE if options.until_idle or options.demo else {})
    given = {name: value for name, value in hurry.items() if PREFIX + name not in os.environ} | overrides
    if options.demo:
        base = load()
        given.setdefault("DATA_DIR", str(base.data_dir / "demo"))
        given["ALLOW_NETWORKS"] = ",".join((*base.allow_networks, "127.0.0.0/8"))
    for name, value in given.items():
        os.environ[PREFIX + name] = value
    settings = load()
    os.environ[PREFIX + "DATA_DIR"] = str(settings.data_dir)
    return settings, dict(os.environ)


def _read_opml(path: Path | None) -> list[opml.Outline]:
    if path is None:
        return []
    outlines, problems = read_opml(path)
    for problem in problems:
        log.warning("left out", problem=problem)
    return outlines


def _empty(folder: Path) -> None:
    """Begin afresh in the demo's own data directory."""
    for entry in folder.iterdir():
        if entry.name != "lock":
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


class _Run:
    """One run of `up`: its children, its ledger and Redis, and the loop that watches them."""

    def __init__(self, options: Options, settings: Settings, environment: dict[str, str], view: View) -> None:
        self._options, self._settings, self._view = options, settings, view
        self._log_file = _log_file(settings) if view.live else None
        if self._log_file is not None:  # a line between would tear the live view
            logs.configure(settings, "supervisor", io.TextIOWrapper(self._log_file, line_buffering=True))
        logs.begin(settings)
        self._children = Children(environment, self._log_file)
        self._stop = process.Stop.on_signals()
        self._began = time.monotonic()
        self._since = datetime.now(UTC)
        self._ledger: Ledger | None = None
        self._wire: wire.Wire | None = None

    def go(self, outlines: list[opml.Outline]) -> int:
        settings = self._settings
        with self._view:
            self._start_valkey()
            client = self._connect()
            self._ledger = ledger = open_ledger(settings.ledger_url, upgrade=True)
            self._check_model()
            declare_seeds(ledger)
            others = wire.forget(ledger)
            if self._options.demo:
                outlines = [*outlines, *self._start_wire(ledger, others)]
            _add_feeds(ledger, outlines, asked=self._options.until_idle)
            self._start_services()
            self._view.say(f"http://{self._options.host}:{self._options.port}/ shows the storylines")
            return self._watch(ledger, client)

    def end(self) -> None:
        self._children.end()
        if self._ledger is not None:
            self._ledger.close()
        if self._log_file is not None:
            logs.configure(self._settings, "supervisor")
            self._log_file.close()

    def _start_valkey(self) -> None:
        if self._settings.redis_url:
            return
        command = [*PYTHON, "workers.valkey", *valkey.command(self._settings)]
        server = self._children.start(Child("valkey", command, rank=0))
        while not self._stop.is_set():
            self._children.tend()
            if server.process is None:
                self._stop.wait(LOOK_SECONDS)
                continue
            try:
                valkey.wait_ready(self._settings, server.process)
                return
            except RedisError:
                if server.process.returncode not in KILLED:
                    raise  # it has a reason of its own, which another start would not mend
                # Killed from outside: it is started again, now as at any later time.

    def _connect(self) -> redis.Redis:
        """A client that has been answered. The bundled server may just have been killed; then it comes back."""
        deadline = time.monotonic() + valkey.START_SECONDS
        while True:
            try:
                return queues.connect(self._settings.valkey_url)
            except RedisError:
                if self._settings.redis_url or self._stop.is_set() or time.monotonic() > deadline:
                    raise
                self._children.tend()
                self._stop.wait(LOOK_SECONDS)

    def _check_model(self) -> None:
        """A model that cannot be loaded would only be seen as an embed worker that dies again and again."""
        if not self._settings.model:
            return
        self._view.say(f"looking at the model {self._settings.model}")
        command = [*PYTHON, "workers.cli", "worker", "embed", "--check"]
        environment = os.environ | {process.PARENT: str(os.getpid())}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as check:
            while check.poll() is None and not self._stop.wait(LOOK_SECONDS / 2):
                pass
            check.kill()
            said = check.stderr.read() if check.stderr else ""
        if check.returncode and not self._stop.is_set():
            lines = said.strip().splitlines() or ["it could not be loaded"]
            raise ModelError(lines[-1].removeprefix("slugline: "))

    def _start_services(self) -> None:
        settings, options = self._settings, self._options
        command = [*PYTHON, "workers.cli"]
        web = [*command, "web", "--host", options.host, "--port", str(options.port)]
        services: list[tuple[str, list[str]]] = [
            *((f"embed {n}", [*command, "worker", "embed"]) for n in range(1, settings.embed_workers + 1)),
            *((f"fetch {n}", [*command, "worker", "fetch"]) for n in range(1, settings.workers + 1)),
            ("backfill", [*command, "worker", "fetch", "--backfill"]),
            *((name, [*command, name]) for name in ("clusterer", "relay", "alerter", "deliverer", "janitor")),
            *((f"poller {n}" if n > 1 else "poller", [*command, "poller"]) for n in range(1, settings.pollers + 1)),
            ("web", web),
        ]
        for name, line in services:
            self._children.start(Child(name, line, rank=2))

    def _start_wire(self, ledger: Ledger, others: int) -> list[opml.Outline]:
        """Have the demo's outlets served, and their feeds; the shipped rules ring at its receiver."""
        if others:
            log.warning("the demo's articles go into a ledger that has other feeds", feeds=others)
        ruleview.load(ledger, seeds_dir() / "rules.toml", datetime.now(UTC))
        self._wire = wire.Wire(self._children, self._options.demo_seconds, self._settings.data_dir)
        self._wire.subscribe(ledger)
        return self._wire.outlines()

    def _watch(self, ledger: Ledger, client: redis.Redis) -> int:
        quiet = 0
        while not self._stop.wait(LOOK_SECONDS):
            self._children.tend()
            self._tell_alerts()
            try:
                self._view.update(ledger, self._children.members)
                quiet = quiet + 1 if self._options.until_idle and self._is_idle(ledger, client) else 0
                if quiet >= 2:  # seen twice: what moved between two counts would have been missed by one
                    self._report(ledger)
                    return 0
            except LedgerError as error:  # the services wait it out, and so does this
                log.warning("waiting for the ledger", error=str(error))
                quiet = 0
        self._view.say("stopping")
        return 1 if self._options.until_idle else 0  # it was to run until idle and did not

    def _is_idle(self, ledger: Ledger, client: redis.Redis) -> bool:
        if self._wire is not None:
            if not self._wire.ended():
                return False
            if self._wire.announce():  # its last articles are out: every feed is to be looked at once more
                self._since = datetime.now(UTC)
                with ledger.write() as tx:
                    feeds.make_due(tx, self._since)
        try:
            return idle.standing(ledger, client, self._since).idle
        except (RedisError, redis.RedisError):
            return False

    def _tell_alerts(self) -> None:
        for line in self._wire.news() if self._wire else ():
            self._view.ring(line)

    def _report(self, ledger: Ledger) -> None:
        found: dict[str, Any] = idle.summary(ledger, time.monotonic() - self._began)
        if self._wire is not None:
            self._tell_alerts()
            found["alerts"] = self._wire.alerts()
        if self._options.json:
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
        else:
            self._view.summary(found)


def _add_feeds(ledger: Ledger, outlines: list[opml.Outline], *, asked: bool) -> None:
    """Record the feeds; with `asked` all feeds are polled now, whatever their schedule says."""
    moment = datetime.now(UTC)
    with ledger.write() as tx:
        feed_list.add_many(tx, [NewFeed(one.url, one.title, one.tags) for one in outlines], moment)
        if asked:
            feeds.make_due(tx, moment)


def _log_file(settings: Settings) -> IO[bytes]:
    folder = settings.data_dir / "logs"
    folder.mkdir(exist_ok=True)
    path = folder / "slugline.log"
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")
