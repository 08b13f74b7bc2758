"""A fetch worker rehearses a job before its first one: statements are compiled, and nothing of it is kept."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pipeline.ledger import Ledger, connect
from pipeline.ledger.schema import metadata
from workers.rehearsal import rehearse


def counted(ledger: Ledger) -> dict[str, int]:
    with ledger.read() as tx:
        return {
            table.name: tx.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def test_nothing_of_it_is_kept(ledger: Ledger) -> None:
    before = counted(ledger)
    rehearse(ledger)
    assert counted(ledger) == before


def test_no_connection_is_left_for_a_fork_to_share(ledger: Ledger) -> None:
    rehearse(ledger)
    assert "Connections in pool: 0" in ledger.engine.pool.status()


def test_a_second_time_nothing_is_compiled(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearse(ledger)
    compiled: list[str] = []
    kind = ledger.engine.dialect.statement_compiler
    original = kind.__init__

    def noting(self: object, dialect: object, statement: object, *args: object, **rest: object) -> None:
        compiled.append(str(type(statement)))
        original(self, dialect, statement, *args, **rest)

    monkeypatch.setattr(kind, "__init__", noting)
    rehearse(ledger)
    assert compiled == []


def test_a_ledger_that_is_away_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database at all, but long enough to look at" * 20)
    with contextlib.closing(connect(f"sqlite:///{tmp_path / 'ledger.db'}")) as broken:
        rehearse(broken)
