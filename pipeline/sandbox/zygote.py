"""The zygote: a small server that forks one parser child for each connection, and the child's own loop."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import pickle
import resource
import select
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pipeline.errors import SluglineError
from pipeline.sandbox.frames import MAX_FRAME_BYTES, receive, send

Handler = Callable[..., Any]

ORPHAN_CHECK_MS = 1000
"""How often the zygote looks whether its creator is still its parent."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one call: wall time in seconds, address space in bytes beyond what the child was born with. Of one child:
    calls, and resident bytes that it may have gained after a call."""

    seconds: float
    memory_bytes: int
    calls: int
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class _Wires:
    """What the zygote holds open: where clients connect, the line to its creator, a pipe that wakes it when a child
    ends, and a pipe whose writing end only it has, so that its children see it go."""

    listener: socket.socket
    life: socket.socket
    wake_read: int
    wake_write: int
    child_life: int
    own_life: int

    def descriptors(self) -> set[int]:
        numbers = {self.wake_read, self.wake_write, self.child_life, self.own_life}
        return numbers | {self.listener.fileno(), self.life.fileno()}


class Zygote:
    """The forking server; `run` is entered in the forked process and never returns."""

    def __init__(
        self, handlers: Mapping[str, Handler], limits: Limits, warm: Callable[[], object] | None, directory: Path
    ) -> None:
        self._handlers = handlers
        self._limits = limits
        self._warm = warm
        self._directory = directory
        self._children: set[int] = set()

    def run(self, listener: socket.socket, life: socket.socket, creator: int) -> NoReturn:
        own_pid, status = os.getpid(), 1
        try:
            wires = _Wires(listener, life, *os.pipe(), *os.pipe())
            _become_quiet(wires.descriptors())
            os.set_blocking(wires.wake_read, False)
            os.set_blocking(wires.wake_write, False)
            signal.signal(signal.SIGCHLD, lambda *_: None)  # must be a Python handler for the wake-up to be written
            signal.signal(signal.SIGTERM, _exit_on_signal)
            signal.set_wakeup_fd(wires.wake_write, warn_on_full_buffer=False)
            if self._prepare(life):
                self._serve(wires, creator)
                status = 0
        except SystemExit:
            status = 0
        finally:
            if os.getpid() == own_pid:
                for pid in self._children:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                shutil.rmtree(self._directory, ignore_errors=True)
            os._exit(status)

    def _prepare(self, life: socket.socket) -> bool:
        try:
            if self._warm is not None:
                self._warm()
        except Exception as error:  # noqa: BLE001  # told to the creator, who raises it
            life.sendall(f"{type(error).__name__}: {error}".encode()[:4000])
            return False
        gc.collect()
        gc.freeze()  # pages of what exists now stay shared with the children
        life.sendall(b"ready")
        return True

    def _serve(self, wires: _Wires, creator: int) -> None:
        poller = select.poll()
        listener, life = wires.listener.fileno(), wires.life.fileno()
        for descriptor in (listener, life, wires.wake_read):
            poller.register(descriptor, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poller.poll(ORPHAN_CHECK_MS)}
            if wires.wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wires.wake_read, 4096)
            self._reap()
            if life in ready:
                return
            # A long-lived fork of the creator may hold the life line open after the creator was killed; one that
            # is parsing right now (an RQ work-horse finishing its job) is allowed to finish.
            if os.getppid() != creator and not self._children:
                return
            if listener in ready:
                self._fork(wires)

    def _reap(self) -> None:
        while self._children:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._children.discard(pid)

    def _fork(self, wires: _Wires) -> None:
        try:
            connection, _ = wires.listener.accept()
        except OSError:  # the client went away again
            return
        with connection:
            pid = os.fork()
            if pid:
                self._children.add(pid)
                return
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                for descriptor in wires.descriptors() - {wires.child_life}:
                    os.close(descriptor)
                self._parse(connection, wires.child_life)
            finally:
                os._exit(0)

    def _parse(self, connection: socket.socket, life: int) -> None:
        """The parser child: answer requests until the client hangs up, the zygote is gone or it is time to retire."""
        gc.enable()
        _limit_memory(self._limits.memory_bytes)
        born = _resident_bytes()
        poller = select.poll()
        poller.register(connection.fileno(), select.POLLIN)
        poller.register(life, select.POLLIN)
        for calls in range(1, self._limits.calls + 1):
            if life in {descriptor for descriptor, _ in poller.poll()}:
                return
            request = receive(connection)
            if request is None:
                return
            signal.setitimer(signal.ITIMER_REAL, self._limits.seconds)
            kind, payload = _answer(self._handlers, request)
            worn = calls == self._limits.calls or _resident_bytes() - born > self._limits.resident_bytes
            last = worn or kind == "memory"
            reply = _packed(kind, payload, last)
            signal.setitimer(signal.ITIMER_REAL, 0)
            send(connection, reply)
            if last:
                return
            del request, payload, reply


def _answer(handlers: Mapping[str, Handler], request: bytes) -> tuple[str, Any]:
    """Run one request; what it raised is told by kind: the caller's frames are gone when this returns."""
    try:
        name, args = pickle.loads(request)  # noqa: S301  # from our own client over a private socket
        return "result", handlers[name](*args)
    except SluglineError as error:
        return "slugline", (type(error), error.args, dict(vars(error)))
    except MemoryError:
        return "memory", "the page needs more memory than a parser may take"
    except Exception as error:  # noqa: BLE001  # returned to the caller as its reason
        text = f"{type(error).__name__}: {error}"
        # libxml2 reports its own failed allocations as syntax errors
        return ("memory" if "memory allocation failed" in text.lower() else "error"), text


def _packed(kind: str, payload: Any, last: bool) -> bytes:
    try:
        reply = pickle.dumps((kind, payload, last), protocol=5)
    except MemoryError:
        return pickle.dumps(("memory", "the result needs more memory than a parser may take", True))
    except Exception as error:  # noqa: BLE001  # a result or an error's field that cannot travel
        return pickle.dumps(("error", f"the result cannot be sent: {type(error).__name__}: {error}", last))
    if len(reply) > MAX_FRAME_BYTES:
        return pickle.dumps(("too-large", f"the result has {len(reply):,} bytes", last))
    return reply


def _become_quiet(keep: set[int]) -> None:
    """Let go of everything inherited: signals, log handlers, standard streams and every descriptor but `keep`."""
    for number in signal.valid_signals():
        if number in (signal.SIGKILL, signal.SIGSTOP):
            continue
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue  # started under nohup: the creator outlives its terminal, so must we
        with contextlib.suppress(OSError, ValueError):  # a few are reserved by the C library
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the creator to act upon
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a client that hung up shows as an error of send
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.setitimer(signal.ITIMER_REAL, 0)
    logging.disable(logging.CRITICAL)
    # The creator's objects still think that they own their descriptors; none of them may be collected from here on,
    # or it would close a connection that got its old number.
    gc.disable()
    gc.freeze()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for descriptor in _open_descriptors():
        if descriptor > 2 and descriptor not in keep:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _open_descriptors() -> Iterator[int]:
    try:
        yield from [int(name) for name in os.listdir("/dev/fd")]  # noqa: PTH208  # no Path objects for 64,000 numbers
    except OSError:
        yield from range(3, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65_536))


def _limit_memory(extra_bytes: int) -> None:
    """No core files, and at most `extra_bytes` of address space beyond what is mapped now (best effort off Linux)."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = _mapped_bytes() + extra_bytes
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _mapped_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _exit_on_signal(*_: object) -> NoReturn:
    raise SystemExit(0)
