"""The sandbox as its users see it: `Sandbox` in the process that starts it, `Parser` wherever pages are parsed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import select
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.errors import SandboxError, SluglineError
from pipeline.sandbox.frames import MAX_FRAME_BYTES, receive, send
from pipeline.sandbox.zygote import Handler, Limits, Zygote

START_SECONDS = 60.0
"""The zygote answers in milliseconds, or as soon as `warm` has run."""
_ACCEPT_BACKLOG = 64


class Sandbox:
    """The zygote, seen from the process that started it.

    `handlers` are the functions that may be called, by name. `seconds` is the wall time of one call; `memory_bytes`
    the address space that a child may take beyond what it was born with; a child is replaced after `recycle` calls or
    once its resident memory has grown by `recycle_bytes`. `warm` runs once in the zygote, so that children are born
    with what it loads.

    Start it before any event loop, thread, engine or connection exists. Raises SandboxError (`misuse` inside a running
    event loop, `gone` when the zygote does not come up).
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        seconds: float = 5.0,
        memory_bytes: int = 1_500_000_000,
        recycle: int = 500,
        recycle_bytes: int = 500_000_000,
        warm: Callable[[], object] | None = None,
    ) -> None:
        if asyncio._get_running_loop() is not None:
            raise SandboxError("the sandbox must be started before the event loop runs", reason="misuse")
        self.seconds = seconds
        self._directory = _private_directory()
        self._path = str(self._directory / "s")
        self._owner = os.getpid()
        zygote = Zygote(dict(handlers), Limits(seconds, memory_bytes, recycle, recycle_bytes), warm, self._directory)
        self._life, theirs = socket.socketpair()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, theirs:
                listener.bind(self._path)
                listener.listen(_ACCEPT_BACKLOG)
                self.pid = os.fork()
                if self.pid == 0:
                    zygote.run(listener, theirs, self._owner)
        except OSError as error:
            self._life.close()
            theirs.close()
            shutil.rmtree(self._directory, ignore_errors=True)
            raise SandboxError(f"the parser's sandbox cannot be started: {error}", reason="gone") from error
        self._await_ready()

    def _await_ready(self) -> None:
        self._life.settimeout(START_SECONDS)
        try:
            said = self._life.recv(4096)
        except OSError as error:
            said = str(error).encode()
        if said != b"ready":
            self.close()
            detail = said.decode("utf-8", "replace") or "it ended at once"
            raise SandboxError(f"the parser's sandbox did not come up: {detail}", reason="gone")

    @property
    def path(self) -> str:
        """Where it is asked for children."""
        return self._path

    def connect(self) -> Parser:
        """A client of this sandbox; it may be used in a process forked later, and pickled."""
        return Parser(self._path, self.seconds)

    def alive(self) -> bool:
        """Whether the zygote still runs (it answers nothing by this: a look at its life line only)."""
        if self._life.fileno() < 0:
            return False
        readable, _, _ = select.select([self._life], [], [], 0)
        return not readable

    def close(self) -> None:
        """End the zygote and its children. In a process forked from the creator this only lets go of it."""
        self._life.close()
        if os.getpid() != self._owner or not self.pid:
            return
        if not _wait_for(self.pid, seconds=5.0):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            _wait_for(self.pid, seconds=5.0)
        self.pid = 0
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class Parser:
    """One connection to the sandbox, with one parser child behind it; opened at the first call.

    Calls are made one at a time: threads that want to parse at once each need a Parser of their own.
    """

    def __init__(self, path: str, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Parser], tuple[str, float]]:
        return Parser, (self._path, self._seconds)

    def call(self, name: str, *args: Any) -> Any:
        """Run handler `name` in the child and return what it returns.

        A SluglineError raised there is raised here, with its fields. Otherwise SandboxError, whose `reason` is
        `timeout`, `memory`, `crashed`, `error` (any other exception), `too-large` or `gone` (no zygote answers).
        After each of these the next call finds a new child.
        """
        if os.getpid() != self._pid:  # forked: the socket is the parent's, two readers would mix up its frames
            self.close()
            self._pid, self._lock = os.getpid(), threading.Lock()
        request = pickle.dumps((name, args), protocol=5)
        if len(request) > MAX_FRAME_BYTES:
            raise SandboxError(f"{name}: {len(request):,} bytes are too many for the parser", reason="too-large")
        with self._lock:
            kind, payload, last = self._exchange(name, request)
            if last:
                self.close()
        if kind == "result":
            return payload
        if kind == "slugline":
            raise rebuilt(payload)
        raise SandboxError(f"{name}: {payload}", reason=kind)

    def _exchange(self, name: str, request: bytes) -> tuple[str, Any, bool]:
        connection = self._connection()
        started = time.monotonic()
        try:
            send(connection, request)
            reply = receive(connection)
        except OSError:  # TimeoutError among them
            reply = None
        except BaseException:
            self.close()  # a reply may still come: this connection must not be used again
            raise
        if reply is not None:
            kind, payload, last = pickle.loads(reply)  # noqa: S301  # from our own child over a private socket
            return str(kind), payload, bool(last)
        self.close()
        elapsed = time.monotonic() - started
        if elapsed >= self._seconds * 0.98:  # timers of two processes differ by less than that
            raise SandboxError(f"{name}: the parser hung and was killed after {self._seconds:g} s", reason="timeout")
        raise SandboxError(f"{name}: the parser crashed after {elapsed:.1f} s", reason="crashed")

    def _connection(self) -> socket.socket:
        if self._socket is not None:
            readable, _, _ = select.select([self._socket], [], [], 0)
            if not readable:
                return self._socket
            self.close()  # nothing was asked, so this is the end of a child that died while idle
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The kernel ends the child in time; this is for a zygote that is stopped or a machine that swaps.
        connection.settimeout(self._seconds * 2 + 10)
        try:
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            raise SandboxError(f"no parser answers at {self._path}: {error}", reason="gone") from error
        self._socket = connection
        return connection

    def close(self) -> None:
        """Hang up; the child behind the connection ends. The next call opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _private_directory() -> Path:
    """A new directory that only this user can enter; a socket's path may not pass about 100 bytes."""
    directory = tempfile.mkdtemp(prefix="slug-")
    if len(directory) > 90:
        Path(directory).rmdir()
        directory = tempfile.mkdtemp(prefix="slug-", dir="/tmp")  # mkdtemp makes it private
    return Path(directory)


def rebuilt(payload: tuple[type[SluglineError], tuple[Any, ...], dict[str, Any]]) -> SluglineError:
    """The error as it was raised: its class may ask for keywords, so it is not called again."""
    kind, args, fields = payload
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(fields)
    return error


def _wait_for(pid: int, *, seconds: float) -> bool:
    """Reap the child `pid`; False when it has not ended within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return True
        except ChildProcessError:  # someone else reaped it
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)
