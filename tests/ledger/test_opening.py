"""What cannot be a ledger is refused with one line that names it and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import LedgerError
from pipeline.ledger import Ledger, open_ledger


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


def test_text_that_no_database_takes_is_made_storable(ledger: Ledger) -> None:
    from pipeline.ledger import feeds
    from tests.ledger.making import START

    with ledger.write() as tx:
        feeds.add(tx, "https://paper.example/feed", START, title="A\x00B \ud83d café 😀")
    with ledger.read() as tx:
        assert feeds.every(tx)[0].title == "AB ? café 😀"
