"""What feeds say of an article that is going to be read: it helps to read its page, and stands in where that fails."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from pipeline.ledger.schema import feeds, sightings
from pipeline.records import Entry


def entries_of(tx: Connection, ids: Sequence[int]) -> dict[int, Entry]:
    """What feeds said of each article: the first sighting that has the most to say."""
    found: dict[int, Entry] = {}
    rows = (
        select(sightings, feeds.c.title.label("feed_name"))
        .outerjoin(feeds, feeds.c.id == sightings.c.feed_id)
        .where(sightings.c.article_id.in_(ids))
        .order_by(sightings.c.id)
    )
    for row in tx.execute(rows).mappings():
        known = found.get(row["article_id"])
        if known is None or len(row["content"]) > len(known.content):
            found[row["article_id"]] = Entry(
                key=row["entry_key"],
                url=row["url"],
                title=row["title"],
                published=row["published"],
                summary=row["summary"],
                content=row["content"],
                authors=tuple(row["authors"]),
                lang=row["lang"],
                feed_name=row["feed_name"] or "",
            )
    return found
