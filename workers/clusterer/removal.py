"""The clusterer's part of forgetting an article."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from pipeline.errors import InputError
from pipeline.ledger import articles, changes, forgotten, redaction, removals, snapshots
from pipeline.ledger import told as ledger_told
from pipeline.records import ArticleState
from workers.clusterer.telling import LEAD_CHARS, RECENT, Telling

AT_WORK = timedelta(minutes=1)  # a transaction of the clusterer that was open at that moment began no earlier


def take_out(tx: Connection, payload: Mapping[str, object], now: datetime) -> dict[str, int | None]:
    """The storyline is told and counted without the article. Harmless when done twice.

    Raises InputError when the article was not forgotten.
    """
    article_id = payload.get("article")
    named = isinstance(article_id, int) and not isinstance(article_id, bool)
    row = articles.one(tx, int(str(article_id))) if named else None
    if row is None or (row["state"], row["reason"]) != (ArticleState.REJECTED, forgotten.REASON):
        raise InputError(f"article {article_id} was not forgotten, so it stays in its storyline")
    snapshots.void(tx)  # it holds the article's words; the rest of it is taken away with the memory that it is of
    storyline = removals.leave(tx, row["id"])
    if storyline is None:
        return {"storyline": None}
    told = Telling()
    for original in ledger_told.originals(tx, storyline, RECENT, LEAD_CHARS):
        told.add(original, storyline, copy_of=None)
    headline, lead = told.tell(storyline)
    given = payload.get("redacted")
    before = {one for one in given if isinstance(one, int)} if isinstance(given, list) else set()
    redacted = sorted(before.union(_stale(tx, row["id"], storyline, row["due"] - AT_WORK)))
    removals.retell(tx, storyline, row["id"], headline=headline, lead=lead, redacted=redacted, now=now)
    return {"storyline": storyline}


def _stale(tx: Connection, article_id: int, storyline: int, since: datetime) -> list[int]:
    """Take the headlines that nobody wrote any more out of the events of every storyline that the article was in: one
    may have been told by it just before it went on. One that was merged away has titles only where it leads."""
    been_in = sorted(changes.whereabouts(tx, article_id, {storyline}))
    titles = [title for one in been_in for title in removals.titles(tx, one)]
    return [position for one in been_in for position in redaction.redact_headlines(tx, one, titles, since)]
