"""What people ask for waits in line and gets an answer."""

from __future__ import annotations

from pipeline.ledger import Ledger, commands
from tests.ledger.making import START, at


def test_commands_wait_in_the_order_they_were_given(ledger: Ledger) -> None:
    with ledger.write() as tx:
        ids = [commands.put(tx, "declare", {"title": f"T{number}"}, START) for number in range(3)]
        assert [(one.id, one.kind, one.payload) for one in commands.pending(tx, 2)] == [
            (ids[0], "declare", {"title": "T0"}),
            (ids[1], "declare", {"title": "T1"}),
        ]


def test_one_that_was_applied_says_what_came_of_it(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = commands.put(tx, "declare", {}, START)
        assert commands.outcome(tx, made) == ("pending", None, None)
        commands.settle(tx, made, at(1), result={"storyline": 7})
        assert commands.outcome(tx, made) == ("applied", {"storyline": 7}, None)
        assert commands.pending(tx, 10) == []


def test_one_that_was_refused_says_why(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made = commands.put(tx, "declare", {}, START)
        commands.settle(tx, made, at(1), error="declared already")
        assert commands.outcome(tx, made) == ("refused", None, "declared already")
        assert commands.pending(tx, 10) == []
