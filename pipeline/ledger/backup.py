"""Copies of the embedded ledger, made while it is in use, and put in its place again when it is not."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pipeline.errors import InputError, LedgerError
from pipeline.ledger import migrations
from pipeline.ledger.engine import connect, parse

_BUSY_SECONDS = 2.0  # what is in use when a copy is to take its place stays in use
_SIDES = ("-wal", "-shm", "-journal")


def file_of(url: str) -> Path | None:
    """The file of an SQLite ledger; None for another database. Raises LedgerError when the URL makes no sense."""
    parsed, kind = parse(url)
    return Path(parsed.database or "") if kind == "sqlite" else None


def backup(source: Path, target: Path) -> int:
    """Copy the ledger at `source`, as it is at one moment, into the file `target`; returns its bytes.

    Nobody has to stop, and nobody waits (SQLite's online backup reads a snapshot). The copy is checked, readable by its
    owner alone, and appears under its name only when it is whole; a file of that name is replaced. Raises LedgerError
    when there is no ledger to copy or it is damaged, or the copy cannot be written.
    """
    if not source.is_file():
        raise LedgerError(f"there is no ledger at {source} to copy; name its place with SLUGLINE_DATA_DIR")
    if target.is_dir() or (target.exists() and target.samefile(source)):
        raise InputError(f"{target} is a directory, or the ledger itself; name a file for the copy")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _new_file(part):
            with contextlib.closing(_open(source, write=False)) as of, contextlib.closing(_open(part)) as to:
                of.backup(to)
                to.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
                _check(to, source)
            _settle(part)
            part.replace(target)
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger {source} cannot be copied to {target} ({error})") from error
    except OSError as error:
        raise LedgerError(f"the copy {target} cannot be written ({error.strerror}); choose another place") from error
    return target.stat().st_size


def restore(copy: Path, target: Path, moment: datetime) -> Path | None:
    """Put a copy in the place of the ledger at `target`, at the schema of this release.

    The ledger that was there is kept under a name with the time, which is returned; None when there was none. Raises
    InputError when the copy is no ledger, is damaged or of a newer release, LedgerError when the ledger is in use; then
    nothing has changed.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _new_file(part):
            _copy_of(copy, part)
            _settle(part)
            aside = _keep(target, moment)
            part.replace(target)
    except sqlite3.Error as error:
        raise InputError(f"{copy} cannot be read as a ledger ({error}); name a file that `backup` made") from error
    except OSError as error:
        raise LedgerError(f"{target} cannot be written ({error.strerror})") from error
    return aside


def _copy_of(copy: Path, part: Path) -> None:
    if not copy.is_file():
        raise InputError(f"there is no file {copy}; name one that `slugline backup` made")
    with contextlib.closing(_open(copy, write=False)) as of, contextlib.closing(_open(part)) as to:
        of.backup(to)
        _check(to, copy)
        made = to.execute("SELECT name FROM sqlite_master WHERE name IN ('alembic_version', 'articles')").fetchall()
        if len(made) != 2:
            raise InputError(f"{copy} is an SQLite file but no ledger of Slugline; name one that `backup` made")
    with contextlib.closing(connect(f"sqlite:///{part}")) as opened:
        try:
            migrations.upgrade(opened.engine)
        except LedgerError as error:
            raise InputError(f"{copy}: {error}") from error
    with contextlib.closing(_open(part)) as to:  # back into one file, which can be given its name
        to.execute("PRAGMA journal_mode=DELETE")


def _keep(target: Path, moment: datetime) -> Path | None:
    if not target.exists():
        _remove_sides(target)
        return None
    with contextlib.suppress(sqlite3.DatabaseError):
        # Damaged, it may be, which is why a copy is restored; it is kept as it is then, its log with it.
        refuse_in_use(target)
    aside = target.with_name(f"{target.name}.before-{moment:%Y%m%dT%H%M%S}")
    os.link(target, aside)  # a second name: there is a ledger under the first one at any moment
    for side in _SIDES:
        with contextlib.suppress(FileNotFoundError):
            target.with_name(target.name + side).replace(aside.with_name(aside.name + side))
    return aside


def refuse_in_use(file: Path) -> None:
    """Raise LedgerError when another process has this ledger open, sqlite3.DatabaseError when it is damaged. What its
    log held is in the file afterwards."""
    try:
        with contextlib.closing(_open(file, timeout=_BUSY_SECONDS)) as opened:
            opened.execute("PRAGMA journal_mode=DELETE")  # works for the only one who has it open
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise LedgerError(f"the ledger {file} is in use; stop all services on it first") from error
        raise


def _settle(file: Path) -> None:
    """Return when the disk has it."""
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _check(opened: sqlite3.Connection, source: Path) -> None:
    found = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise InputError(f"{source} is damaged ({str(found).splitlines()[0]}); take another copy")


def _open(file: Path, *, write: bool = True, timeout: float = 30.0) -> sqlite3.Connection:
    mode = "rw" if write else "ro"
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=timeout, isolation_level=None)


@contextlib.contextmanager
def _new_file(part: Path) -> Iterator[None]:
    """An empty file for its owner alone, which is gone afterwards unless it was given another name."""
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield
    finally:
        part.unlink(missing_ok=True)
        _remove_sides(part)


def _remove_sides(file: Path) -> None:
    for side in _SIDES:
        file.with_name(file.name + side).unlink(missing_ok=True)
