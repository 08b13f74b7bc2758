"""Starting the real `slugline up` as a person would, watching it, and seeing what it left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RUN_SECONDS = 280.0  # the demo is promised to end in under five minutes


class Up:
    """One run of `slugline up` in its own data directory and home."""

    def __init__(self, folder: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self._out = (folder / "stdout").open("ab")
        self._err = (folder / "stderr").open("ab")
        home = folder / "home"
        home.mkdir(exist_ok=True)
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SLUGLINE_")}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "workers.cli", "up", "--data-dir", str(self.data), "--port", str(self.port)),
                *arguments,
            ],
            cwd=folder,
            env=clean | {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])} | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
        )

    def children(self) -> dict[str, int]:
        """Process ids of the children by what they are."""
        names = {
            "worker fetch --backfill": "backfill",
            "valkey-server": "valkey",
            "workers.demo": "demo wire",
            **{name: name for name in ("worker embed", "worker fetch")},
            **{
                f"workers.cli {name}": name
                for name in ("poller", "clusterer", "relay", "alerter", "deliverer", "janitor", "web")
            },
        }
        found = {}
        for pid, line in processes(parent=self.process.pid):
            name = next((name for sign, name in names.items() if sign in line), None)
            if name is not None:
                found[name] = pid
        return found

    def wait(self, seconds: float = RUN_SECONDS) -> int:
        return self.process.wait(seconds)

    def errors(self) -> str:
        return (self.folder / "stderr").read_text(errors="replace")

    def summary(self) -> dict[str, Any]:
        lines = (self.folder / "stdout").read_text().strip().splitlines()
        assert lines, self.errors()[-3000:]
        found: dict[str, Any] = json.loads(lines[-1])
        return found

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._out.close()
        self._err.close()

    def left_behind(self) -> list[tuple[int, str]]:
        """Processes that still carry this run's data directory in their environment."""
        mark = f"SLUGLINE_DATA_DIR={self.data}".encode()
        return [(pid, line) for pid, line in processes() if mark in _read(f"/proc/{pid}/environ")]


@contextlib.contextmanager
def up(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> Iterator[Up]:
    """A run that is ended when the block is left, whatever happened in it."""
    folder.mkdir(exist_ok=True)
    run = Up(folder, *arguments, env=env)
    try:
        yield run
    finally:
        run.end()


def processes(parent: int | None = None) -> list[tuple[int, str]]:
    """Process ids and command lines of this machine's processes, or of one process's children."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        stat = _read(f"/proc/{entry.name}/stat").rpartition(b")")[2].split()
        if not stat or stat[0] == b"Z" or (parent is not None and int(stat[1]) != parent):
            continue
        line = _read(f"/proc/{entry.name}/cmdline").replace(b"\0", b" ").decode(errors="replace")
        found.append((int(entry.name), line))
    return found


def gone_within(run: Up, seconds: float) -> bool:
    """Whether everything of a run is gone soon."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not run.left_behind():
            return True
        time.sleep(0.1)  # asking again, with a deadline: nothing tells when a foreign process has gone
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
