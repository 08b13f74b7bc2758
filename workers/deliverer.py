"""The deliverer: tells each sink of the events that it wants, at least once, in order for each subject.

Sinks do not wait for one another: each has a lane of its own, a row of turns. A turn notes in the ledger what the sink
is to be told next, sends the oldest event of each subject, a few at a time, and notes what came of it. Rows need no
lease, since one deliverer is active; when it is killed they still wait, and go out again under the same ids.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from pipeline import metrics
from pipeline.alerts import delivery, signing
from pipeline.alerts.events import SOURCE, envelope
from pipeline.errors import FencedError, FetchError, LedgerError
from pipeline.http import classify
from pipeline.ledger import Ledger, deliveries, events, roles, sinks
from pipeline.ledger.deliveries import Outcome
from pipeline.ledger.roles import Claim
from pipeline.records import Attempt, Delivery, Event, Sink
from pipeline.settings import Settings
from pipeline.tally import Tally
from workers import alerting, logs, notifier
from workers.notifier import Ways
from workers.process import Stop, is_time, now, owner

log = logs.get("deliverer")
ROLE = "deliverer"
IDLE_SECONDS = 0.25
TROUBLE_SECONDS = 2.0
STAND_BY_SECONDS = 1.0
REQUEST_SECONDS = 15.0  # for a receiver to answer; those that do more than note an event should do it afterwards
ANSWER_BYTES = 2_048  # of an answer, for whoever looks into what went wrong
AT_ONCE = 8  # requests to one sink
TURN = 64  # deliveries of one turn, of as many subjects
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a sink is told next, and the sink as it is now."""

    sink: Sink
    heads: Sequence[Delivery]


