"""Is there anything left to do? What `slugline up --until-idle` asks, and the summary it ends with."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

import redis
from sqlalchemy import Connection

from pipeline.alerts.delivery import BREAKER
from pipeline.ledger import Ledger, articles, commands, cursors, deliveries, events, feeds, lives, sinks, storylines
from pipeline.records import FINAL_STATES, FeedState
from workers.process import now
from workers.relay import last_published


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands between now and idleness; all zero: idle."""

    feeds: int
    articles: int
    commands: int
    events: int
    unread: int
    looks: int
    untold: int

    @property
    def idle(self) -> bool:
        return not any(astuple(self))


def standing(ledger: Ledger, client: redis.Redis, since: datetime) -> Standing:
    """Count the active feeds not polled after `since`, unfinished articles, pending commands, unpublished events,
    those that the alerter has not looked at, storylines whose pace is looked at within seconds, and what sinks that
    answer are still to be told."""
    with ledger.read() as tx:
        last, read = events.last_position(tx), cursors.position(tx, cursors.RULES)
        unpublished = events.waiting(tx) + max(0, last - last_published(client))
        return Standing(
            feeds=feeds.not_polled_since(tx, since),
            articles=articles.unfinished(tx),
            commands=len(commands.pending(tx, 1)),
            events=unpublished,
            unread=0 if read is None else last - read,
            looks=len(lives.due(tx, now() + storylines.BURST_LOOK, 1)),
            untold=_untold(tx, last),
        )


def _untold(tx: Connection, last: int) -> int:
    """Deliveries that wait, and events that were not looked at for a sink. One that does not answer is not waited for
    once it is only probed."""
    answering = [sink for sink in sinks.every(tx) if sink.state == "active" and sink.failures < BREAKER]
    return sum(max(0, last - sink.read_to) + deliveries.hopeful(tx, sink.id, BREAKER) for sink in answering)


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
