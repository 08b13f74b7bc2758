"""Alert rules: written by people, read by the alerter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from pipeline.errors import InputError
from pipeline.ledger import cursors, sinks
from pipeline.ledger.alert_schema import alerts, rules

NAME_CHARS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRule:
    """A rule as the ledger has it. What happened before `since` does not ring. `sequence` is that of its latest event;
    `last`, `hour` and `rung` say when it last rang and how often in the hour that began at `hour`. `vectors` are those
    of its sentences, of the model and preparation `vector_version`."""

    id: int
    name: str
    text: str
    options: Mapping[str, Any]
    paused: bool
    since: datetime
    created: datetime
    updated: datetime
    sequence: int = 0
    last: datetime | None = None
    hour: datetime | None = None
    rung: int = 0
    vectors: bytes | None = None
    vector_version: str | None = None


def check_sinks(tx: Connection, names: Collection[str]) -> None:
    """Raises InputError for the first name that no sink has."""
    known = {sink.name for sink in sinks.every(tx)}
    for name in names:
        if name not in known:
            there = ", ".join(sorted(known)) or "none yet"
            raise InputError(f"there is no sink {name!r}; there are: {there}")


def check_name(name: str) -> str:
    """The name without blanks around it. Raises InputError for what cannot be one: a number is an id."""
    bare = " ".join(name.split())
    if not bare or len(bare) > NAME_CHARS or bare.isdecimal() or not bare.isprintable():
        raise InputError(f"a rule's name has 1 to {NAME_CHARS} characters and is no number; {name[:40]!r} is not")
    return bare


def add(tx: Connection, name: str, text: str, options: Mapping[str, Any], now: datetime) -> int:
    """Record a rule that rings for what happens from now on. Raises InputError when the name is taken."""
    name = check_name(name)
    if tx.execute(select(rules.c.id).where(rules.c.name == name)).scalar() is not None:
        raise InputError(f"there is a rule {name!r} already; choose another name, or remove that one")
    values = {
        "name": name,
        "text": text,
        "options": dict(options),
        "since": now,
        "created": now,
        "updated": now,
    }
    cursors.begin(tx, cursors.RULES)  # before anything can happen that it should ring for
    return int(tx.execute(rules.insert().returning(rules.c.id), values).scalar_one())


def find(tx: Connection, name_or_id: str) -> StoredRule | None:
    """A rule by its name, else by its id."""
    found = tx.execute(select(rules).where(rules.c.name == name_or_id)).mappings().first()
    if found is None and name_or_id.isascii() and name_or_id.isdecimal() and len(name_or_id) < 19:
        found = tx.execute(select(rules).where(rules.c.id == int(name_or_id))).mappings().first()
    return _rule(found) if found else None


def every(tx: Connection, ids: Sequence[int] | None = None, *, after: int = 0, limit: int = -1) -> list[StoredRule]:
    """All rules, or those with these ids, by id; behind `after`, and at most `limit` where that is not negative."""
    chosen = select(rules).where(rules.c.id > after).order_by(rules.c.id)
    if ids is not None:
        chosen = chosen.where(rules.c.id.in_(ids))
    if limit >= 0:
        chosen = chosen.limit(limit)
    return [_rule(row) for row in tx.execute(chosen).mappings()]


def count(tx: Connection) -> int:
    return int(tx.execute(select(func.count()).select_from(rules)).scalar_one())


def version(tx: Connection) -> tuple[Any, ...]:
    """Something that is another one whenever a rule was added, changed or removed."""
    # Each from an index: rows carry vectors, and this is asked at each step.
    figures = (func.count(rules.c.updated), func.max(rules.c.id), func.max(rules.c.updated))
    return tuple(tx.execute(select(*(select(one).scalar_subquery() for one in figures))).one())


def change(tx: Connection, rule_id: int, values: Mapping[str, Any], now: datetime) -> None:
    """Change `name`, `text`, `options` or `paused`. With another text, or when it goes on after a pause, what happened
    before does not ring; a pause lets go of what was held back."""
    before = tx.execute(select(rules).where(rules.c.id == rule_id)).mappings().one()
    written = {key: value for key, value in values.items() if value != before[key]}
    if not written:
        return
    if "name" in written:
        written["name"] = check_name(written["name"])
        if tx.execute(select(rules.c.id).where(rules.c.name == written["name"], rules.c.id != rule_id)).scalar():
            raise InputError(f"there is a rule {written['name']!r} already; choose another name")
    if "text" in written:
        written |= {"vectors": None, "vector_version": None}
    if "text" in written or "paused" in written:
        written["since"] = now
    if written.get("paused"):
        tx.execute(update(alerts).where(alerts.c.rule_id == rule_id).values(held=None, held_until=None))
    tx.execute(update(rules).where(rules.c.id == rule_id).values(**written, updated=now))


def remove(tx: Connection, rule_id: int) -> None:
    """Forget a rule and what it rang for; its events stay in the log."""
    tx.execute(delete(rules).where(rules.c.id == rule_id))


def put_vectors(tx: Connection, rule_id: int, text: str, version: str, vectors: bytes) -> None:
    """Keep the vectors of a rule's sentences, unless its text is another one by now."""
    here = (rules.c.id == rule_id, rules.c.text == text)
    tx.execute(update(rules).where(*here).values(vectors=vectors, vector_version=version))


def _rule(row: RowMapping) -> StoredRule:
    return StoredRule(**row)
