"""A feed whose address redirects for good: noted at each poll, moved when `moves` says that it is time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipeline import urls
from pipeline.feeds import moves
from pipeline.feeds.schedule import PollOutcome
from pipeline.ledger import feeds, hosts
from pipeline.records import Feed, FeedState
from workers import logs
from workers.poller.outcome import Polled

log = logs.get("poller")
_NO_FEED = frozenset(("not-a-feed", "parked", "consent", "login", "challenge", "error-page", "empty"))


def moved(tx: Connection, feed: Feed, polled: Polled, outcome: PollOutcome, moment: datetime) -> dict[str, Any]:
    """Give the columns of the feed that its poll's redirects change; none after a poll that says nothing of them.

    Where the feed's new address is that of another feed, this one is paused and says so: two would poll one feed.
    """
    if polled.answer is None or (outcome.error_reason and outcome.error_reason not in _NO_FEED):
        return {}
    found = moves.after_poll(feed, polled.answer.redirects, is_feed=not outcome.error_reason, now=moment)
    values: dict[str, Any] = {
        "moved_to": found.moved_to,
        "moved_seen": found.moved_seen,
        "moved_since": found.moved_since,
    }
    if found.url is None:
        return values
    twin = feeds.find(tx, found.url)
    if twin is not None:
        why = f"paused: it moved to the address of feed {twin.id}, which is polled already"
        log.warning("feed moved to a known one", feed=feed.id, known=twin.id)
        return values | {"state": FeedState.PAUSED, "due_reason": why}
    host_key = urls.host_key(found.url)
    hosts.ensure(tx, [host_key], moment)
    log.info("feed moved", feed=feed.id, url=urls.mask(found.url), why=found.reason)
    # The validators that are kept are those of the URL that served the body: the new address itself, as a rule.
    served = polled.served.url if polled.served is not None else feed.served_by
    served = None if served == urls.without_credentials(found.url) else served or urls.without_credentials(feed.url)
    return values | {"url": found.url, "host_key": host_key, "served_by": served}
