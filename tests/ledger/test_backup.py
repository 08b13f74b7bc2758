"""Copies of the embedded ledger: whole while others write, and put back only where nobody is at work."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import InputError, LedgerError
from pipeline.ledger import Ledger, articles, backup, open_ledger
from tests.ledger.making import START, queued

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


@pytest.fixture
def file(sqlite_url: str) -> Path:
    found = backup.file_of(sqlite_url)
    assert found is not None
    return found


def urls(file: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(file)) as opened:
        return [url for (url,) in opened.execute("SELECT url FROM articles ORDER BY id")]


def left(file: Path) -> set[str]:
    """Names in the folder, but for the ledger's own."""
    return {path.name for path in file.parent.iterdir() if not path.name.startswith(file.name)}


def test_a_copy_made_while_others_write_is_of_one_moment(sqlite_ledger: Ledger, file: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        """Two articles at a time: a copy that held one of a pair was not of one moment."""
        number = 0
        while not stop.is_set() and number < 5_000:
            with sqlite_ledger.write() as tx:
                for side in "ab":
                    articles.record_url(tx, f"https://paper.example/{number}/{side}", START)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        counts = []
        for number in range(5):
            copy = tmp_path / f"copy-{number}"
            assert backup.backup(file, copy) == copy.stat().st_size
            counts.append(len(urls(copy)))
            assert copy.stat().st_mode & 0o777 == 0o600
    finally:
        stop.set()
        writer.join(30)
    assert not any(count % 2 for count in counts)
    assert counts == sorted(counts)
    assert not [name for name in left(file) if not name.startswith("copy-") or "-" in name[6:]]  # no log beside it


def test_what_was_copied_comes_back_and_what_was_there_is_kept(
    sqlite_ledger: Ledger, sqlite_url: str, file: Path, tmp_path: Path
) -> None:
    queued(sqlite_ledger, "https://paper.example/1")
    backup.backup(file, tmp_path / "copy")
    queued(sqlite_ledger, "https://paper.example/2")
    sqlite_ledger.close()
    kept = backup.restore(tmp_path / "copy", file, NOW)
    assert kept == file.with_name("ledger.db.before-20261126T030000")
    assert urls(file) == ["https://paper.example/1"]
    assert urls(kept) == ["https://paper.example/1", "https://paper.example/2"]
    with contextlib.closing(open_ledger(sqlite_url)) as opened:
        (again,) = queued(opened, "https://paper.example/3")
        assert again == 2


def test_nothing_is_put_in_the_place_of_a_ledger_in_use(sqlite_ledger: Ledger, file: Path, tmp_path: Path) -> None:
    queued(sqlite_ledger, "https://paper.example/1")
    backup.backup(file, tmp_path / "copy")
    with pytest.raises(LedgerError, match="in use; stop all services"):
        backup.restore(tmp_path / "copy", file, NOW)
    queued(sqlite_ledger, "https://paper.example/2")
    assert len(urls(file)) == 2
    assert left(file) == {"copy"}


def test_a_damaged_ledger_gives_way_to_a_copy(sqlite_ledger: Ledger, file: Path, tmp_path: Path) -> None:
    queued(sqlite_ledger, "https://paper.example/1")
    backup.backup(file, tmp_path / "copy")
    sqlite_ledger.close()
    file.write_bytes(b"no database at all, since a disk failed" * 500)
    with pytest.raises(LedgerError, match="cannot be copied"):
        backup.backup(file, tmp_path / "copy")
    assert urls(tmp_path / "copy") == ["https://paper.example/1"]  # the copy of before is not harmed
    kept = backup.restore(tmp_path / "copy", file, NOW)
    assert kept is not None
    assert kept.read_bytes().startswith(b"no database")
    assert urls(file) == ["https://paper.example/1"]


def damaged(copy: Path) -> None:
    content = bytearray(copy.read_bytes())
    content[4096 : 4096 * 4] = bytes(4096 * 3)
    copy.write_bytes(content)


def foreign(copy: Path) -> None:
    copy.unlink()
    with contextlib.closing(sqlite3.connect(copy)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")


def newer(copy: Path) -> None:
    with contextlib.closing(sqlite3.connect(copy)) as opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
        opened.commit()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (damaged, "damaged|cannot be read"),
        (foreign, "no ledger of Slugline"),
        (newer, "newer release"),
        (lambda copy: copy.write_text("Dear diary"), "cannot be read as a ledger"),
        (Path.unlink, "there is no file"),
    ],
)
def test_what_is_no_good_copy_changes_nothing(
    sqlite_ledger: Ledger, file: Path, tmp_path: Path, spoil: object, said: str
) -> None:
    queued(sqlite_ledger, "https://paper.example/1")
    backup.backup(file, tmp_path / "copy")
    sqlite_ledger.close()
    spoil(tmp_path / "copy")  # type: ignore[operator]
    with pytest.raises(InputError, match=said):
        backup.restore(tmp_path / "copy", file, NOW)
    assert urls(file) == ["https://paper.example/1"]
    assert left(file) <= {"copy"}


def test_a_copy_of_an_older_release_is_brought_up_to_date(sqlite_ledger: Ledger, file: Path, tmp_path: Path) -> None:
    from alembic import command

    from pipeline.ledger import connect, migrations

    old = tmp_path / "old" / "ledger.db"
    with contextlib.closing(connect(f"sqlite:///{old}")) as made, made.write() as tx:
        command.upgrade(migrations.config(tx), "0001")
    backup.backup(old, tmp_path / "copy")
    sqlite_ledger.close()
    backup.restore(tmp_path / "copy", file, NOW)
    open_ledger(f"sqlite:///{file}").close()


def test_there_is_nothing_to_copy(file: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger at"):
        backup.backup(tmp_path / "elsewhere.db", tmp_path / "copy")
    with pytest.raises(InputError, match="or the ledger itself"):
        backup.backup(file, file)
    with pytest.raises(LedgerError, match="cannot be written"):
        backup.backup(file, tmp_path / "no such folder" / "copy")
