"""What was changed about storylines after filing, by people or by second thoughts: the history, and what undoes it.

Only the clusterer writes here, inside a transaction under its guard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, func, or_, select, update

from pipeline.ledger import apart
from pipeline.ledger.schema import changes

PEOPLE, SECOND_THOUGHTS = "people", "second thoughts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. `storyline` is whom it happened to, `other` where its articles went. `command` is that of the person
    who asked for it; None: a second thought. `payload` is what undoing it needs: ids, and for a rename the title."""

    id: int
    kind: str
    storyline: int
    other: int | None
    command: int | None
    payload: Mapping[str, Any]
    why: Mapping[str, Any]
    made: datetime
    undone: datetime | None = None

    @property
    def by(self) -> str:
        return SECOND_THOUGHTS if self.command is None else PEOPLE

    def articles(self) -> list[int]:
        """The articles that it moved."""
        return list(self.payload.get("articles", ()))


def record(
    tx: Connection,
    kind: str,
    storyline: int,
    moment: datetime,
    *,
    other: int | None = None,
    command: int | None = None,
    payload: Mapping[str, Any],
    why: Mapping[str, Any],
) -> Change:
    """Write a change into the history."""
    values = {
        "kind": kind,
        "storyline_id": storyline,
        "other_id": other,
        "command_id": command,
        "payload": dict(payload),
        "why": dict(why),
        "made": moment,
    }
    return _change(tx.execute(changes.insert().returning(changes), values).mappings().one())


def one(tx: Connection, change_id: int) -> Change | None:
    row = tx.execute(select(changes).where(changes.c.id == change_id)).mappings().first()
    return _change(row) if row else None


def history(tx: Connection, storyline: int, limit: int, before: int | None = None) -> list[Change]:
    """What happened to a storyline under this id, the latest first; `before` is a change to read on behind."""
    chosen = select(changes).where(or_(changes.c.storyline_id == storyline, changes.c.other_id == storyline))
    if before is not None:
        chosen = chosen.where(changes.c.id < before)
    return [_change(row) for row in tx.execute(chosen.order_by(changes.c.id.desc()).limit(limit)).mappings()]


def standing(tx: Connection, kind: str, storyline: int) -> Change | None:
    """The last change of a kind that happened to a storyline and was not undone."""
    of = (changes.c.kind == kind, changes.c.storyline_id == storyline, changes.c.undone.is_(None))
    row = tx.execute(select(changes).where(*of).order_by(changes.c.id.desc()).limit(1)).mappings().first()
    return _change(row) if row else None


def joined_by_people(tx: Connection, storyline: int) -> bool:
    """Whether people merged another one into this storyline, and did not undo it."""
    people = (changes.c.command_id.is_not(None), changes.c.undone.is_(None), changes.c.kind == "merge")
    chosen = select(changes.c.id).where(changes.c.other_id == storyline, *people).limit(1)
    return tx.execute(chosen).first() is not None


def parted_by_second_thoughts(tx: Connection, storyline: int) -> set[int]:
    """The storylines that hold what came apart by second thoughts from what this one holds, however many splits and
    merges lie between; to merge them again would go round in circles."""
    split = and_(changes.c.kind == "split", changes.c.command_id.is_(None))
    standing = (or_(split, changes.c.kind == "merge"), changes.c.undone.is_(None))
    found, fresh = {storyline}, {storyline}
    while fresh:
        touched = or_(changes.c.storyline_id.in_(fresh), changes.c.other_id.in_(fresh))
        rows = tx.execute(select(changes.c.storyline_id, changes.c.other_id).where(touched, *standing)).all()
        fresh = {one for row in rows for one in row if one is not None} - found
        found |= fresh
    return set(apart.living(tx, found).values()) - {storyline}


def merged_by_second_thoughts(tx: Connection, storyline: int) -> datetime | None:
    """When second thoughts last merged another one into this storyline."""
    mine = (changes.c.other_id == storyline, changes.c.kind == "merge", changes.c.command_id.is_(None))
    chosen = select(func.max(changes.c.made)).where(*mine, changes.c.undone.is_(None))
    found: datetime | None = tx.execute(chosen).scalar()
    return found


def take_back(tx: Connection, change_id: int, moment: datetime) -> None:
    """Mark a change as undone."""
    tx.execute(update(changes).where(changes.c.id == change_id).values(undone=moment))


def whereabouts(tx: Connection, article_id: int, storylines: Iterable[int]) -> set[int]:
    """Every storyline that an article has been in, given some of them: it moved with changes that name it."""
    found = set(storylines)
    fresh = set(found)
    while fresh:
        touched = or_(changes.c.storyline_id.in_(fresh), changes.c.other_id.in_(fresh))
        ends: set[int] = set()
        for row in tx.execute(select(changes).where(touched)).mappings():
            if article_id in row["payload"].get("articles", ()):
                ends |= {row["storyline_id"], row["other_id"]} - {None}
        fresh = ends - found
        found |= fresh
    return found


def _change(row: RowMapping) -> Change:
    return Change(
        id=row["id"],
        kind=row["kind"],
        storyline=row["storyline_id"],
        other=row["other_id"],
        command=row["command_id"],
        payload=row["payload"],
        why=row["why"],
        made=row["made"],
        undone=row["undone"],
    )
