"""Carrying a ledger from SQLite to PostgreSQL, whole, and comparing what arrived with what was sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
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
            _copy(of, to, table)
            sent, arrived = _digest(of, table), _digest(to, table)
            if sent != arrived:
                raise LedgerError(
                    f"{table.name}: {arrived[0]} rows arrived of {sent[0]}, or not as they were; nothing was moved"
                )
            _go_on_counting(of, to, table)
            tell(table.name, sent[0])
            moved += sent[0]
    return moved


def _exact(table: Table) -> Table:
    """The table with JSON columns in which no value is NULL, and not JSON's null, which reads the same."""
    copy = table.to_metadata(MetaData())
    for column in copy.columns:
        if isinstance(column.type, JSON):
            column.type = JSON(none_as_null=True)
    return copy


def _copy(of: Connection, to: Connection, table: Table) -> None:
    """Rows in the order of their keys; what refers to the same table is filled in when all are there."""
    own = [
        column
        for column in table.columns
        if any(key.target_fullname.partition(".")[0] == table.name for key in column.foreign_keys)
    ]
    key = list(table.primary_key.columns)
    for rows in _batches(of, table):
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


def _batches(tx: Connection, table: Table, only: Column[Any] | None = None) -> Iterator[Sequence[RowMapping]]:
    chosen = select(table).order_by(*table.primary_key.columns)
    if only is not None:
        chosen = chosen.where(only.is_not(None))
    yield from tx.execute(chosen.execution_options(yield_per=_ROWS)).mappings().partitions(_ROWS)


def _digest(tx: Connection, table: Table) -> tuple[int, int]:
    """Rows, and a sum over them that does not depend on their order, which differs between databases for texts."""
    count = total = 0
    for rows in _batches(tx, table):
        for row in rows:
            count += 1
            total += int.from_bytes(
                hashlib.sha256(_plain(dict(row)).encode("utf-8", "surrogatepass")).digest()[:16], "big"
            )
    return count, total % 2**128


def _plain(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, default=_value)


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
