"""Sinks are told of each event at least once, in order for each subject, whatever they answer."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from sqlalchemy import func, select
from standardwebhooks import Webhook

from pipeline.alerts import signing
from pipeline.ledger import Ledger, deliveries, events, sinks
from pipeline.ledger.schema import events as log
from pipeline.records import Sink
from pipeline.settings import Settings
from tests.sinks.receiving import SETTINGS, Receiver, receiver, reply, running
from workers import deliverer, sinkview
from workers.deliverer import Deliverer

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PATIENCE = 60.0


class Clock:
    """What the deliverer takes for the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        monkeypatch.setattr(deliverer, "now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def happen(ledger: Ledger, *subjects: str, type_: str = "storyline.grew") -> list[str]:
    """One published event for each subject. Returns the ids."""
    with ledger.write() as tx:
        for subject in subjects:
            count = tx.execute(select(func.count()).where(log.c.subject == subject)).scalar_one()
            events.append(tx, type_, subject, count + 1, START, {})
        before = events.last_position(tx)
        events.number(tx, len(subjects))
        return [one.id for one in events.after(tx, before, len(subjects))]


def sink(ledger: Ledger, url: str, name: str = "desk", *types: str) -> tuple[Sink, str]:
    with ledger.write() as tx:
        return sinkview.add(tx, name, url, types, None)


def deliver(ledger: Ledger, clock: Clock, settings: Settings = SETTINGS) -> None:
    """What a deliverer does at this moment."""

    async def once() -> None:
        made = Deliverer(settings, ledger)
        async with deliverer.client(settings) as http:
            for _ in range(3):  # what failed rests, what did not is done
                await made.step(http, clock.now)
                await made.settled()
            await asyncio.to_thread(made._hand_over)

    asyncio.run(once())


def held(ledger: Ledger, name: str = "desk") -> Sink:
    with ledger.read() as tx:
        return sinks.need(tx, name)


def rows(ledger: Ledger, state: str) -> list[dict[str, Any]]:
    with ledger.read() as tx:
        return deliveries.listed(tx, 1000, states=(state,))


@pytest.fixture
def desk() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_it_is_told_of_what_is_published_from_then_on_and_can_verify_it(
    ledger: Ledger, desk: Receiver, clock: Clock
) -> None:
    happen(ledger, "storyline/1")
    _, secret = sink(ledger, desk.url)
    ids = happen(ledger, "storyline/1", "storyline/2", "feed/1")
    clock.now = datetime.now(UTC)  # signatures are good for five minutes
    deliver(ledger, clock)
    assert sorted(desk.ids) == sorted(ids)
    for body, lines in zip(desk.bodies, desk.lines, strict=True):
        found = Webhook(secret).verify(body, lines)
        assert found["id"] == lines["webhook-id"]
        assert found["specversion"] == "1.0"
        assert lines["content-type"] == "application/cloudevents+json"
    assert (held(ledger).delivered, held(ledger).failures, rows(ledger, "waiting")) == (3, 0, [])


def test_a_subject_keeps_its_order_and_no_more_than_eight_are_asked_at_once(
    ledger: Ledger, desk: Receiver, clock: Clock
) -> None:
    sink(ledger, desk.url)
    desk.answer = lambda handler: (time.sleep(0.01), reply(handler, 200))[1]
    happen(ledger, *(f"storyline/{n % 20}" for n in range(200)))
    deliver(ledger, clock)
    assert len(desk.got) == 200
    for subject in {one["subject"] for one in desk.got}:
        numbers = [one["sequence"] for one in desk.got if one["subject"] == subject]
        assert numbers == sorted(numbers)
    assert 1 < desk.most <= deliverer.AT_ONCE


def test_one_that_fails_for_an_hour_gets_all_of_it_afterwards_in_order(
    ledger: Ledger, desk: Receiver, clock: Clock
) -> None:
    sink(ledger, desk.url)
    desk.answer = lambda handler: reply(handler, 500, b"out of order")
    ids = happen(ledger, "storyline/1", "storyline/1", "storyline/2")
    while clock.now < START + timedelta(hours=1):
        deliver(ledger, clock)
        clock.now += timedelta(seconds=20)
    assert desk.got == []
    assert 5 < desk.asked < 40, "it is probed, not beleaguered"
    found = held(ledger)
    assert (found.state, found.last_error) == ("active", "it answered 500")
    assert rows(ledger, "waiting")[-1]["answer"] == "out of order"
    desk.answer = lambda handler: reply(handler, 200)
    for _ in range(200):
        deliver(ledger, clock)
        clock.now += timedelta(seconds=20)
    assert sorted(desk.ids) == sorted(ids)
    assert [one["sequence"] for one in desk.got if one["subject"] == "storyline/1"] == [1, 2]
    assert held(ledger).failures == 0


def test_what_nobody_takes_for_a_day_is_given_up_shown_and_can_be_replayed(
    ledger: Ledger, desk: Receiver, clock: Clock
) -> None:
    sink(ledger, desk.url)
    desk.answer = lambda handler: reply(handler, 503)
    ids = happen(ledger, "storyline/1", "storyline/1")
    while clock.now < START + DAY + timedelta(hours=1):
        deliver(ledger, clock)
        clock.now += timedelta(minutes=10)
    dead = rows(ledger, "dead")
    assert sorted(row["event_id"] for row in dead) == sorted(ids)
    assert held(ledger).dead == 2
    desk.answer = lambda handler: reply(handler, 200)
    with ledger.write() as tx:
        assert deliveries.replay_dead(tx, held(ledger).id, clock.now) == 2
        sinks.set_state(tx, held(ledger).id, "active", "")
    deliver(ledger, clock)
    assert desk.ids == ids


def test_a_wish_for_a_pause_is_heard(ledger: Ledger, desk: Receiver, clock: Clock) -> None:
    sink(ledger, desk.url)
    desk.answer = lambda handler: reply(handler, 429, Retry_After="600")
    happen(ledger, "storyline/1")
    deliver(ledger, clock)
    clock.now += timedelta(seconds=590)
    deliver(ledger, clock)
    assert desk.asked == 1
    clock.now += timedelta(seconds=20)
    deliver(ledger, clock)
    assert desk.asked == 2


def test_who_is_gone_is_asked_no_more_until_somebody_says_so(ledger: Ledger, desk: Receiver, clock: Clock) -> None:
    sink(ledger, desk.url)
    desk.answer = lambda handler: reply(handler, 410)
    ids = happen(ledger, "storyline/1")
    deliver(ledger, clock)
    assert (held(ledger).state, desk.asked) == ("disabled", 1)
    assert "410" in held(ledger).reason
    clock.now += timedelta(hours=2)
    deliver(ledger, clock)
    assert desk.asked == 1
    desk.answer = lambda handler: reply(handler, 200)
    with ledger.write() as tx:
        sinks.set_state(tx, held(ledger).id, "active", "")
    deliver(ledger, clock)
    assert desk.ids == ids


def _closes(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def _hangs(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(1.5)  # longer than the deliverer of that test waits


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda handler: reply(handler, 302, Location="http://127.0.0.1:9/"), "it redirects (302)"),
        (_closes, "broke off"),
        (_hangs, "did not answer within"),
    ],
    ids=["redirects", "closes", "hangs"],
)
def test_a_bad_answer_is_named_and_the_event_waits(
    sqlite_ledger: Ledger,
    desk: Receiver,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[BaseHTTPRequestHandler], None],
    error: str,
) -> None:
    monkeypatch.setattr(deliverer, "REQUEST_SECONDS", 0.5)
    sink(sqlite_ledger, desk.url)
    desk.answer = answer
    happen(sqlite_ledger, "storyline/1")
    deliver(sqlite_ledger, clock)
    assert error in held(sqlite_ledger).last_error
    assert len(rows(sqlite_ledger, "waiting")) == 1


