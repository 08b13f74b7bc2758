"""The relay: numbers the outbox without gaps and carries it to the Redis stream, at least once, in order.

The stream id is the event's position (`POSITION-0`), and Redis refuses ids that do not grow, so the stream itself
says where to go on: after its last id. When Redis was emptied that is 0, and the retained log goes out again under
the same ids.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import Any, cast

import redis
from redis.exceptions import RedisError as ClientError
from redis.exceptions import ResponseError

from pipeline.errors import FencedError, RedisError
from pipeline.ledger import Ledger, events, roles
from pipeline.queues import EVENTS
from pipeline.records import Event
from pipeline.settings import Settings
from workers import logs
from workers.process import Stop, now, owner

log = logs.get("relay")
ROLE = "relay"
IDLE_SECONDS = 0.25
BATCH = 500
EXPIRE_EVERY_SECONDS = 60.0


class Relay:
    """`step` publishes what waits and returns; `run` repeats it."""

    def __init__(self, settings: Settings, ledger: Ledger, client: redis.Redis) -> None:
        self._settings = settings
        self._ledger = ledger
        self._redis = client
        self._owner = owner()
        self._expire_at = 0.0

    def run(self, stop: Stop) -> None:
        try:
            while not stop.is_set():
                try:
                    done = self.step(now())
                except RedisError as error:
                    log.warning("waiting for Redis", error=str(error))
                    done = 0
                if not done:
                    stop.wait(IDLE_SECONDS)
        finally:
            with self._ledger.write() as tx:
                roles.release(tx, ROLE, self._owner, now())

    def step(self, moment: datetime) -> int:
        """Number and publish one batch. Returns how many were published; 0 while another relay is active."""
        with self._ledger.write() as tx:
            token = roles.take(tx, ROLE, self._owner, moment, self._settings.leader_seconds)
            if token is None:
                return 0
            events.number(tx, BATCH)
        try:
            return self._publish(token)
        except FencedError as error:
            log.warning("no longer the active one", error=str(error))
            return 0

    def _publish(self, token: int) -> int:
        try:
            last = last_published(self._redis)
            with self._ledger.write() as tx:
                roles.guard(tx, ROLE, token)
                batch = events.after(tx, last, BATCH)
            if batch:
                with self._redis.pipeline(transaction=True) as pipe:
                    for event in batch:
                        pipe.xadd(EVENTS, cast("Any", fields(event)), id=f"{event.position}-0")
                    pipe.execute()
            self._expire()
        except ResponseError as error:
            if "equal or smaller" not in str(error):
                raise RedisError(f"Redis refused the events ({error})") from error
            log.info("another relay was quicker", error=str(error))
            return 0
        except ClientError as error:
            raise RedisError(f"Redis does not take the events ({error})") from error
        return len(batch)

    def _expire(self) -> None:
        """Drop old events from the ledger, and from the stream what the ledger no longer keeps."""
        if time.monotonic() < self._expire_at:
            return
        self._expire_at = time.monotonic() + EXPIRE_EVERY_SECONDS
        before = now() - timedelta(days=self._settings.event_retention_days)
        with self._ledger.write() as tx:
            dropped = events.expire(tx, before, BATCH)
            kept = events.after(tx, 0, 1)
        if dropped and kept:
            self._redis.xtrim(EVENTS, minid=f"{kept[0].position}-0", approximate=True)
            log.info("old events dropped", count=dropped)


def last_published(client: redis.Redis) -> int:
    """Position of the newest event in the stream; 0 when there is none."""
    if not client.exists(EVENTS):
        return 0
    last = client.xinfo_stream(EVENTS)["last-generated-id"]
    text = last.decode() if isinstance(last, bytes) else str(last)
    return int(text.split("-", 1)[0])


def fields(event: Event) -> dict[str, str]:
    """The event as a stream entry."""
    return {
        "id": event.id,
        "type": event.type,
        "time": event.time.isoformat(),
        "subject": event.subject,
        "data": json.dumps({**event.data, "sequence": event.sequence}, ensure_ascii=False),
    }
