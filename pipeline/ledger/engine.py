"""Opening the ledger: SQLite with short immediate transactions, or PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from pipeline.errors import LedgerError
from pipeline.ledger import migrations

BUSY_MS = 30_000  # how long a writer waits for another one; transactions are short, so this is only reached in trouble


class Ledger:
    """The one truth: a SQL database. `read()` and `write()` give a connection inside a transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(slugline_write=True)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view of the moment; takes no lock on SQLite."""
        with _clear_errors(self.engine), self.engine.connect() as tx:
            yield tx

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits when the block ends and rolls back when it raises.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE): a deferred transaction that turns into a writer
        fails with "database is locked" as soon as two processes do it.
        """
        with _clear_errors(self.engine), self._writer.begin() as tx:
            yield tx

    def close(self) -> None:
        self.engine.dispose()


@contextlib.contextmanager
def _clear_errors(engine: Engine) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        away = "" if engine.dialect.name == "sqlite" else "; start PostgreSQL or correct SLUGLINE_DATABASE_URL"
        raise LedgerError(f"the ledger {shown(engine)} cannot be used: {_first_line(error)}{away}") from error


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__


def shown(engine: Engine) -> str:
    """The database URL without its password."""
    return engine.url.render_as_string(hide_password=True)


def connect(url: str) -> Ledger:
    """Open the database at `url` (SQLAlchemy form) without looking at its version.

    Raises LedgerError when the URL makes no sense or the directory of an SQLite file cannot be written.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise LedgerError(
            "SLUGLINE_DATABASE_URL is no database URL; use postgresql+psycopg://USER:PASSWORD@HOST/NAME "
            "or leave it unset for SQLite in the data directory"
        ) from error
    if backend not in {"sqlite", "postgresql"}:
        raise LedgerError(f"SLUGLINE_DATABASE_URL: {backend} is not supported; use PostgreSQL or SQLite")
    options: dict[str, Any] = {}
    if backend == "sqlite":
        _make_room(parsed.database)
        options = {"poolclass": NullPool, "connect_args": {"timeout": BUSY_MS / 1000}}
    else:
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        options = {"pool_pre_ping": True, "pool_size": 4, "max_overflow": 4, "pool_recycle": 1800}
    try:
        engine = create_engine(parsed, **options)
    except (ArgumentError, ImportError) as error:
        raise LedgerError(f"SLUGLINE_DATABASE_URL cannot be used: {error}") from error
    if backend == "sqlite":
        _tune_sqlite(engine)
    return Ledger(engine)


def _make_room(database: str | None) -> None:
    if not database or database == ":memory:":
        raise LedgerError("the ledger must be a file, since several processes share it: sqlite:///PATH")
    folder = Path(database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Path(database).open("ab"):
            pass
    except OSError as error:
        raise LedgerError(
            f"the ledger {database} cannot be written ({error.strerror}); choose another place with --data-dir"
        ) from error


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None  # the driver must not begin transactions by itself
        cursor = dbapi.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        # Takes effect only in a file that has no table yet; lets retention give pages back without a full VACUUM.
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        cursor.execute("PRAGMA journal_mode=WAL")
        # NORMAL: a killed process loses nothing; a power cut may lose the last moments, which feeds and pages repeat.
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("slugline_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def open_ledger(url: str, *, upgrade: bool = False) -> Ledger:
    """Open the ledger and make sure that its schema is the one this release knows.

    With `upgrade` an older or empty schema is brought up to date (safe when several processes do it at once);
    without, it is refused with the command that does it. A newer one is always refused. Raises LedgerError.
    """
    ledger = connect(url)
    try:
        with _clear_errors(ledger.engine):
            if upgrade:
                migrations.upgrade(ledger.engine)
            migrations.check(ledger.engine)
    except BaseException:
        ledger.close()
        raise
    return ledger
