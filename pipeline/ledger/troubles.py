"""Troubles of feeds and of the pipeline that were told as events: each once when it begins, and once when it is over.

The events are written in the caller's transaction, under a sequence of their subject's own that outlives the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline import urls
from pipeline.ledger import events
from pipeline.ledger.schema import troubles
from pipeline.records import Feed

PIPELINE = "pipeline"
STALLED = "stalled"
FAILING, SILENT = "failing", "silent"


def begin(tx: Connection, subject: str, trouble: str, type_: str, data: Mapping[str, Any], moment: datetime) -> bool:
    """Tell of a trouble, unless that was done and it is not over. Returns whether it is told now."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    tx.execute(insert(troubles).values(subject=subject, sequence=0, told={}).on_conflict_do_nothing())
    sequence, told = _locked(tx, subject) or (0, {})
    if trouble in told:
        return False
    _tell(tx, subject, sequence + 1, told | {trouble: moment.isoformat()}, type_, data, moment)
    return True


def end(tx: Connection, subject: str, trouble: str, type_: str, data: Mapping[str, Any], moment: datetime) -> bool:
    """Tell that a trouble is over, `since` when it was told beside `data`; nothing where it was not told."""
    found = _locked(tx, subject)
    if found is None or trouble not in found[1]:
        return False
    sequence, told = found
    left = {name: since for name, since in told.items() if name != trouble}
    _tell(tx, subject, sequence + 1, left, type_, {**data, "since": told[trouble]}, moment)
    return True


def standing(tx: Connection, subject: str) -> dict[str, str]:
    """What was told of a subject and is not over: the time of each, ISO 8601, by name."""
    return dict(tx.execute(select(troubles.c.told).where(troubles.c.subject == subject)).scalar() or {})


def every(tx: Connection) -> list[tuple[str, dict[str, str]]]:
    """What was told and is not over, by subject, as `standing` gives it."""
    rows = tx.execute(select(troubles.c.subject, troubles.c.told).order_by(troubles.c.subject))
    return [(row.subject, dict(row.told)) for row in rows if row.told]


def of_feed(feed: Feed) -> dict[str, Any]:
    """What events say of a feed. They go to other systems, so without its login."""
    return {"feed": {"id": feed.id, "url": urls.without_credentials(feed.url), "title": feed.title}}


def end_of_feed(tx: Connection, feed: Feed, ended: str, moment: datetime) -> None:
    """Tell that all troubles of a feed that were told are over, since a person has `ended` them: `paused` or `removed`
    it. Nobody would ever tell it otherwise."""
    for trouble in (FAILING, SILENT):
        said = {**of_feed(feed), "after": trouble, "ended": ended}
        end(tx, f"feed/{feed.id}", trouble, "feed.recovered", said, moment)


def _locked(tx: Connection, subject: str) -> tuple[int, dict[str, str]] | None:
    row = tx.execute(select(troubles).where(troubles.c.subject == subject).with_for_update()).first()
    return (int(row.sequence), dict(row.told)) if row else None


def _tell(
    tx: Connection,
    subject: str,
    sequence: int,
    told: Mapping[str, str],
    type_: str,
    data: Mapping[str, Any],
    moment: datetime,
) -> None:
    tx.execute(update(troubles).where(troubles.c.subject == subject).values(sequence=sequence, told=dict(told)))
    events.append(tx, type_, subject, sequence, moment, data)
