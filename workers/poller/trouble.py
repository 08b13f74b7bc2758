"""What is told of a feed beside its articles: that it fails, fell silent, or is well again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipeline.ledger import troubles
from pipeline.ledger.troubles import FAILING, SILENT
from pipeline.records import Feed, FeedState
from pipeline.urls import mask

FAILURES = 3  # in a row: one is nothing to wake anybody for, and hosts restart


def concerned(feed: Feed, values: Mapping[str, Any]) -> bool:
    """Whether a poll that changes these columns may have something to tell; for most there is nothing to look up."""
    return bool(values.get("failures") or feed.failures or values.get("silent_since") or feed.silent_since)


def tell(tx: Connection, feed: Feed, values: Mapping[str, Any], moment: datetime) -> None:
    """Write the events of a poll that changed these columns of a feed, in its transaction."""
    subject, named = f"feed/{feed.id}", troubles.of_feed(feed)
    if values.get("failures"):
        state = str(values.get("state", feed.state))
        if values["failures"] >= FAILURES or state == FeedState.GONE:
            last = feed.last_success.isoformat() if feed.last_success else None
            error = {
                "state": state,
                "failures": values["failures"],
                "error": mask(values["error"]),
                "last_success": last,
            }
            troubles.begin(tx, subject, FAILING, "feed.failing", named | error, moment)
        return  # what cannot be read is not silent, nor is it heard again
    troubles.end(tx, subject, FAILING, "feed.recovered", named | {"after": FAILING}, moment)
    if since := values["silent_since"]:
        quiet = {"since": since.isoformat(), "entries_per_day": values["entries_per_day"]}
        troubles.begin(tx, subject, SILENT, "feed.silent", named | quiet, moment)
    else:
        heard(tx, feed, moment)


def heard(tx: Connection, feed: Feed, moment: datetime) -> None:
    """A feed that was silent, if it was, brought something."""
    said = {**troubles.of_feed(feed), "after": SILENT}
    troubles.end(tx, f"feed/{feed.id}", SILENT, "feed.recovered", said, moment)
