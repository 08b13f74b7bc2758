"""The relay: numbers the outbox without gaps and carries it to the Redis stream, at least once, in order.

The stream id is the event's position (`POSITION-0`), and Redis refuses ids that do not grow, so the stream itself
says where to go on: after its last id. When Redis was emptied that is 0, and the retained log goes out again under
the same ids. Only the numbering needs to be one process's alone; a relay that was overtaken while it published can
add nothing but the same events under the same ids.
"""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import redis
from redis.exceptions import RedisError as ClientError
from redis.exceptions import ResponseError, WatchError

from pipeline import metrics
from pipeline.alerts import delivery
from pipeline.errors import FencedError, LedgerError, RedisError
from pipeline.ledger import Ledger, events, redaction, rejoin, roles
from pipeline.ledger.roles import Claim
from pipeline.queues import EVENTS
from pipeline.records import Event
from pipeline.settings import Settings
from pipeline.tally import Tally
from workers import logs, traces
from workers.process import Stop, is_time, now, owner

log = logs.get("relay")
ROLE = "relay"
IDLE_SECONDS = 0.25
TROUBLE_SECONDS = 2.0  # between tries while Redis or the ledger is away
STAND_BY_SECONDS = 1.0  # between a stand-by's looks at the role
BATCH = 500
EXPIRE_EVERY = timedelta(seconds=60)
LARGEST = 2**63 - 1  # of the databases' integers
NEVER = datetime.min.replace(tzinfo=UTC)


