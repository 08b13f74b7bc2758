"""What the tests run in the sandbox: handlers that behave, and handlers that do not."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
from pathlib import Path
from typing import Any, NoReturn

from pipeline.errors import FetchError, ForbiddenAddressError, RejectedError


def double(number: int) -> int:
    return number * 2


def who(_: object = None) -> tuple[int, int]:
    return os.getpid(), os.getppid()


def spin() -> NoReturn:
    while True:
        pass


def stuck_in_c() -> object:
    """One C call of several seconds that never looks at Python's signals: the regex engine backtracks."""
    return re.match(r"(a|aa)+$", "a" * 45 + "b")


def hash_for_ever() -> bytes:
    return hashlib.pbkdf2_hmac("sha256", b"a", b"b", 200_000_000)


def leave() -> NoReturn:
    os._exit(3)


def segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def eat(count: int) -> int:
    return len(bytearray(count))


def hold(count: int) -> int:
    """Touch `count` bytes and keep them, as a parser does whose memory is never given back."""
    _held.append(b"x" * count)
    return os.getpid()


_held: list[bytes] = []


def reject(reason: str) -> NoReturn:
    raise RejectedError("a login page", reason=reason)


def refuse() -> NoReturn:
    raise FetchError("busy", reason="http-503", retry=True, after=12.5)


def forbid() -> NoReturn:
    raise ForbiddenAddressError("10.0.0.1 is a private address")


def stumble() -> NoReturn:
    raise ZeroDivisionError("one by none")


def unsendable() -> Any:
    return lambda: None


def open_files() -> list[str]:
    names = []
    for path in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            names.append(str(path.readlink()))
    return sorted(names)


def surroundings() -> dict[str, Any]:
    """Signals, limits and open files of the child."""
    import resource

    return {
        "alarm": signal.getsignal(signal.SIGALRM) == signal.SIG_DFL,
        "interrupt": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "files": open_files(),
    }


ALL = {
    function.__name__: function
    for function in (
        double, who, spin, stuck_in_c, hash_for_ever, leave, segfault, eat, hold, reject, refuse, forbid, stumble,
        unsendable, surroundings,
    )
}  # fmt: skip
