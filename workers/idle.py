"""Is there anything left to do? What `slugline up --until-idle` asks, and the summary it ends with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from pipeline.ledger import Ledger, articles, commands, events, feeds, storylines
from pipeline.records import FINAL_STATES, FeedState
from workers.relay import last_published


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands between now and idleness; all zero: idle."""

    feeds: int
    articles: int
    commands: int
    events: int

    @property
    def idle(self) -> bool:
        return not (self.feeds or self.articles or self.commands or self.events)


def standing(ledger: Ledger, client: redis.Redis, since: datetime) -> Standing:
    """Count the active feeds not polled after `since`, unfinished articles, pending commands, unpublished events."""
    with ledger.read() as tx:
        unpublished = events.waiting(tx) + max(0, events.last_position(tx) - last_published(client))
        return Standing(
            feeds=feeds.not_polled_since(tx, since),
            articles=articles.unfinished(tx),
            commands=len(commands.pending(tx, 1)),
            events=unpublished,
        )


def summary(ledger: Ledger, seconds: float) -> dict[str, Any]:
    """What there is in the ledger, in the shape that scripts rely on."""
    with ledger.read() as tx:
        counted = articles.counts(tx)
        return {
            "feeds": sum(feed.state == FeedState.ACTIVE for feed in feeds.every(tx)),
            "entries": articles.entries_seen(tx),
            "articles": {str(state): counted[state] for state in FINAL_STATES},
            "storylines": storylines.count(tx),
            "events": events.last_position(tx),
            "seconds": round(seconds, 1),
        }
