"""A machine that runs the real `slugline up`, with what can be done to it from outside."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import redis

from pipeline.errors import LedgerError
from pipeline.ledger import Ledger, articles, connect
from pipeline.settings import Settings
from tests.chaos.press import Press
from tests.e2e.running import Up, processes
from tests.servers import Postgres, Server

POLL_SECONDS = 1.0
KILLED = (
    "worker embed",
    "worker fetch",
    "backfill",
    "poller",
    "clusterer",
    "relay",
    "alerter",
    "deliverer",
    "janitor",
    "web",
)
STARTED_SECONDS = 90.0
SETTINGS = {
    "ALLOW_NETWORKS": "127.0.0.0/8",
    "HOST_SPACING_SECONDS": "0.02",
    "POLL_MIN_SECONDS": f"{POLL_SECONDS:g}",
    "POLL_MAX_SECONDS": f"{POLL_SECONDS:g}",
    "RETRY_BASE_SECONDS": "2",
    "REQUEST_SECONDS": "10",
}
ROOT = Path(__file__).parents[2]
CLOCK = Path(__file__).with_name("clock")  # on the path of its processes: it gives them a clock that can be set


class Machine:
    """`slugline up` on the feeds of a press, its ledger in SQLite or in a PostgreSQL that is at our mercy."""

    def __init__(self, folder: Path, press: Press, database: tuple[Postgres, Server] | None = None) -> None:
        self.folder, self.data = folder, folder / "data"
        self.file = self.data / "slugline.db"
        self.postgres, self.database_server = database or (None, None)
        self._press = press
        self._clock = folder / "clock"
        self._clock.write_text("0")
        (folder / "press.opml").write_text(press.opml())
        settings = Settings(data_dir=self.data, database_url=database[0].url("chaos") if database else "")
        self.ledger_url, self.valkey_url = settings.ledger_url, settings.valkey_url
        self._run: Up | None = None
        self._ledger: Ledger | None = None
        self.progress: list[tuple[float, int]] = []  # when how many articles were filed
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="progress", daemon=True)

    # ---- its life ----

    def start(self) -> None:
        """Returns when the ledger can be read."""
        env = {f"SLUGLINE_{name}": value for name, value in SETTINGS.items()}
        env |= {"SLUGLINE_LOG_LEVEL": "info"}
        if self.postgres:
            env["SLUGLINE_DATABASE_URL"] = self.ledger_url
        env |= {"SLUGLINE_TEST_CLOCK": str(self._clock), "PYTHONPATH": f"{CLOCK}{os.pathsep}{ROOT}"}
        self._run = Up(self.folder, "--feeds", "press.opml", env=env)
        if self._ledger is None:
            self._open()
            self._watcher.start()

    def _open(self) -> None:
        deadline = time.monotonic() + STARTED_SECONDS
        while True:
            try:
                if self.postgres or self.file.exists():
                    self._ledger = self._ledger or connect(self.ledger_url)
                    self.counts()
                    return
            except Exception:  # noqa: BLE001 - not made yet
                assert time.monotonic() < deadline, self.errors()[-3000:]
            assert self.run.process.poll() is None, self.errors()[-3000:]
            time.sleep(0.2)

    @property
    def run(self) -> Up:
        assert self._run is not None
        return self._run

    @property
    def ledger(self) -> Ledger:
        assert self._ledger is not None
        return self._ledger

    def errors(self) -> str:
        return self.run.errors()

    def stop(self) -> int:
        """Ask it to end, as an operator does. Returns its exit code."""
        self.run.process.send_signal(signal.SIGTERM)
        return self.run.wait(60)

    def close(self) -> None:
        self._over.set()
        if self._watcher.is_alive():
            self._watcher.join(30)
        if self._run:
            self._run.end()
        if self._ledger:
            self._ledger.close()

    # ---- what can be seen ----

    def counts(self) -> dict[str, int]:
        with self.ledger.read() as tx:
            return {str(state): count for state, count in articles.counts(tx).items()}

    def damage(self) -> str:
        """What is wrong with the file of an SQLite ledger, in SQLite's words; nothing is expected."""
        if self.postgres:
            return ""
        with contextlib.closing(sqlite3.connect(self.file, timeout=60)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
        return "" if found == ["ok"] else "; ".join(found)

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            with contextlib.suppress(LedgerError):
                counted = self.counts()
                self.progress.append((time.monotonic(), counted["filed"] + counted["duplicate"]))

    def filed(self) -> int:
        return self.progress[-1][1] if self.progress else 0

    def next_filing(self, after: float, seconds: float) -> float | None:
        """Seconds from the moment `after` until more was filed than then, if that is so within `seconds`."""
        before = max((count for when, count in self.progress if when <= after), default=0)
        while time.monotonic() < after + seconds:
            for when, count in reversed(self.progress):
                if when > after and count > before:
                    return min(when for when, count in self.progress if when > after and count > before) - after
                if when <= after:
                    break
            time.sleep(0.05)
        return None

    # ---- its processes, found by parentage ----

    def pids(self, role: str) -> list[int]:
        """Processes of a role: a child of `up` by its name, `horse` (RQ forks one for each job), `sandbox` (what the
        parsers of the fetch worker are forked from) or `parser`."""
        if role in {"horse", "sandbox", "parser"}:
            under = _children(self.pids("worker fetch"))
            horses = [pid for pid in under if _leads_a_group(pid)]
            sandboxes = [pid for pid in under if pid not in horses]
            return {"horse": horses, "sandbox": sandboxes, "parser": _children(sandboxes)}[role]
        found = self.run.children().get(role)
        return [found] if found else []

    def kill(self, role: str, seconds: float = 2.0) -> bool:
        """SIGKILL to one process of that role as soon as there is one. Returns whether there was."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for pid in self.pids(role)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    return True
            time.sleep(0.005)
        return False

    @contextlib.contextmanager
    def halted(self, role: str) -> Iterator[None]:
        pids = self.pids(role)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    # ---- what it stands on ----

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey_url, socket_timeout=5)

    @contextlib.contextmanager
    def ledger_locked(self) -> Iterator[None]:
        """Somebody else holds the write lock, or with PostgreSQL the tables of articles and events."""
        if self.postgres:
            with psycopg.connect(f"host={self.postgres.folder} user=postgres dbname=chaos") as connection:
                connection.execute("LOCK TABLE articles, events IN EXCLUSIVE MODE")
                yield
                connection.rollback()
            return
        with contextlib.closing(sqlite3.connect(self.file, timeout=60)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.rollback()

    @contextlib.contextmanager
    def ledger_full(self) -> Iterator[None]:
        """No process of the machine can make a file grow: every write to the ledger fails."""
        pids = [
            pid
            for name in (
                "worker embed",
                "worker fetch",
                "backfill",
                "poller",
                "clusterer",
                "relay",
                "alerter",
                "deliverer",
                "janitor",
                "web",
            )
            for pid in self.pids(name)
        ]
        pids += [pid for one in pids for pid, _ in processes(parent=one)]
        for pid in pids:
            _file_size(pid, 4096)
        try:
            yield
        finally:
            for pid, _ in processes():
                if _limit(pid) == 4096:
                    _file_size(pid, resource.RLIM_INFINITY)

    @contextlib.contextmanager
    def clock_at(self, offset: str) -> Iterator[None]:
        """The clock of all its processes is off by so much, such as `+900` or `-900` seconds."""
        self._clock.write_text(offset)
        try:
            yield
        finally:
            self._clock.write_text("0")


def _children(pids: list[int]) -> list[int]:
    return [pid for one in pids for pid, _ in processes(parent=one)]


def _leads_a_group(pid: int) -> bool:
    """As RQ has each work-horse do."""
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def _limit(pid: int) -> int:
    try:
        return resource.prlimit(pid, resource.RLIMIT_FSIZE)[0]
    except (ProcessLookupError, PermissionError):
        return resource.RLIM_INFINITY


def _file_size(pid: int, most: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))
