"""Titles that people gave stay; a lock keeps second thoughts out; a command that fails leaves memory right."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from pipeline.ledger import Ledger
from pipeline.ledger.storylines import embedded, places
from tests.workers.changing import Desk, in_sequence
from tests.workers.wire import VERSION, ask, outcome


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    made = Desk(ledger)
    made.file("flood", "Orsel", title="Orsel under water")
    made.file("trial", "Marven")
    return made


def test_a_title_that_was_given_stays_whatever_is_filed(desk: Desk) -> None:
    desk.ask("rename", storyline=1, title="  The Orsel\n flood ")
    assert desk.one(1).headline == "The Orsel flood"
    told = desk.told(1)[-1]
    assert (told.type, told.data["storyline"]["headline"]) == ("storyline.renamed", "The Orsel flood")
    desk.file("flood", "Orsel", title="Orsel: boats in the streets under water")
    desk.restart()
    desk.file("flood", "Orsel", title="Orsel: boats in the streets")
    assert desk.one(1).headline == "The Orsel flood"
    desk.ask("merge", storyline=2, into=1)
    assert desk.one(2).headline == "The Orsel flood"
    assert in_sequence(desk.told())


def test_a_rename_is_taken_back_to_the_title_before_it(desk: Desk) -> None:
    first = desk.ask("rename", storyline=1, title="One")["change"]
    second = desk.ask("rename", storyline=1, title="Two")["change"]
    assert f"undo change {second} first" in desk.refused("undo", change=first)
    desk.ask("undo", change=second)
    assert desk.one(1).headline == "One"
    desk.ask("undo", change=first)
    assert desk.one(1).headline == "Orsel under water", "told by its articles again"
    assert desk.told(1)[-1].type == "storyline.renamed"


def test_a_title_survives_a_merge_that_is_undone(desk: Desk) -> None:
    desk.ask("rename", storyline=2, title="The case")
    done = desk.ask("merge", storyline=2, into=1)["change"]
    assert desk.one(1).headline not in ("The case", "")
    desk.ask("undo", change=done)
    assert desk.one(2).headline == "The case"


def test_a_declared_one_that_is_renamed_is_not_declared_again(desk: Desk) -> None:
    declared = desk.ask("declare", title="The derby", text="A derby in Stellin.")["storyline"]
    done = desk.ask("rename", storyline=declared, title="Derby day")["change"]
    assert (desk.one(declared).headline, desk.one(declared).title) == ("Derby day", "The derby")
    assert "declared already" in desk.refused("declare", title="The derby", text="A derby in Stellin.")
    desk.ask("undo", change=done)
    assert desk.one(declared).headline == "The derby"


@pytest.mark.parametrize("title", ["", "   ", None, 7, "x" * 301])
def test_what_is_no_title_is_refused(desk: Desk, title: object) -> None:
    assert "a storyline's title has 1 to 300 characters" in desk.refused("rename", storyline=1, title=title)


def test_the_same_title_again_is_no_change(desk: Desk) -> None:
    desk.ask("rename", storyline=1, title="One")
    assert desk.refused("rename", storyline=1, title="One") == "storyline 1 is called 'One' already"


def test_a_lock_holds_until_it_is_taken_off(desk: Desk) -> None:
    done = desk.ask("lock", storyline=1)["change"]
    for _ in range(2):
        assert not desk.memory.constraints.may_merge(1, 2)
        assert desk.refused("lock", storyline=1) == "storyline 1 is locked already"
        desk.restart()
        desk.step()
    desk.ask("undo", change=done)
    assert desk.memory.constraints.may_merge(1, 2)
    assert desk.refused("unlock", storyline=1) == "storyline 1 is not locked"
    desk.ask("lock", storyline=1)
    desk.ask("unlock", storyline=1)
    assert [one.type for one in desk.told(1)[-4:]] == ["storyline.locked", "storyline.unlocked"] * 2


def test_a_storyline_is_muted_and_heard_of_again(desk: Desk) -> None:
    done = desk.ask("mute", storyline=1)["change"]
    assert desk.refused("mute", storyline=1) == "storyline 1 is muted already"
    desk.ask("undo", change=done)
    assert desk.refused("unmute", storyline=1) == "storyline 1 is not muted"
    desk.ask("mute", storyline=1)
    desk.ask("unmute", storyline=1)
    assert desk.refused("undo", change=done).startswith(f"change {done} was undone")
    assert [one.type for one in desk.told(1)[-4:]] == ["storyline.muted", "storyline.unmuted"] * 2


def test_people_may_change_what_is_locked(desk: Desk) -> None:
    desk.ask("lock", storyline=1)
    desk.ask("merge", storyline=2, into=1)
    assert desk.where() == [1, 1]


def test_a_change_that_fails_half_way_leaves_ledger_and_memory_as_they_were(desk: Desk) -> None:
    def fail(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO events"):
            raise OSError("no space left on device")

    before = desk.memberships()
    command = ask(desk.ledger, "merge", storyline=2, into=1)
    event.listen(desk.ledger.engine, "before_cursor_execute", fail)
    desk.step()
    event.remove(desk.ledger.engine, "before_cursor_execute", fail)
    assert outcome(desk.ledger, command)[0] == "refused"
    assert desk.memberships() == before
    assert desk.decides("trial", "Marven") == 2


def test_an_edited_version_does_not_touch_where_people_put_an_article(desk: Desk) -> None:
    """It is told again where it is, and stays there."""
    desk.ask("move", articles=[2], to=1)
    with desk.ledger.write() as tx:
        tx.exec_driver_sql("UPDATE articles SET state = 'embedded' WHERE id = 2")
        assert [one.id for one in embedded(tx, VERSION, 9)] == [2]
        assert places(tx, [2])[2].storyline == 1
    assert desk.step() == 1
    assert desk.where(2) == [1]
    assert desk.memberships()[2]["pinned"]
    assert desk.told(1)[-1].type == "article.updated"