class Deliverer:
    """`step` looks for sinks that something is due for and starts their lanes; `run` repeats it."""

    def __init__(self, settings: Settings, ledger: Ledger, tally: Tally | None = None) -> None:
        self._settings, self._ledger = settings, ledger
        self._tally = tally or Tally()
        self._owner = owner()
        self._token: Claim | None = None
        self._look_at = NEVER
        self._random = random.Random()  # noqa: S311 - jitter, not a secret
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._again = alerting.Again(settings, ledger)

    async def run(self, stop: Stop) -> None:
        """Deliver until asked to stop, then let what is under way end and hand the role over."""
        async with client(self._settings) as http:
            try:
                while not stop.is_set():
                    try:
                        await self.step(http, now())
                        await asyncio.sleep(IDLE_SECONDS)
                    except LedgerError as error:
                        log.warning("waiting", error=str(error))
                        await asyncio.sleep(TROUBLE_SECONDS)
            finally:
                for lane in self._lanes.values():
                    lane.cancel()  # what was sent and not noted goes out again, under the same id
                await asyncio.gather(*self._lanes.values(), return_exceptions=True)
                with contextlib.suppress(LedgerError):
                    await asyncio.to_thread(self._hand_over)

    async def step(self, http: Ways, moment: datetime) -> int:
        """Start a lane for each sink that something is due for and that has none. Returns how many run; 0 while
        another deliverer is active. Raises LedgerError when the ledger is away."""
        for sink_id in [sink_id for sink_id, lane in self._lanes.items() if lane.done()]:
            self._lanes.pop(sink_id)
        waiting = await asyncio.to_thread(self._look, moment)
        if waiting is None:
            return 0
        self._tally.moved(ROLE, moment.timestamp())
        for sink_id in waiting:
            if sink_id not in self._lanes:
                self._lanes[sink_id] = asyncio.create_task(self._lane(http, sink_id))
        return len(self._lanes)

    async def settled(self) -> None:
        """Wait until the lanes that run have nothing more to do."""
        await asyncio.gather(*self._lanes.values())

    def _look(self, moment: datetime) -> list[int] | None:
        """Sinks that something is due for; None while another one is active."""
        if is_time(moment, self._look_at, self._settings.leader_seconds):
            with self._ledger.write() as tx:
                self._token = roles.take(tx, ROLE, self._owner, moment, self._settings.leader_seconds)
            pause = STAND_BY_SECONDS if self._token is None else self._settings.leader_seconds / 3
            self._look_at = moment + timedelta(seconds=pause)
        if self._token is None:
            return None
        with self._ledger.read() as tx:
            last = events.last_position(tx)
            found = [(sink, deliveries.next_due(tx, sink.id)) for sink in sinks.every(tx) if sink.state == "active"]
        return [sink.id for sink, due in found if self._again.due(sink, moment) or _is_due(sink, due, last, moment)]

    async def _lane(self, http: Ways, sink_id: int) -> None:
        try:
            await self._again.tell(http, sink_id, now())
            while await self._turn(http, sink_id):
                pass
        except FencedError as error:
            log.warning("no longer the active one", error=str(error))
            self._token, self._look_at = None, NEVER
        except LedgerError as error:
            log.warning("waiting", sink=sink_id, error=str(error))
        except Exception:  # one sink must not end the others; it is taken up again at the next step
            log.exception("a lane failed", sink=sink_id)
            await asyncio.sleep(TROUBLE_SECONDS)

    async def _turn(self, http: Ways, sink_id: int) -> bool:
        """Tell a sink what is due. Returns whether there was anything."""
        turn = await asyncio.to_thread(self._prepare, sink_id, now())
        if turn is None or not turn.heads:
            return False
        room = asyncio.Semaphore(AT_ONCE)

        async def told(one: Delivery) -> Outcome:
            async with room:
                attempt = await send(http, turn.sink, one.event, self._settings)
            return self._outcome(one, attempt, now())

        outcomes = await asyncio.gather(*(told(one) for one in turn.heads))
        await asyncio.to_thread(self._note, turn.sink, outcomes, now())
        return all(not one.attempt.error for one in outcomes)

    def _prepare(self, sink_id: int, moment: datetime) -> Turn | None:
        """Note what the sink is to be told next; the oldest of each subject goes out now. None: nothing does."""
        with self._guarded() as tx:
            sink = sinks.one(tx, sink_id)
            if sink is None or sink.state != "active":
                return None
            lost = deliveries.drop_trimmed(tx, sink_id)
            old = deliveries.give_up(tx, sink_id, moment - delivery.GIVE_UP - timedelta(minutes=1), moment)
            if lost or old:
                sinks.save(tx, sink_id, {"lost": sink.lost + lost, "dead": sink.dead + old})
                sink = sinks.one(tx, sink_id) or sink
            _, skipped = deliveries.fill(tx, sink, moment, delivery.wanted)
            if delivery.rests(sink, moment):
                return None
            found = alerting.as_it_is_now(tx, sink, deliveries.queue(tx, sink_id))
        if lost or skipped:
            log.warning("events were dropped before the sink took them", sink=sink.name, count=lost + skipped)
        if old:
            log.warning("given up", sink=sink.name, count=old)
        self._tally.count(metrics.DELIVERIES, old, outcome="dead")
        return Turn(sink, heads(found, moment, delivery.at_once(sink, TURN)))

    def _outcome(self, one: Delivery, attempt: Attempt, moment: datetime) -> Outcome:
        found = delivery.verdict(attempt, one.attempts + 1, one.since, moment, self._random.random())
        self._tally.count(metrics.DELIVERIES, outcome={"waiting": "failed"}.get(found.state, found.state))
        return Outcome(one, attempt, found.state, found.due)

    def _note(self, sink: Sink, outcomes: Sequence[Outcome], moment: datetime) -> None:
        failed = [one for one in outcomes if one.attempt.error]
        taken = len(outcomes) - len(failed)
        with self._guarded() as tx:
            deliveries.record(tx, sink.id, outcomes, moment)
            held = sinks.one(tx, sink.id)
            if held is None:
                return
            # One turn's failures are one: they were under way together and say the same of the sink.
            failures = 0
            if failed and not taken:
                refused = deliveries.refused(tx, sink.id)
                failures = delivery.failures(held, [one.delivery for one in failed], refused)
            after = max((one.attempt.after or 0.0 for one in failed), default=0.0)
            dead = sum(one.state == "dead" for one in outcomes)
            values: dict[str, Any] = {
                "failures": failures,
                "rest_until": delivery.rest(failures, after, moment, self._random.random()),
                "delivered": held.delivered + taken,
                "dead": held.dead + dead,
            }
            if taken:
                values["last_success"] = moment
            if failed:
                values["last_error"] = failed[-1].attempt.error
            sinks.save(tx, sink.id, values)
            final = next((one.attempt.error for one in failed if one.attempt.final), None)
            if final is not None:
                sinks.set_state(tx, sink.id, "disabled", final)
        if failed:
            log.warning("not taken", sink=sink.name, count=len(failed), error=failed[-1].attempt.error, rests=failures)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[Connection]:
        with self._ledger.write() as tx:
            roles.guard(tx, ROLE, self._token)
            yield tx

    def _hand_over(self) -> None:
        with self._ledger.write() as tx:
            roles.release(tx, ROLE, self._owner, now())


