"""When the entries of a feed came: what its rhythm is drawn from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, and_, case, or_, select

from pipeline.ledger.schema import sightings

MOST = 20_000
"""Entries that are looked at: two weeks of a feed with one a minute."""


def came(tx: Connection, feed_id: int, since: datetime) -> list[datetime]:
    """The times of a feed's entries since then, newest first, at most `MOST`.

    It is the date of publication that the feed gives; of an entry without one, or with one that had not come yet when
    it was read, the time at which it was first seen.
    """
    published, seen = sightings.c.published, sightings.c.first_seen
    at = case((and_(published.is_not(None), published <= seen), published), else_=seen)
    recent = or_(published >= since, and_(published.is_(None), seen >= since))
    chosen = select(at.label("at")).where(sightings.c.feed_id == feed_id, recent)
    return [row.at for row in tx.execute(chosen.order_by(published.desc()).limit(MOST))]
