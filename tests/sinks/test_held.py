"""A subject that a sink refuses holds up nobody else: a few rows of it wait, the rest waits in the log, in order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from typer.testing import CliRunner

from pipeline.alerts.delivery import GIVE_UP, wanted
from pipeline.ledger import Ledger, deliveries, events, held, sinks
from pipeline.ledger.held import FEWEST, ROWS, TOGETHER
from pipeline.records import Held
from tests.sinks.receiving import Receiver, receiver, reply, running
from tests.sinks.test_deliverer import DAY, START, Clock, clock, deliver, happen, rows, sink, until
from tests.sinks.test_deliverer import held as state
from workers.cli.app import app
from workers.web.opsnow import _deliveries

__all__ = ["clock"]
BAD = "storyline/1"
WINDOW = 60  # rows of a sink, here; else there are 500
MANY = WINDOW + 40  # events of one subject: more than there are rows


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "WINDOW", WINDOW)


@pytest.fixture
def desk() -> Iterator[Receiver]:
    with receiver() as made:
        made.answer = refusing(lambda said: said["subject"] == BAD)
        yield made


def refusing(bad: Callable[[dict[str, object]], bool]) -> Callable[[BaseHTTPRequestHandler], None]:
    """A receiver that refuses some events; it is asked with the CloudEvent."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 500 if bad(json.loads(handler.body)) else 200, b"not that one")  # type: ignore[attr-defined]

    return answer


def back(ledger: Ledger) -> list[Held]:
    with ledger.read() as tx:
        return held.listed(tx, state(ledger).id)


def sequences(desk: Receiver, subject: str = BAD) -> list[int]:
    return [one["sequence"] for one in desk.got if one["subject"] == subject]


def pass_by(ledger: Ledger, clock: Clock, until: timedelta, step: timedelta = timedelta(minutes=40)) -> None:
    while clock.now < START + until:
        deliver(ledger, clock)
        clock.now += step


@pytest.mark.usefixtures("small")
def test_others_go_on_while_a_subject_is_refused_and_all_of_it_follows_in_order(
    ledger: Ledger, desk: Receiver, clock: Clock
) -> None:
    sink(ledger, desk.url)
    happen(ledger, *[BAD] * MANY)
    others = happen(ledger, *(f"storyline/{n}" for n in range(2, 40)))
    for _ in range(3):
        deliver(ledger, clock)
        clock.now += timedelta(seconds=20)
    assert sorted(desk.ids) == sorted(others)
    assert len(rows(ledger, "waiting")) == ROWS
    (found,) = back(ledger)
    assert (found.subject, found.position, found.events) == (BAD, ROWS + 1, MANY - ROWS)
    assert found.error == "it answered 500"
    more = happen(ledger, BAD, "storyline/2")
    deliver(ledger, clock)
    assert desk.ids[-1] == more[1]
    assert back(ledger)[0].events == MANY - ROWS + 1
    assert state(ledger).failures == 0, "a receiver that takes the others is not in trouble"
    desk.answer = lambda handler: reply(handler, 200)
    clock.now += timedelta(minutes=2)
    while rows(ledger, "waiting"):
        deliver(ledger, clock)
    assert sequences(desk) == list(range(1, MANY + 2))
    assert (back(ledger), rows(ledger, "waiting")) == ([], [])


def test_when_what_was_refused_is_given_up_the_rest_is_told_in_order_and_a_replay_brings_it(
    ledger: Ledger, desk: Receiver, clock: Clock
) -> None:
    sink(ledger, desk.url)
    desk.answer = refusing(lambda said: (said["subject"], said["sequence"]) == (BAD, 1))
    happen(ledger, *[BAD] * 40, "storyline/2")
    pass_by(ledger, clock, GIVE_UP)
    assert (sequences(desk), back(ledger)[0].events) == ([], 40 - ROWS)
    clock.now = START + GIVE_UP
    for _ in range(20):
        deliver(ledger, clock)
    (dead,) = rows(ledger, "dead")
    assert (dead["position"], sequences(desk), back(ledger)) == (1, list(range(2, 41)), [])
    desk.answer = lambda handler: reply(handler, 200)
    with ledger.write() as tx:
        assert deliveries.replay(tx, dead["id"], clock.now)
    deliver(ledger, clock)
    assert sequences(desk)[-1] == 1


def test_a_subject_that_is_always_refused_is_given_up_event_by_event_a_day_after_each(
    sqlite_ledger: Ledger, desk: Receiver, clock: Clock
) -> None:
    sink(sqlite_ledger, desk.url)
    happen(sqlite_ledger, *[BAD] * 30)
    pass_by(sqlite_ledger, clock, GIVE_UP + timedelta(hours=1), timedelta(hours=1))
    for _ in range(10):  # as often as a deliverer looks in two seconds
        deliver(sqlite_ledger, clock)
    dead = sorted(row["position"] for row in rows(sqlite_ledger, "dead"))
    assert (dead, back(sqlite_ledger)) == (list(range(1, 31)), [])


