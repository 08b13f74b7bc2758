"""Opening the ledger: SQLite with short immediate transactions, or PostgreSQL."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
)

from pipeline.errors import InputError, LedgerError
from pipeline.ledger import migrations
from pipeline.ledger.columns import from_json, to_json

INTAKE, DISPATCH, FEEDS = 7_583_002, 7_583_003, 7_583_004  # advisory locks of PostgreSQL, any fixed numbers
BUSY_MS = 30_000  # how long a writer waits for another one; transactions are short, so this is only reached in trouble
IDLE_MS = 120_000  # how long a transaction may do nothing; the longest pause is a clusterer at work on 500 articles
CONNECT_SECONDS = 10
_SEVERAL = re.compile(r"(postgresql(?:\+psycopg)?://)([^/?]*@)?([^/?@]*,[^/?@]*)(/[^?]*)?(?:\?(.*))?")
_TOO_LONG = "54"  # the class of PostgreSQL's errors for what passes a limit, as a text too long for an index does


class Ledger:
    """The one truth: a SQL database. `read()` and `write()` give a connection inside a transaction.

    It keeps connections open and may be shared by threads, but must not be carried over a fork.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(slugline_write=True)
        self._reader = engine
        if not self.is_sqlite:  # its usual isolation gives each statement a view of its own
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view of the moment, in which nothing can be written; takes no lock on SQLite."""
        with _clear_errors(self.engine), self._reader.connect() as tx:
            yield tx

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits when the block ends and rolls back when it raises.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE): a deferred transaction that turns into a writer
        fails with "database is locked" as soon as two processes do it.
        """
        with _clear_errors(self.engine), self._writer.begin() as tx:
            yield tx

    @contextlib.contextmanager
    def bare(self) -> Iterator[sqlite3.Connection]:
        """SQLite's own connection outside any transaction, for what cannot be said in one."""
        with _clear_errors(self.engine), contextlib.closing(self.engine.raw_connection()) as pooled:
            connection = pooled.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            try:
                yield connection
            except sqlite3.OperationalError as error:
                raise LedgerError(f"the ledger {shown(self.engine)} cannot be used: {error}") from error

    def close(self) -> None:
        self.engine.dispose()


def one_at_a_time(tx: Connection, lock: int) -> None:
    """Shut out, until this transaction ends, others that take the same lock. SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})


@contextlib.contextmanager
def _clear_errors(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, InternalError) as error:
        if str(getattr(error.orig, "sqlstate", "")).startswith(_TOO_LONG):
            raise InputError(f"the ledger cannot keep this: {_first_line(error)}") from error
        away = "" if engine.dialect.name == "sqlite" else "; start PostgreSQL or correct SLUGLINE_DATABASE_URL"
        raise LedgerError(f"the ledger {shown(engine)} cannot be used: {_first_line(error)}{away}") from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:  # a statement was wrong, which is a bug, not a matter of the database
            raise
        # SQLite's way to say that the file is none of its own, or damaged.
        way_out = "restore a backup, or choose another place with SLUGLINE_DATA_DIR or --data-dir"
        raise LedgerError(f"the ledger {shown(engine)} cannot be used: {_first_line(error)}; {way_out}") from error


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__


def shown(engine: Engine) -> str:
    """The database URL without its password."""
    return engine.url.render_as_string(hide_password=True)


def parse(url: str) -> tuple[URL, str]:
    """A database URL and the kind of its database, `sqlite` or `postgresql`. Raises LedgerError when it is neither."""
    try:
        parsed = make_url(_with_hosts(url))
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise LedgerError(
            "SLUGLINE_DATABASE_URL is no database URL; use postgresql+psycopg://USER:PASSWORD@HOST/NAME "
            "or leave it unset for SQLite in the data directory"
        ) from error
    if backend not in {"sqlite", "postgresql"}:
        raise LedgerError(f"SLUGLINE_DATABASE_URL: {backend} is not supported; use PostgreSQL or SQLite")
    return parsed, backend


def _with_hosts(url: str) -> str:
    """Several hosts in libpq's form, `HOST:PORT,HOST:PORT`, in the form that SQLAlchemy reads. Of these the one is used
    that can be written to, unless the URL says otherwise."""
    found = _SEVERAL.fullmatch(url)
    if found is None:
        return url
    scheme, credentials, hosts, path, query = found.groups()
    given = [f"host={quote(host, safe=':[]')}" for host in hosts.split(",")]
    if "target_session_attrs=" not in (query or ""):
        given.append("target_session_attrs=read-write")
    return f"{scheme}{credentials or ''}{path or '/'}?{'&'.join([*given, *([query] if query else [])])}"


def connect(url: str) -> Ledger:
    """Open the database at `url` (SQLAlchemy form) without looking at its version.

    Raises LedgerError when the URL makes no sense or the directory of an SQLite file cannot be written.
    """
    parsed, backend = parse(url)
    options: dict[str, Any] = {}
    if backend == "sqlite":
        _make_room(parsed.database)
        # Kept open: when the last connection to a file is closed, SQLite copies its whole log back and syncs it, which
        # takes thirty times as long as the transaction itself.
        options = {"connect_args": {"timeout": BUSY_MS / 1000}, "pool_size": 8, "max_overflow": -1}
    else:
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        options = {"pool_pre_ping": True, "pool_size": 4, "max_overflow": 4, "pool_recycle": 1800}
        if "connect_timeout" not in parsed.query:
            options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    try:
        engine = create_engine(parsed, json_serializer=to_json, json_deserializer=from_json, **options)
    except (ArgumentError, ImportError) as error:
        raise LedgerError(f"SLUGLINE_DATABASE_URL cannot be used: {error}") from error
    if backend == "sqlite":
        _tune_sqlite(engine)
    else:
        _tune_postgres(engine)
    return Ledger(engine)


def _make_room(database: str | None) -> None:
    if not database or database == ":memory:":
        raise LedgerError("the ledger must be a file, since several processes share it: sqlite:///PATH")
    file = Path(database)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.touch()
        # A file that is there is not opened to see whether that works: closing it would drop the locks that SQLite
        # holds on it for this process, and with them what keeps another one from removing the log under its feet.
        elif not os.access(file, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise LedgerError(
            f"the ledger {database} cannot be written ({error.strerror}); choose another place with --data-dir"
        ) from error


def _tune_postgres(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(dbapi: Any, _record: Any) -> None:
        # A process that was stopped in the middle of a transaction must not hold up all the others for ever.
        dbapi.execute(f"SET lock_timeout={BUSY_MS}")
        dbapi.execute(f"SET idle_in_transaction_session_timeout={IDLE_MS}")
        dbapi.commit()


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None  # the driver must not begin transactions by itself
        cursor = dbapi.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        # Both are kept in the file; set again, they would make each new reader wait for the writer of the moment.
        if not cursor.execute("PRAGMA page_count").fetchone()[0]:
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")  # lets retention give pages back without a full VACUUM
        if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            cursor.execute("PRAGMA journal_mode=WAL")
        # NORMAL: a killed process loses nothing; a power cut may lose the last moments, which feeds and pages repeat.
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # what is forgotten must be gone from the file, not only from sight
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("slugline_write", False)
        # A write in `read()` would be rolled back without a word: it fails instead.
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if write else 'ON'}")
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
