"""What every long-running process needs: a name, a way to be told to stop, and an end when its parent ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import secrets
import signal
import socket
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

PARENT = "SLUGLINE_PARENT_PID"  # set by the supervisor for its children
PR_SET_PDEATHSIG = 1


def now() -> datetime:
    return datetime.now(UTC)


def is_time(moment: datetime, at: datetime, most: float) -> bool:
    """Whether it is time for what was put off until `at`, by `most` seconds at most: being further away than that
    means that the clock was set back since."""
    return not timedelta(0) < at - moment <= timedelta(seconds=most)


def release() -> str:
    """The version of Slugline."""
    try:
        return version("slugline")
    except PackageNotFoundError:  # run from a tree that is not installed
        return "0"


def owner() -> str:
    """A name for this process that no other ever has, under which it holds leases and roles."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Stop:
    """Set when the process was asked to end (SIGTERM, SIGINT) or when the supervisor that started it is gone."""

    def __init__(self) -> None:
        self._set = False
        # Not an Event: its lock may be held by the very thread that the signal interrupts, which would then wait for
        # itself. A SimpleQueue can be put into from a signal's handler.
        self._woken: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._parent = os.environ.get(PARENT)

    @classmethod
    def on_signals(cls) -> Stop:
        stop = cls()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        return stop

    def set(self) -> None:
        self._set = True
        self._woken.put(None)

    def is_set(self) -> bool:
        if self._parent and str(os.getppid()) != self._parent:
            self._set = True
        return self._set

    def wait(self, seconds: float) -> bool:
        """Sleep, but wake when asked to stop. Returns whether it was."""
        if not self._set:
            with contextlib.suppress(queue.Empty):
                self._woken.get(timeout=max(seconds, 0.0))
                self._woken.put(None)  # for whoever else waits
        return self.is_set()


def follow_parent(sent: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel signal a supervisor's child when the supervisor dies, however that happens (Linux; survives
    exec). Elsewhere `Stop` notices, as far as the process looks at it."""
    parent = os.environ.get(PARENT)
    if not parent or sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
    if str(os.getppid()) != parent:  # it died before the request was made
        os._exit(1)
