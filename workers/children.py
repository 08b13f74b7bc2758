"""Child processes of `slugline up`: started in order, restarted with backoff, ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pipeline.errors import SluglineError
from workers import logs
from workers.process import PARENT

log = logs.get("supervisor")
BACKOFF_FIRST, BACKOFF_MOST = 0.5, 30.0  # seconds before a restart; doubled each time
STABLE_SECONDS = 60.0  # a child that ran for so long starts afresh with the first backoff
GRACE_SECONDS = 10.0  # between SIGTERM and SIGKILL; RQ workers finish their batch in it, systemd and people wait 15
LAST_GRACE_SECONDS = 1.0  # for those whose turn comes when the grace is spent
PYTHON = (sys.executable, "-m")


@dataclass
class Child:
    """One process and how it is doing. `rank` orders the end: the highest is ended first."""

    name: str
    command: Sequence[str]
    rank: int = 0
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    backoff: float = BACKOFF_FIRST
    due: float = 0.0

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Children:
    """The children and their environment. `output` is where their log lines go; None: to this process's."""

    environment: dict[str, str]
    output: IO[bytes] | None = None
    members: list[Child] = field(default_factory=list)

    def start(self, child: Child) -> Child:
        """Start a child and keep it running from now on."""
        self.members.append(child)
        self._spawn(child)
        return child

    def _spawn(self, child: Child) -> None:
        environment = self.environment | {PARENT: str(os.getpid())}
        try:
            child.process = subprocess.Popen(
                child.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self.output or sys.stderr.fileno(),
                stderr=self.output,
                start_new_session=True,  # Ctrl-C in the terminal reaches this process only, which ends them in order
            )
        except OSError as error:
            raise SluglineError(f"{child.name} cannot be started: {error}") from error
        child.started = time.monotonic()

    def tend(self) -> None:
        """Restart what died, each after its own backoff. Never waits."""
        for child in self.members:
            if child.running or child.process is None:
                self._revive(child)
                continue
            code = child.process.returncode
            if time.monotonic() - child.started > STABLE_SECONDS:
                child.backoff = BACKOFF_FIRST
            child.due = time.monotonic() + child.backoff
            log.warning("child ended", child=child.name, code=code, restart_in=child.backoff)
            child.backoff = min(child.backoff * 2, BACKOFF_MOST)
            child.process = None

    def _revive(self, child: Child) -> None:
        if child.process is not None or time.monotonic() < child.due:
            return
        try:
            self._spawn(child)
        except SluglineError as error:  # no memory, no process slot: this passes
            child.due = time.monotonic() + BACKOFF_MOST
            log.error("not restarted yet", child=child.name, error=str(error))

    def end(self) -> None:
        """End all children, the last rank first; what does not end in its grace is killed, its group with it."""
        deadline = time.monotonic() + GRACE_SECONDS
        for rank in sorted({child.rank for child in self.members}, reverse=True):
            batch = [child for child in self.members if child.rank == rank and child.process is not None]
            for child in batch:
                _signal(child, signal.SIGTERM)
            until = max(deadline, time.monotonic() + LAST_GRACE_SECONDS)
            for child in batch:
                _wait(child, max(0.0, until - time.monotonic()))
            for child in batch:
                _kill_group(child)
        if self.members:
            _kill_strays()
        self.members.clear()


def _signal(child: Child, number: signal.Signals) -> None:
    if child.running and child.process is not None:
        child.process.send_signal(number)


def _wait(child: Child, seconds: float) -> None:
    if child.process is None:
        return
    try:
        child.process.wait(seconds)
    except subprocess.TimeoutExpired:
        log.warning("child did not end in time", child=child.name)
        child.process.kill()
        child.process.wait()


def _kill_group(child: Child) -> None:
    """Whatever is left in the child's process group, a parser perhaps."""
    if child.process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)


def _kill_strays() -> None:
    """Descendants that outlived the child they belonged to: RQ puts each work-horse into a group of its own, and one
    whose worker was killed works on alone. They are known by the environment that they inherited (Linux)."""
    mark = f"{PARENT}={os.getpid()}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            stray = mark in entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if stray:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(entry.parent.name), signal.SIGKILL)
