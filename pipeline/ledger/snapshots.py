"""What filing remembered at one place in the order of filing, in parts (`storylines.state`), each a row that is
replaced when it changes; and a header, without which the parts are worth nothing.

Only the clusterer calls what writes here, inside a transaction under its guard. A storyline has a row of its own: what
is written after some articles is what these articles changed, and no more.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Generator, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger.schema import snapshots

FORMAT = 1
"""Counts up whenever the header means something else."""
_HEADER = "ledger/header"
_ROWS = 500  # in one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the parts are of: vectors of that `version`, articles up to that `position`, kept for so many hours
    (`horizon`). `declared` are the declared storylines that have a vector in it, with its version; `lacks` says that
    articles were filed without a vector that may have come since; `stamp` tells one snapshot from the next."""

    version: str
    position: int
    horizon: float
    made: datetime
    declared: Mapping[int, str]
    lacks: bool
    stamp: str = field(default_factory=lambda: secrets.token_hex(8))


def header(tx: Connection) -> Header | None:
    """The header; None where there is no snapshot, an unfinished one, or one of another format."""
    content = tx.execute(select(snapshots.c.content).where(snapshots.c.part == _HEADER)).scalar()
    try:
        told: dict[str, Any] = json.loads(content) if content is not None else {}
        if told.pop("format", None) != FORMAT:
            return None
        declared = {int(storyline): version for storyline, version in told["declared"].items()}
        return Header(**told | {"made": datetime.fromisoformat(told["made"]), "declared": declared})
    except (ValueError, KeyError, TypeError, AttributeError):  # damaged: as if there were none
        return None


def parts(tx: Connection) -> Generator[tuple[str, bytes], None, None]:
    """All parts, in no particular order."""
    chosen = select(snapshots.c.part, snapshots.c.content).where(snapshots.c.part != _HEADER)
    with tx.execute(chosen.execution_options(yield_per=_ROWS)) as result:
        for row in result:
            yield row.part, row.content


def put(tx: Connection, changed: Iterable[tuple[str, bytes | None]]) -> None:
    """Write parts over those of the same names, and take away those without content."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    made = insert(snapshots)
    written = made.on_conflict_do_update(index_elements=["part"], set_={"content": made.excluded.content})
    rows, gone = [], []
    for part, content in changed:
        if content is None:
            gone.append(part)
        else:
            rows.append({"part": part, "content": content})
    for start in range(0, len(rows), _ROWS):
        tx.execute(written, rows[start : start + _ROWS])
    for start in range(0, len(gone), _ROWS):
        tx.execute(delete(snapshots).where(snapshots.c.part.in_(gone[start : start + _ROWS])))


def finish(tx: Connection, made: Header) -> None:
    """Write the header: from now on the parts are what it says."""
    told = {**asdict(made), "format": FORMAT, "made": made.made.isoformat()}
    put(tx, [(_HEADER, json.dumps(told).encode())])


def void(tx: Connection) -> None:
    """The parts are worth nothing any more; `clear` takes them away."""
    tx.execute(delete(snapshots).where(snapshots.c.part == _HEADER))


def clear(tx: Connection, most: int = _ROWS) -> int:
    """Take away some parts of a snapshot that is void; returns how many, 0 when none were left."""
    some = select(snapshots.c.part).where(snapshots.c.part != _HEADER).limit(most)
    return tx.execute(delete(snapshots).where(snapshots.c.part.in_(some))).rowcount


def size(tx: Connection) -> tuple[int, int]:
    """Rows and bytes of the snapshot."""
    rows, length = tx.execute(select(func.count(), func.sum(func.length(snapshots.c.content)))).one()
    return int(rows), int(length or 0)
