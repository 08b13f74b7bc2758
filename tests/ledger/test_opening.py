"""What cannot be a ledger is refused with one line that names it and the way out."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.errors import LedgerError
from pipeline.ledger import Ledger, connect, open_ledger
from pipeline.ledger.engine import parse

OPENED_AND_CLOSED = """
import sys
from pipeline.ledger import open_ledger
ledger = open_ledger(sys.argv[1])
with ledger.read():
    pass
ledger.close()
"""


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("my ledger", "no database URL"),
        ("mysql://here/ledger", "not supported; use PostgreSQL or SQLite"),
        ("nosuch://here/ledger", "nosuch is not supported"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
        ("postgresql+nosuch://here/ledger", "SLUGLINE_DATABASE_URL cannot be used"),
    ],
)
def test_a_url_that_makes_no_sense(url: str, words: str) -> None:
    with pytest.raises(LedgerError, match=words) as caught:
        open_ledger(url, upgrade=True)
    assert "\n" not in str(caught.value)


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LedgerError, match=r"file/ledger\.db cannot be written .*--data-dir"):
        open_ledger(f"sqlite:///{tmp_path}/file/ledger.db", upgrade=True)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("Dear diary, " * 500)
    with pytest.raises(LedgerError, match=r"ledger\.db cannot be used: file is not a database.*--data-dir") as caught:
        open_ledger(f"sqlite:///{tmp_path}/ledger.db", upgrade=True)
    assert "\n" not in str(caught.value)


def test_a_server_that_does_not_answer_keeps_the_password_to_itself(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="start PostgreSQL or correct SLUGLINE_DATABASE_URL") as caught:
        open_ledger(f"postgresql+psycopg://paper:s3cret@/ledger?host={tmp_path}")
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plain_postgresql_url_finds_the_driver_that_is_installed(postgres_url: str) -> None:
    ledger = open_ledger(postgres_url.replace("postgresql+psycopg", "postgresql"))
    assert ledger.engine.dialect.driver == "psycopg"
    ledger.close()


@pytest.mark.parametrize(
    ("url", "hosts", "session"),
    [
        ("postgresql://u:p%40s@a:5432,b/db", ("a:5432", "b"), "read-write"),
        ("postgresql+psycopg://a,b:6432/db?sslmode=require", ("a", "b:6432"), "read-write"),
        ("postgresql://u:p@[::1]:5432,b/db?target_session_attrs=any", ("[::1]:5432", "b"), "any"),
    ],
)
def test_several_hosts_are_those_of_a_server_and_its_stand_bys(url: str, hosts: tuple[str, ...], session: str) -> None:
    parsed, backend = parse(url)
    assert backend == "postgresql"
    assert parsed.database == "db"
    assert (parsed.query["host"], parsed.query["target_session_attrs"]) == (hosts, session)
    assert parsed.password in {None, "p@s", "p"}
    assert "p@s" not in parsed.render_as_string(hide_password=True)


def test_of_several_hosts_one_that_answers_is_used(postgres_url: str, tmp_path: Path) -> None:
    base, _, folder = postgres_url.partition("?host=")
    url = f"{base}?host={tmp_path}&host={folder}&target_session_attrs=read-write"
    with contextlib.closing(connect(url)) as ledger, ledger.read() as tx:
        assert tx.execute(text("SELECT 1")).scalar_one() == 1


def test_text_that_no_database_takes_is_made_storable(ledger: Ledger) -> None:
    from pipeline.ledger import feeds
    from tests.ledger.making import START

    with ledger.write() as tx:
        feeds.add(tx, "https://paper.example/feed", START, title="A\x00B \ud83d café 😀")
    with ledger.read() as tx:
        assert feeds.every(tx)[0].title == "AB ? café 😀"


def test_a_process_that_opens_a_ledger_twice_keeps_its_locks(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with contextlib.closing(open_ledger(url, upgrade=True)) as ledger:
        _mark(ledger, "1")
        with contextlib.closing(open_ledger(url)):
            pass
        # A process that believes itself to be the last one takes the log away when it closes.
        subprocess.run([sys.executable, "-c", OPENED_AND_CLOSED, url], check=True)
        assert (tmp_path / "ledger.db-wal").exists()
        _mark(ledger, "2")
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as opened:
        assert opened.execute("SELECT mark FROM marks").fetchall() == [("1",), ("2",)]


def _mark(ledger: Ledger, mark: str) -> None:
    with ledger.write() as tx:
        tx.execute(text("CREATE TABLE IF NOT EXISTS marks (mark TEXT)"))
        tx.execute(text("INSERT INTO marks VALUES (:mark)"), {"mark": mark})
