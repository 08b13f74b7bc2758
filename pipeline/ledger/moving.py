"""Carrying a ledger from SQLite to PostgreSQL, whole, and comparing what arrived with what was sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Connection, MetaData, RowMapping, Table, bindparam, func, select, text, update

from pipeline.errors import InputError, LedgerError
from pipeline.ledger.engine import Ledger
from pipeline.ledger.schema import metadata

_ROWS = 500  # in one statement


def move(source: Ledger, target: Ledger, tell: Callable[[str, int], None] = lambda _table, _rows: None) -> int:
    """Copy every row of one ledger into another one, which must be empty; returns how many there were.

    Both have the schema of this release. Nobody writes to the source meanwhile: its write lock is held. All of it is
    one transaction of the target: whatever interrupts it leaves the target empty, and it can be begun again. `tell`
    hears of each table and its rows. Raises InputError when the target holds something, LedgerError when what arrived
    differs from what was sent.
    """
    moved = 0
    with source.write() as of, target.write() as to:
        for table in metadata.sorted_tables:
            if to.execute(select(func.count()).select_from(table)).scalar_one():
                raise InputError(f"the database already holds {table.name}: name an empty one")
        for table in map(_exact, metadata.sorted_tables):
            sent, arrived = _copy(of, to, table), _Sum()
            for rows in _batches(to, table):
                arrived.add(rows)
            if sent != arrived:
                raise LedgerError(
                    f"{table.name}: {arrived.rows} rows arrived of {sent.rows}, or not as they were; nothing was moved"
                )
            _go_on_counting(of, to, table)
            tell(table.name, sent.rows)
            moved += sent.rows
    return moved


@dataclass
class _Sum:
    """Rows, and a sum over them that does not depend on their order, which differs between databases for texts."""

    rows: int = 0
    digest: int = 0

    def add(self, rows: Sequence[RowMapping]) -> None:
        for row in rows:
            plain = json.dumps(dict(row), sort_keys=True, default=_value).encode("utf-8", "surrogatepass")
            self.digest = (self.digest + int.from_bytes(hashlib.sha256(plain).digest()[:16], "big")) % 2**128
        self.rows += len(rows)


def _exact(table: Table) -> Table:
    """The table with JSON columns in which no value is NULL, and not JSON's null, which reads the same."""
    copy = table.to_metadata(MetaData())
    for column in copy.columns:
        if isinstance(column.type, JSON):
            column.type = JSON(none_as_null=True)
    return copy


def _copy(of: Connection, to: Connection, table: Table) -> _Sum:
    """Rows in the order of their keys; what refers to the same table is filled in when all are there. Sums up what was
    sent on the way: while a large table was read once more, the target would take the silence for a dead client."""
    sent = _Sum()
    own = [
        column
        for column in table.columns
        if any(key.target_fullname.partition(".")[0] == table.name for key in column.foreign_keys)
    ]
    key = list(table.primary_key.columns)
    for rows in _batches(of, table):
        sent.add(rows)
        to.execute(table.insert(), [{**row, **{column.name: None for column in own}} for row in rows])
    for column in own:
        for rows in _batches(of, table, only=column):
            found = update(table).values({column: bindparam("into")})
            for part in key:
                found = found.where(part == bindparam(f"of_{part.name}"))
            to.execute(
                found,
                [{"into": row[column.name], **{f"of_{part.name}": row[part.name] for part in key}} for row in rows],
            )
    return sent


def _batches(tx: Connection, table: Table, only: Column[Any] | None = None) -> Iterator[Sequence[RowMapping]]:
    chosen = select(table).order_by(*table.primary_key.columns)
    if only is not None:
        chosen = chosen.where(only.is_not(None))
    yield from tx.execute(chosen.execution_options(yield_per=_ROWS)).mappings().partitions(_ROWS)


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return bytes(value).hex()


def _go_on_counting(of: Connection, to: Connection, table: Table) -> None:
    """The next number of a table is beyond all that were ever given: what was deleted does not come back."""
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return
    (key,) = table.primary_key.columns
    given = of.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}).scalar()
    if given:
        sequence = func.pg_get_serial_sequence(table.name, key.name)
        to.execute(select(func.setval(sequence, int(given))))