def test_a_deliverer_that_is_killed_goes_on_with_what_was_held_back(
    ledger: Ledger, ledger_url: str, desk: Receiver
) -> None:
    sink(ledger, desk.url)
    happen(ledger, *[BAD] * 60)
    others = happen(ledger, *(f"storyline/{n}" for n in range(2, 20)))
    with running(ledger_url) as process:
        until(lambda: set(desk.ids) == set(others) and back(ledger), "the others are told")
        process.kill()
        process.wait(30)
    desk.answer = lambda handler: reply(handler, 200)
    with running(ledger_url):
        until(lambda: not back(ledger) and state(ledger).delivered >= 60 + len(others), "all are told")
    assert list(dict.fromkeys(sequences(desk))) == list(range(1, 61))


def test_where_many_subjects_are_refused_each_has_fewer_rows(ledger: Ledger, desk: Receiver, clock: Clock) -> None:
    sink(ledger, desk.url)
    desk.answer = refusing(lambda said: said["subject"] != "feed/1")
    many = TOGETHER // FEWEST
    happen(ledger, *[f"storyline/{n}" for n in range(many)] * 6)
    (well,) = happen(ledger, "feed/1")
    for _ in range(12):
        deliver(ledger, clock)
        clock.now += timedelta(minutes=11)  # longer than a sink rests
        if desk.ids:
            break
    assert desk.ids == [well]


def test_what_the_log_dropped_of_it_is_counted_and_a_rewind_holds_back_no_more_than_it_should(
    ledger: Ledger, desk: Receiver, clock: Clock
) -> None:
    sink(ledger, desk.url, "desk", "storyline.grew")
    happen(ledger, *[BAD] * 20, "storyline/2")
    happen(ledger, *[BAD] * 10, type_="storyline.surging")
    happen(ledger, *[BAD] * 10)
    deliver(ledger, clock)
    assert back(ledger)[0].events == 25
    with ledger.write() as tx:
        sinks.rewind(tx, state(ledger), 30, wanted)
    assert back(ledger)[0].events == 15
    deliver(ledger, clock)
    assert back(ledger)[0].events == 25
    with ledger.write() as tx:
        sinks.rewind(tx, state(ledger), 3, wanted)
    assert back(ledger) == []
    deliver(ledger, clock)
    assert desk.ids[0] == desk.ids[1], "a rewind tells all once more"
    with ledger.write() as tx:
        events.expire(tx, START + DAY, 15)
    clock.now += timedelta(minutes=1)
    desk.answer = lambda handler: reply(handler, 200)
    deliver(ledger, clock)
    assert state(ledger).lost == 15
    assert sequences(desk) == [*range(16, 21), *range(31, 41)]


@pytest.mark.usefixtures("small")
def test_replayed_rows_of_a_refused_subject_leave_room_and_nothing_else_is_told_again(
    ledger: Ledger, desk: Receiver, clock: Clock
) -> None:
    made, _ = sink(ledger, desk.url)
    happen(ledger, *[BAD] * WINDOW)
    with ledger.write() as tx:
        deliveries.fill(tx, made, START, wanted)
        deliveries.give_up(tx, made.id, START, START)
    desk.answer = lambda handler: reply(handler, 200)
    happen(ledger, *[BAD] * 3)
    deliver(ledger, clock)
    with ledger.write() as tx:
        assert deliveries.replay_dead(tx, made.id, START) == WINDOW
    desk.answer = refusing(lambda said: said["subject"] == BAD)
    deliver(ledger, clock)
    (other,) = happen(ledger, "storyline/2")
    deliver(ledger, clock)
    assert desk.ids[-1] == other
    assert (back(ledger), len(rows(ledger, "waiting"))) == ([], WINDOW)


def test_people_see_how_much_is_held_back_and_why(
    sqlite_ledger: Ledger, sqlite_url: str, desk: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    sink(sqlite_ledger, desk.url)
    happen(sqlite_ledger, *[BAD] * 12, "storyline/2")
    deliver(sqlite_ledger, clock)
    shown = CliRunner().invoke(app, ["sinks", "show", "desk"]).stdout
    assert "held_back     7\n" in shown
    assert "7 of storyline/1: the event before is not taken (it answered 500)" in shown
    (listed,) = json.loads(CliRunner().invoke(app, ["sinks", "list", "--json"]).stdout)
    assert (listed["held_back"], listed["held"][0]["subject"]) == (7, BAD)
    with sqlite_ledger.read() as tx:
        (trouble,) = _deliveries(tx)
    assert "7 events of storyline/1 held back, since the event before is not taken (it answered 500)" in str(trouble)
