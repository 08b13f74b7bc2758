"""What people said of storylines, as the ledger keeps it: pairs taken apart, locks, articles put in their place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger.schema import apart, changes, memberships, storylines

PARTING = ("split", "move")  # changes by which people say that two storylines are two
_AT_ONCE = 400  # parameters in one statement; old SQLite builds allow 999
_Key = TypeVar("_Key")


def keep(tx: Connection, one: int, other: int, change_id: int) -> None:
    """No second thought brings these two together again. Known pairs stay with the change that made them."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    pair = {"low_id": min(one, other), "high_id": max(one, other), "change_id": change_id}
    tx.execute(insert(apart).values(pair).on_conflict_do_nothing())


def drop(tx: Connection, change_id: int) -> None:
    """Forget the pairs that a change made, since it was undone; another one that said the same still stands."""
    gone = delete(apart).where(apart.c.change_id == change_id).returning(apart.c.low_id, apart.c.high_id)
    for pair in tx.execute(gone).all():
        asked = (changes.c.kind.in_(PARTING), changes.c.command_id.is_not(None), changes.c.undone.is_(None))
        same = (changes.c.storyline_id.in_(pair), changes.c.other_id.in_(pair), changes.c.id != change_id)
        other = tx.execute(select(changes.c.id).where(*asked, *same).order_by(changes.c.id).limit(1)).scalar()
        if other is not None:
            keep(tx, pair[0], pair[1], other)


def bring_together(tx: Connection, one: int, other: int) -> None:
    """Forget whatever keeps these two apart, under whichever old ids: people made them one."""
    rows = tx.execute(select(apart.c.low_id, apart.c.high_id)).all()
    alive = living(tx, {storyline for row in rows for storyline in row})
    for low, high in rows:
        if {alive[low], alive[high]} == {one, other}:
            tx.execute(delete(apart).where(apart.c.low_id == low, apart.c.high_id == high))


def pairs(tx: Connection) -> list[tuple[int, int]]:
    """The pairs to be kept apart, by the ids where they live now."""
    rows = tx.execute(select(apart.c.low_id, apart.c.high_id)).all()
    alive = living(tx, {storyline for row in rows for storyline in row})
    return [(alive[low], alive[high]) for low, high in rows if alive[low] != alive[high]]


def living(tx: Connection, ids: Iterable[int]) -> dict[int, int]:
    """Where each of these storylines lives now: itself, or what it was merged into."""
    start = sorted(set(ids))
    leads: dict[int, int] = {}
    unknown = start
    while unknown:
        found: set[int] = set()
        for part in parts(unknown):
            chosen = select(storylines.c.id, storylines.c.merged_into).where(storylines.c.id.in_(part))
            for row in tx.execute(chosen):
                if row.merged_into is not None:
                    leads[row.id] = row.merged_into
                    found.add(row.merged_into)
        unknown = sorted(found - leads.keys())
    return {storyline: _end(leads, storyline) for storyline in start}


def _end(leads: dict[int, int], storyline: int) -> int:
    for _ in range(len(leads) + 1):  # a circle cannot be written, this bounds it all the same
        if storyline not in leads:
            break
        storyline = leads[storyline]
    return storyline


def locked(tx: Connection) -> list[int]:
    """Storylines that second thoughts leave as they are."""
    chosen = select(storylines.c.id).where(storylines.c.locked, storylines.c.merged_into.is_(None))
    return list(tx.execute(chosen).scalars())


def renamed(tx: Connection) -> list[int]:
    """Storylines that people gave a name."""
    chosen = select(storylines.c.id).where(storylines.c.renamed, storylines.c.merged_into.is_(None))
    return list(tx.execute(chosen).scalars())


def pinned(tx: Connection) -> list[int]:
    """Articles that people put where they are."""
    return list(tx.execute(select(memberships.c.article_id).where(memberships.c.pinned)).scalars())


def pin(tx: Connection, ids: Sequence[int], *, pinned: bool = True) -> list[int]:
    """Have these articles stay where they are, or no longer. Returns those that this is new for."""
    changed: list[int] = []
    for part in parts(ids):
        other = (memberships.c.article_id.in_(part), memberships.c.pinned.is_(not pinned))
        done = update(memberships).where(*other).values(pinned=pinned).returning(memberships.c.article_id)
        changed += tx.execute(done).scalars()
    return sorted(changed)


def parts(ids: Sequence[_Key]) -> Iterable[Sequence[_Key]]:
    """The keys in portions that fit into a statement."""
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
