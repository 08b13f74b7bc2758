"""Three receivers of webhooks beside a machine: one takes everything, one fails for a while, one is dead.

What fails does so in turn in each of the ways that matter: it refuses, asks for a pause, and takes an event without
saying so, so that it comes again.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import Any

from sqlalchemy import select

from pipeline.alerts import delivery, signing
from pipeline.ledger import deliveries, held, sinks
from pipeline.ledger.schema import events as log
from pipeline.ledger.sinktables import deliveries as rows
from tests.chaos.machine import Machine
from tests.sinks.receiving import Receiver, receiver, reply
from workers import sinkview

HEALTHY, FAILING, DEAD = "healthy", "failing", "dead"
TAKES_SECONDS = 0.01  # to answer: so there are some under way whenever the deliverer is killed


class Receivers:
    """`attach` adds them as sinks, told of all events from the first on; `problems` says what they did not get."""

    def __init__(self, healthy: Receiver, failing: Receiver, dead: str) -> None:
        self.live = {HEALTHY: healthy, FAILING: failing}
        self._urls = {HEALTHY: healthy.url, FAILING: failing.url, DEAD: dead}
        self._secrets = {name: signing.new_secret() for name in self._urls}
        self._due: set[str] = set()  # ids of the events that must have come
        self.mended = False
        ways = count()
        healthy.answer = _take
        failing.answer = lambda handler: _take(handler) if self.mended else _fail(handler, next(ways))

    def attach(self, machine: Machine) -> None:
        with machine.ledger.write() as tx:
            for name, url in self._urls.items():
                sink, _ = sinkview.add(tx, name, url, (), self._secrets[name])
                sinks.rewind(tx, sink, 0, delivery.wanted)

    def resume(self, machine: Machine) -> None:
        """What an operator does who knows that a receiver is back: it need not wait for the next probe."""
        self.mended = True
        with machine.ledger.write() as tx:
            sinks.set_state(tx, sinks.need(tx, FAILING).id, "active", "")

    def told(self, machine: Machine) -> bool:
        """Whether the living ones got all that is published; events may be published at any time."""
        with machine.ledger.read() as tx:
            self._due = set(tx.execute(select(log.c.id).where(log.c.position.is_not(None))).scalars())
        return all(self._due <= set(_ids(one)) for one in self.live.values())

    def repeated(self) -> dict[str, int]:
        """How many events came more often than once, by receiver."""
        found = {name: _ids(one) for name, one in self.live.items()}
        return {name: len(ids) - len(set(ids)) for name, ids in found.items()}

    def problems(self, machine: Machine) -> list[str]:
        """What does not hold, in sentences; none is expected."""
        with machine.ledger.read() as tx:
            kept = {row.id: row for row in tx.execute(select(log.c.id, log.c.subject, log.c.sequence, log.c.position))}
        found = _left_waiting(machine)
        for name, one in self.live.items():
            found += [f"the {name} webhook {fault}" for fault in self._faults(name, one, kept)]
        return found

    def _faults(self, name: str, where: Receiver, kept: dict[str, Any]) -> Iterator[str]:
        first: dict[str, dict[str, Any]] = {}
        subjects: dict[str, list[int]] = defaultdict(list)
        for lines, body in list(where.heard):
            one = json.loads(body)
            if not _genuine(self._secrets[name], lines, body):
                yield f"got event {one['id']} with a wrong signature"
            if lines["webhook-id"] != one["id"]:
                yield f"got event {one['id']} under the id {lines['webhook-id']}"
            if one["id"] not in first:
                subjects[one["subject"]].append(int(one["sequence"]))
            if first.setdefault(one["id"], one) != one:
                yield f"got event {one['id']} twice with other content"
        if missing := self._due - set(first):
            yield f"misses {len(missing)} of {len(self._due)} events"
        if strange := set(first) - set(kept):
            yield f"got {len(strange)} events that the ledger does not have"
        for subject, numbers in subjects.items():
            if numbers != list(range(1, len(numbers) + 1)):
                yield f"got the events of {subject} out of order: {numbers[:20]}"


@contextlib.contextmanager
def receiving() -> Iterator[Receivers]:
    """The three at work while the block runs."""
    with receiver() as healthy, receiver() as failing, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and nobody listens: the port is nobody else's either
        yield Receivers(healthy, failing, f"http://127.0.0.1:{nobody.getsockname()[1]}/hook")


def _take(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(TAKES_SECONDS)
    reply(handler, 204)


def _fail(handler: BaseHTTPRequestHandler, number: int) -> None:
    match number % 3:
        case 0:
            reply(handler, 500)
        case 1:
            reply(handler, 503, Retry_After="1")
        case _:
            handler.close_connection = True  # it has the event, and nobody knows


def _ids(where: Receiver) -> list[str]:
    return [lines["webhook-id"] for lines, _ in list(where.heard)]


def _genuine(secret: str, lines: dict[str, str], body: bytes) -> bool:
    """Of a signature's age nothing is said: the clock of the machine is wrong at times."""
    moment = datetime.fromtimestamp(int(lines["webhook-timestamp"]), UTC)
    made = signing.headers(lines["webhook-id"], moment, body, [secret])["webhook-signature"]
    return hmac.compare_digest(made, lines["webhook-signature"])


def _left_waiting(machine: Machine) -> list[str]:
    """For the one that is dead all still waits: as a row, or in the log behind the first event of its subject."""
    with machine.ledger.read() as tx:
        sink = sinks.need(tx, DEAD)
        waits = select(rows.c.position).where(rows.c.sink_id == sink.id, rows.c.state == "waiting")
        places = list(tx.execute(waits).scalars())
        kept_back = {one.subject: one for one in held.listed(tx, sink.id)}
        seen = tx.execute(select(log.c.position, log.c.subject).where(log.c.position <= sink.read_to)).all()
    back = [
        row.position for row in seen if row.subject in kept_back and row.position >= kept_back[row.subject].position
    ]
    found = []
    if sorted(places + back) != sorted(row.position for row in seen) or len(places) > deliveries.WINDOW:
        told = f"{len(places)} events wait and {len(back)} are held back"
        found.append(f"for the dead webhook {told} of {len(seen)} that it was to be told")
    if sum(one.events for one in kept_back.values()) != len(back):
        found.append(f"of {len(back)} events that are held back for the dead webhook the ledger counts others")
    if sink.state != "active" or sink.dead or sink.lost or sink.delivered:
        counted = f"{sink.dead} given up, {sink.lost} lost, {sink.delivered} taken"
        found.append(f"the dead webhook is {sink.state}: {counted}")
    return found
