"""What a process that talks to others by code of third parties may do: dial public addresses, and read its own modules.

The fence is an audit hook (PEP 578): it sees every way in which Python opens a socket, a file or a process, and cannot
be taken off again. Code that means harm could get around it in C; it keeps honest code from being led astray by an
address, a redirect, a name or an option of a URL.
"""

from __future__ import annotations

import ipaddress
import mimetypes
import os
import sys
import sysconfig
from collections.abc import Callable
from typing import Any

from pipeline.http import Guard

_DIALS = frozenset(("socket.connect", "socket.sendto", "socket.sendmsg"))
_STARTS = frozenset(
    ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty", "pty.spawn")
)
_CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_READABLE = (
    "/etc/ssl/",
    "/usr/share/zoneinfo/",
    "/usr/share/ca-certificates/",
    "/proc/self/",
    "/dev/urandom",
    "/dev/null",
)


class RefusedError(ConnectionRefusedError):
    """The fence was in the way; an OSError, so that libraries take it for a connection that failed."""


def install(guard: Guard, refused: Callable[[str], None]) -> None:
    """Put the fence around this process, for as long as it lives. `refused` is told each time it was in the way."""
    readable = _readable()

    def stop(words: str) -> None:
        refused(words)
        raise RefusedError(words)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in _DIALS:
            if words := refusal(guard, args[1]):
                stop(words)
        elif event == "open":
            if not _may_open(args[0], args[2], readable):
                stop("a file was asked for, which a sink may not have")
        elif event in _STARTS or event in _CHANGES:
            stop(f"{event} is not for sinks")

    sys.addaudithook(hook)


def refusal(guard: Guard, address: Any) -> str:
    """Why an address may not be dialled; empty where it may, or where there is none (a socket that is connected)."""
    if address is None:
        return ""
    host = address[0] if isinstance(address, tuple) and address else None
    if not isinstance(host, str):
        return "only addresses of the internet are dialled for sinks"
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "a name was dialled that nobody had looked up"
    return str(guard.refused(host, host)) if guard.refusal(host) else ""


def _readable() -> tuple[str, ...]:
    """Beginnings of the paths that may be read."""
    homes = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}
    own = {os.environ.get(name, "") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")} - {""}
    ends = tuple(f"{os.path.realpath(home)}{os.sep}" for home in homes if home not in ("", "/"))
    return (*ends, *(os.path.realpath(one) for one in own), *_READABLE, *map(os.path.realpath, mimetypes.knownfiles))


def _may_open(path: Any, flags: Any, readable: tuple[str, ...]) -> bool:
    if isinstance(path, int):  # a descriptor that is open
        return True
    named = os.path.realpath(os.fsdecode(path))
    if isinstance(flags, int) and flags & _WRITES and named != os.devnull:
        return False
    return named.startswith(readable) or named.endswith((".py", ".pyc"))
