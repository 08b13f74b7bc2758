"""The vectors of storylines' coverage, for those who look for storylines by meaning."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Select, and_, func, select

from pipeline.ledger.schema import changes, memberships, storylines, vectors
from pipeline.ledger.storylines import last_position, unpack
from pipeline.records import Vector


def start(tx: Connection, recent: int) -> int:
    """The place in the order of filing behind which the last `recent` articles lie."""
    return max(0, last_position(tx) - recent)


def filed_after(tx: Connection, version: str, position: int) -> Iterator[tuple[int, int, Vector]]:
    """Position, storyline and vector of the originals filed behind a position, in that order."""
    chosen = _vectors(version).where(memberships.c.position > position).order_by(memberships.c.position)
    for row in tx.execute(chosen.execution_options(yield_per=500)):
        vector = unpack(row.vector)
        if vector is not None:
            yield row.position, row.storyline_id, vector


def of(tx: Connection, version: str, storyline_id: int, most: int) -> list[Vector]:
    """The vectors of a storyline's latest originals, oldest first."""
    chosen = _vectors(version).where(memberships.c.storyline_id == storyline_id)
    rows = tx.execute(chosen.order_by(memberships.c.position.desc()).limit(most)).all()[::-1]
    return [vector for vector in (unpack(row.vector) for row in rows) if vector is not None]


def _vectors(version: str) -> Select[tuple[int, int, bytes]]:
    of_it = and_(
        vectors.c.article_id == memberships.c.article_id,
        vectors.c.generation == memberships.c.generation,
        vectors.c.version == version,
    )
    columns = (memberships.c.position, memberships.c.storyline_id, vectors.c.vector)
    return select(*columns).join(vectors, of_it).where(memberships.c.kind == "original")


def declared(tx: Connection, version: str) -> Iterator[tuple[int, Vector]]:
    """Declared storylines, by the vectors of what they were declared with."""
    chosen = select(storylines.c.id, storylines.c.vector).where(
        storylines.c.declared, storylines.c.merged_into.is_(None), storylines.c.vector_version == version
    )
    for row in tx.execute(chosen.order_by(storylines.c.id)):
        vector = unpack(row.vector)
        if vector is not None:
            yield row.id, vector


def last_change(tx: Connection) -> int:
    return int(tx.execute(select(func.coalesce(func.max(changes.c.id), 0))).scalar_one())


def changed_after(tx: Connection, change: int) -> tuple[set[int], int]:
    """The storylines whose coverage was changed behind a change, and the last change there is."""
    rows = tx.execute(select(changes.c.id, changes.c.storyline_id, changes.c.other_id).where(changes.c.id > change))
    found: set[int] = set()
    for id_, storyline, other in rows:
        change = max(change, id_)
        found |= {one for one in (storyline, other) if one is not None}
    return found, change