def _huge(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, b"x" * 10_000_000)


def _broken(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"half of")
    _closes(handler)


@pytest.mark.parametrize("answer", [_huge, _broken])
def test_what_was_taken_is_taken_whatever_follows(
    sqlite_ledger: Ledger, desk: Receiver, clock: Clock, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    sink(sqlite_ledger, desk.url)
    desk.answer = answer
    happen(sqlite_ledger, "storyline/1")
    deliver(sqlite_ledger, clock)
    assert held(sqlite_ledger).delivered == 1
    (row,) = rows(sqlite_ledger, "done")
    assert len(row["answer"]) <= deliverer.ANSWER_BYTES


def test_an_address_that_is_not_public_is_never_dialled(sqlite_ledger: Ledger, desk: Receiver, clock: Clock) -> None:
    sink(sqlite_ledger, desk.url)
    happen(sqlite_ledger, "storyline/1")
    deliver(sqlite_ledger, clock, Settings(leader_seconds=1.1))
    assert desk.asked == 0
    assert "not on the public internet" in held(sqlite_ledger).last_error


def test_a_dead_sink_holds_up_nobody_else(ledger: Ledger, desk: Receiver, clock: Clock) -> None:
    sink(ledger, "http://127.0.0.1:9/", "dead")
    sink(ledger, desk.url)
    sink(ledger, desk.url, "feeds only", "feed.*")
    ids = happen(ledger, *(f"storyline/{n}" for n in range(1_200)), "feed/1")
    for _ in range(3):
        deliver(ledger, clock)
        clock.now += timedelta(seconds=30)
    assert sorted(desk.ids) == sorted(
        [
            *ids,
        ]
    )
    assert held(ledger, "dead").delivered == 0
    with ledger.read() as tx:
        assert deliveries.waiting(tx, held(ledger, "dead").id) == deliveries.WINDOW, "the rest waits in the log"


def test_a_deliverer_that_is_killed_repeats_and_loses_nothing(ledger: Ledger, ledger_url: str, desk: Receiver) -> None:
    sink(ledger, desk.url)
    desk.answer = lambda handler: (time.sleep(0.005), reply(handler, 200))[1]
    ids = happen(ledger, *(f"storyline/{n % 30}" for n in range(600)))
    for life in range(3):
        with running(ledger_url) as process:
            until(lambda life=life: len(desk.got) >= 100 * (life + 1), "some are told")
            process.kill()
            process.wait(30)
    with running(ledger_url):
        until(lambda: held(ledger).delivered and set(desk.ids) == set(ids), "all are told")
    for subject in {one["subject"] for one in desk.got}:
        told = list(dict.fromkeys(one["sequence"] for one in desk.got if one["subject"] == subject))
        assert told == sorted(told), "in order, repetitions left out"


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_both_secrets_of_a_rotation_sign(sqlite_ledger: Ledger, desk: Receiver, clock: Clock) -> None:
    _, old = sink(sqlite_ledger, desk.url)
    with sqlite_ledger.write() as tx:
        new = sinkview.rotate(tx, "desk", None)
    happen(sqlite_ledger, "storyline/1")
    clock.now = datetime.now(UTC)
    deliver(sqlite_ledger, clock)
    for secret in (old, new):
        assert Webhook(secret).verify(desk.bodies[0], desk.lines[0])
    assert len(signing.valid(held(sqlite_ledger).secrets, clock.now + timedelta(days=2))) == 1
