"""What the whole suite shares: a ledger on each database, a real PostgreSQL, a real Valkey, and a clean environment.

Both servers are started once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client

from pipeline.ledger import Ledger, connect, open_ledger
from pipeline.ledger.schema import metadata
from tests import servers
from tests.servers import Postgres

KEPT = "SLUGLINE_TEST_"  # what tells the suite itself how to run
LEDGER = "ledger"  # the database that tests on PostgreSQL take turns in
EMPTY = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND"
    " pid <> pg_backend_pid();"
    + "".join(f"DELETE FROM {table.name};" for table in reversed(metadata.sorted_tables))
    + "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
)


LARGE = ("tests/e2e/", "tests/chaos/")  # whose tests run the whole service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where processes share the suite (`-n`), the large tests go first, since their line is the longest."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: not item.nodeid.startswith(LARGE))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests stay together, and the large ones form one line: each of those starts every process of the
    service, so two at once would only wait for one another. (`--dist loadgroup` groups nothing with pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "large" if nodeid.startswith(LARGE) else nodeid.split("::", 1)[0]

    return ByFile(config, log)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person at the terminal reaches a test, and no test reaches that person's data."""
    for name in [name for name in os.environ if name.startswith("SLUGLINE_") and not name.startswith(KEPT)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    if Path(".env").exists() or Path("slugline.toml").exists():
        monkeypatch.chdir(tmp_path)


# ---- PostgreSQL ----


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """PostgreSQL with a migrated database in it."""
    with tempfile.TemporaryDirectory(prefix="slugline-pg-", ignore_cleanup_errors=True) as folder:
        made = servers.postgres(Path(folder), **servers.CARELESS)
        if made is None:
            return
        postgres, server = made
        with servers.running(server):
            postgres.execute(f"CREATE DATABASE {LEDGER} TEMPLATE template0")
            open_ledger(postgres.url(LEDGER), upgrade=True).close()
            yield postgres


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
        socket, server = servers.valkey(Path(folder))
        with servers.running(server):
            yield socket


@pytest.fixture
def valkey(_valkey_socket: str) -> str:
    """URL of a real Valkey with nothing in it."""
    with contextlib.closing(redis_client.Redis(unix_socket_path=_valkey_socket)) as client:
        client.flushall()
    return f"unix://{_valkey_socket}"