def client(settings: Settings) -> Ways:
    """The guarded client for talking to sinks."""
    return Ways(
        settings,
        timeout=REQUEST_SECONDS,
        max_bytes=ANSWER_BYTES,
        connections=0,  # bounded for each sink: a hanging one must not take the others' room
        admit=None,
    )


async def send(http: Ways, sink: Sink, event: Event, settings: Settings) -> Attempt:
    """Tell a sink of an event, in the way of its kind."""
    if sink.kind == alerting.KIND:
        return await alerting.send(http, sink, [event], settings, now())
    if sink.kind == notifier.KIND:
        return await http.notifier.send(sink, event)
    return await _post(http, sink, event, settings)


async def _post(http: Ways, sink: Sink, event: Event, settings: Settings) -> Attempt:
    """A webhook: a POST of the CloudEvent, signed."""
    body = json.dumps(envelope(event, settings.public_url or SOURCE), ensure_ascii=False).encode()
    lines = signing.headers(event.id, now(), body, signing.valid(sink.secrets, now()))
    began = now()
    try:
        answer = await http.deliver(sink.url, body, {"Content-Type": "application/cloudevents+json"} | lines)
    except FetchError as error:
        return Attempt(error=str(error), seconds=(now() - began).total_seconds())
    told = partial(
        Attempt,
        status=answer.status,
        seconds=answer.seconds,
        answer=answer.body.decode("utf-8", "replace").replace("\0", ""),
    )
    if 200 <= answer.status < 300:
        return told()
    if 300 <= answer.status < 400:
        return told(error=f"it redirects ({answer.status}); webhooks are not sent on: give the sink its final address")
    if answer.status == 410:
        return told(error="it answered 410 (gone): it wants no events any more", final=True)
    named = classify(answer)
    return told(error=f"it answered {answer.status}", after=None if named is None else named.after)


def heads(waiting: Sequence[Delivery], moment: datetime, most: int) -> list[Delivery]:
    """The oldest delivery of each subject, as far as it is due: what comes later of a subject waits for it."""
    seen: set[str] = set()
    found: list[Delivery] = []
    for one in waiting:
        if one.event.subject not in seen and len(found) < most:
            seen.add(one.event.subject)
            if is_time(moment, one.due, delivery.GIVE_UP.total_seconds()):
                found.append(one)
    return found


def _is_due(sink: Sink, due: tuple[datetime, datetime] | None, last: int, moment: datetime) -> bool:
    if due is not None and due[1] <= moment - delivery.GIVE_UP - timedelta(minutes=1):
        return True
    if delivery.rests(sink, moment):
        return False
    return sink.read_to < last or (due is not None and is_time(moment, due[0], delivery.GIVE_UP.total_seconds()))