class Relay:
    """`step` publishes what waits and returns; `run` repeats it."""

    def __init__(self, settings: Settings, ledger: Ledger, client: redis.Redis, tally: Tally | None = None) -> None:
        self._settings = settings
        self._tally = tally or Tally()
        self._ledger = ledger
        self._redis = client
        self._owner = owner()
        self._token: Claim | None = None
        self._agreed = False  # ledger and stream, since the role was taken
        self._look_at = NEVER  # when the role is to be taken or renewed
        self._expire_at = NEVER

    def run(self, stop: Stop) -> None:
        """Publish until asked to stop, then hand the role over. Redis or the ledger being away is waited out."""
        try:
            while not stop.is_set():
                try:
                    if not self.step(now()):
                        stop.wait(IDLE_SECONDS)
                except (RedisError, LedgerError) as error:
                    log.warning("waiting", error=str(error))
                    stop.wait(TROUBLE_SECONDS)
        finally:
            with contextlib.suppress(LedgerError), self._ledger.write() as tx:
                roles.release(tx, ROLE, self._owner, now())

    def step(self, moment: datetime) -> int:
        """Number what waits and publish one batch. Returns how many were published; 0 while another relay is active.

        Raises RedisError when Redis is away, is full, or holds the events of another ledger.
        """
        if not self._lead(moment):
            return 0
        try:
            if not self._agreed:
                with contextlib.suppress(RedisError):  # sinks are told meanwhile; publishing says that it is away
                    self._agree()
            self._number()
        except FencedError as error:
            log.warning("no longer the active one", error=str(error))
            self._token, self._look_at = None, NEVER
            return 0
        published = self._publish()
        self._tally.count(metrics.PUBLISHED, published)
        self._withdraw()
        self._expire(moment)
        self._tally.moved(ROLE, moment.timestamp())
        return published

    def _lead(self, moment: datetime) -> bool:
        """Take or renew the role when it is time to."""
        if is_time(moment, self._look_at, self._settings.leader_seconds):
            held = self._token
            with self._ledger.write() as tx:
                self._token = roles.take(tx, ROLE, self._owner, moment, self._settings.leader_seconds)
            self._agreed &= self._token == held
            pause = STAND_BY_SECONDS if self._token is None else self._settings.leader_seconds / 3
            self._look_at = moment + timedelta(seconds=pause)
        return self._token is not None

    def _agree(self) -> None:
        """See whether ledger and stream tell the same story; one that was set back meanwhile is led on.

        Once for each time that the role is taken: a ledger is set back by a restart or by another server, and a claim
        outlasts neither.
        """
        last = last_published(self._redis)
        there = self._published(last)
        newest = max(there, default=0)
        while there:
            with self._ledger.read() as tx:
                common, end = rejoin.agreed(tx, there), events.last_position(tx)
                first = next((event.position for event in events.after(tx, 0, 1)), None)
            if common is not None:
                # Of the newest in the stream some may have been withdrawn; that the ledger has none there counts.
                if common < newest or end < last:
                    self._rejoin(common, last)
                break
            if first is None or min(there) <= first:
                return  # of another ledger, or older than what is kept: publishing says so, or goes on behind it
            there = self._published(min(there) - 1)
        self._agreed = True

    def _published(self, last: int) -> dict[int, str]:
        """The newest entries of the stream up to a position: the ids of their events by position."""
        try:
            found: Any = self._redis.xrevrange(EVENTS, max=f"{last}-0", count=BATCH)
        except ClientError as error:
            raise RedisError(f"Redis does not answer ({error})") from error
        return {int(at.split(b"-", 1)[0]): entry[b"id"].decode() for at, entry in found}

    def _rejoin(self, common: int, last: int) -> None:
        with self._ledger.write() as tx:
            roles.guard(tx, ROLE, self._token)
            again = rejoin.rejoin(tx, common, last, delivery.wanted)
        log.warning(
            "the ledger was set back: what it says since is published behind what the stream has",
            agreed_to=common,
            stream_ends_at=last,
            numbered_again=again,
        )

    def _number(self) -> None:
        with self._ledger.read() as tx:  # an idle relay must not take the write lock four times a second
            if not events.waiting(tx):
                return
        with self._ledger.write() as tx:
            roles.guard(tx, ROLE, self._token)
            events.number(tx, BATCH)

    def _publish(self) -> int:
        try:
            # Watched from the look at its end on: a stream that is emptied, or comes back from its file without its
            # last moments, before what follows is added would keep a gap for ever.
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.watch(EVENTS)  # type: ignore[no-untyped-call]
                batch = self._following(last_published(pipe))
                pipe.multi()
                for event in batch:
                    pipe.xadd(EVENTS, cast("Any", fields(event)), id=f"{event.position}-0")
                pipe.execute()
        except WatchError as error:
            log.info("the stream was changed by another", error=str(error))
            return 0
        except ResponseError as error:
            raise RedisError(f"Redis refused the events ({error})") from error
        except ClientError as error:
            raise RedisError(f"Redis does not take the events ({error})") from error
        traces.published(self._ledger, batch, now())
        return len(batch)

    def _following(self, last: int) -> list[Event]:
        """The next events behind a position of the stream. Raises RedisError when it is that of another ledger."""
        with self._ledger.read() as tx:
            batch = events.after(tx, last, BATCH)
            newest = batch[-1].position if batch else events.last_position(tx)
        if newest is not None and newest < last:
            raise RedisError(
                f"the Redis stream {EVENTS} ends at {last}, the ledger's events at {newest}: the stream is that of "
                f"another ledger; delete the stream (DEL {EVENTS}) and it is filled again, or point "
                "SLUGLINE_REDIS_URL at another database"
            )
        return batch

    def _withdraw(self) -> None:
        """Delete from the stream what reads differently in the ledger by now, since an article was forgotten.

        After publishing: a batch that was read just before that happened is in the stream by now.
        """
        with self._ledger.read() as tx:
            if not redaction.to_withdraw(tx, LARGEST, 1):
                return
        last = last_published(self._redis)
        with self._ledger.read() as tx:
            positions = redaction.to_withdraw(tx, last, BATCH)
        if not positions:
            return
        try:
            self._redis.xdel(EVENTS, *(f"{position}-0" for position in positions))
            persistence: Any = self._redis.info("persistence")
            if persistence.get("aof_enabled"):
                with contextlib.suppress(ResponseError):  # one is under way, or is not for us to ask for
                    self._redis.bgrewriteaof()  # its append-only file holds what was deleted until it is rewritten
        except ClientError as error:
            raise RedisError(f"Redis does not answer ({error})") from error
        with self._ledger.write() as tx:
            redaction.withdrawn(tx, positions)
        log.info("events withdrawn from the stream", count=len(positions))

    def _expire(self, moment: datetime) -> None:
        """Drop old events from the ledger, and from the stream what the ledger no longer keeps."""
        if not is_time(moment, self._expire_at, EXPIRE_EVERY.total_seconds()):
            return
        before = moment - timedelta(days=self._settings.event_retention_days)
        with self._ledger.write() as tx:
            dropped = events.expire(tx, before, BATCH)
            kept = events.after(tx, 0, 1)
        if dropped < BATCH:  # else there is more to drop, at the next step
            self._expire_at = moment + EXPIRE_EVERY
        if dropped and kept:
            try:
                self._redis.xtrim(EVENTS, minid=f"{kept[0].position}-0", approximate=False)
            except ClientError as error:
                raise RedisError(f"Redis does not answer ({error})") from error
            log.info("old events dropped", count=dropped)


def last_published(client: redis.Redis) -> int:
    """Position of the newest event in the stream; 0 when there is none. Raises RedisError when Redis is away."""
    try:
        if not client.exists(EVENTS):
            return 0
        last = client.xinfo_stream(EVENTS)["last-generated-id"]
    except ClientError as error:
        raise RedisError(f"Redis does not say where the stream {EVENTS} ends ({error})") from error
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
