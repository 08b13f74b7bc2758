"""What each rule rang for. Only the active alerter calls what writes here, under its guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, exists, or_, select, update

from pipeline.ledger.alert_schema import alerts
from pipeline.ledger.schema import storylines
from pipeline.ledger.storylines import EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """That a rule rang for a subject, in which `state` of a storyline, when its surge was told, and what of it waits to
    be told in a digest."""

    rule: int
    subject: str
    storyline: int | None = None
    origin: str
    state: str = ""
    first: datetime
    escalated: datetime | None = None
    last: datetime
    count: int = 1
    held: Mapping[str, Any] | None = None
    held_until: datetime | None = None


def of(tx: Connection, subject: str) -> dict[int, Alert]:
    """What rules rang for this subject, by rule."""
    rows = tx.execute(select(alerts).where(alerts.c.subject == subject)).mappings()
    return {row["rule_id"]: _alert(row) for row in rows}


def put(tx: Connection, one: Alert) -> None:
    """Write an alert, whether or not it is there."""
    key = (alerts.c.rule_id == one.rule, alerts.c.subject == one.subject)
    values = _values(one)
    if not tx.execute(update(alerts).where(*key).values(**values)).rowcount:
        tx.execute(alerts.insert(), {**values, "rule_id": one.rule, "subject": one.subject})


def inherit(tx: Connection, source: int, target: int, *, gone: bool) -> None:
    """Have one storyline count as rung for what another one was rung for. `gone`: the other one is part of it now, and
    what was held back of it is told of this one."""
    theirs, own = of(tx, f"storyline/{source}"), of(tx, f"storyline/{target}")
    for rule, one in theirs.items():
        put(tx, _joined(one, own.get(rule), target, held=gone))
    if gone:
        tx.execute(delete(alerts).where(alerts.c.subject == f"storyline/{source}"))


def _joined(one: Alert, own: Alert | None, target: int, *, held: bool) -> Alert:
    both = [one, own] if own else [one]
    told = [each.escalated for each in both if each.escalated]
    kept = own if own and own.held else one if held else None
    first = min(both, key=lambda each: each.first)
    return Alert(
        rule=one.rule,
        subject=f"storyline/{target}",
        storyline=target,
        origin=first.origin,
        state=first.state,
        first=first.first,
        escalated=min(told, default=None),
        last=max(each.last for each in both),
        count=sum(each.count for each in both) if held else own.count if own else one.count,
        held=kept.held if kept else None,
        held_until=kept.held_until if kept else None,
    )


def waiting(tx: Connection, moment: datetime) -> list[int]:
    """Rules of which something was held back that is to be told by now."""
    due = select(alerts.c.rule_id).where(alerts.c.held_until <= moment).distinct()
    return sorted(tx.execute(due).scalars())


def held(tx: Connection, rule_id: int) -> list[Alert]:
    """All that is held back of a rule, in the order in which it happened."""
    chosen = select(alerts).where(alerts.c.rule_id == rule_id, alerts.c.held_until.is_not(None)).order_by(alerts.c.id)
    return [_alert(row) for row in tx.execute(chosen).mappings()]


def put_off(tx: Connection, rule_id: int, until: datetime) -> None:
    """Hold back longer what is held back of a rule."""
    here = (alerts.c.rule_id == rule_id, alerts.c.held_until.is_not(None))
    tx.execute(update(alerts).where(*here).values(held_until=until))


def let_go(tx: Connection, rule_id: int, moment: datetime) -> None:
    """What was held back of a rule is told."""
    here = (alerts.c.rule_id == rule_id, alerts.c.held_until.is_not(None))
    tx.execute(update(alerts).where(*here).values(held=None, held_until=None, last=moment))


def latest(tx: Connection, rule_id: int, limit: int) -> list[Alert]:
    """What a rule rang for, the latest first."""
    chosen = select(alerts).where(alerts.c.rule_id == rule_id).order_by(alerts.c.last.desc(), alerts.c.id.desc())
    return [_alert(row) for row in tx.execute(chosen.limit(limit)).mappings()]


def expire(tx: Connection, before: datetime, limit: int) -> int:
    """Forget alerts from before that time for feeds, the pipeline, and storylines that nothing can join any more."""
    over = exists().where(storylines.c.id == alerts.c.storyline_id, storylines.c.state.in_(("closed", EMPTY)))
    chosen = (
        select(alerts.c.id)
        .where(alerts.c.last < before, alerts.c.held_until.is_(None))
        .where(or_(alerts.c.storyline_id.is_(None), over))
        .limit(limit)
    )
    ids: Sequence[int] = tx.execute(chosen).scalars().all()
    return tx.execute(delete(alerts).where(alerts.c.id.in_(ids))).rowcount if ids else 0


def _values(one: Alert) -> dict[str, Any]:
    return {
        "storyline_id": one.storyline,
        "origin": one.origin,
        "state": one.state,
        "first": one.first,
        "escalated": one.escalated,
        "last": one.last,
        "count": one.count,
        "held": None if one.held is None else dict(one.held),
        "held_until": one.held_until,
    }


def _alert(row: RowMapping) -> Alert:
    return Alert(
        rule=row["rule_id"],
        subject=row["subject"],
        storyline=row["storyline_id"],
        **{
            name: row[name] for name in ("origin", "state", "first", "escalated", "last", "count", "held", "held_until")
        },
    )
