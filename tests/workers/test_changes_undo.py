"""Changes taken back, and what may not be taken back any more."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.ledger import Ledger
from tests.workers.changing import Desk, in_sequence
from tests.workers.wire import at
from workers.clusterer.changes import merge, split
from workers.forgetting import forget


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """Storyline 1 on a flood (articles 1, 2), 2 on a trial (3 and its reprint 4), 3 on a merger (5)."""
    made = Desk(ledger)
    for _ in range(2):
        made.file("flood", "Orsel")
    made.dispatch("trial", "Marven", "Agency")
    made.dispatch("trial", "Marven", "Gazette")
    made.file("merger", "Hexby")
    return made


def second_thought(desk: Desk, do: Any, **what: Any) -> int:
    with desk.ledger.write() as tx:
        return int(do(tx, desk.memory, why={}, moment=at(desk.seconds), **what).id)


def test_a_merge_taken_back_is_as_if_it_had_never_been(desk: Desk) -> None:
    desk.step()
    before, rows = desk.memberships(), [desk.one(1), desk.one(2)]
    done = desk.ask("merge", storyline=2, into=1)
    desk.ask("undo", change=done["change"])
    assert desk.memberships() == before
    for old in rows:
        new = desk.one(old.id)
        assert (new.id, new.articles, new.originals, new.outlets, new.headline, new.lead, new.merged_into) == (
            old.id, old.articles, old.originals, old.outlets, old.headline, old.lead, None
        )  # fmt: skip
    assert [one.type for one in (desk.told(1)[-1], desk.told(2)[-1])] == ["storyline.split", "storyline.opened"]
    assert desk.told(2)[-1].data["undoes"] == done["change"]
    assert in_sequence(desk.told())
    assert desk.decides("trial", "Marven", title="The trial of Marven goes on") == 2


def test_what_came_since_stays_and_what_was_moved_since_is_not_fetched_back(desk: Desk) -> None:
    done = desk.ask("merge", storyline=1, into=2)
    later = desk.file("trial", "Marven", title="The trial of Marven goes on")
    reprint = desk.dispatch("trial", "Marven", "Courier")
    desk.ask("move", articles=[1], to=3)
    desk.ask("undo", change=done["change"])
    assert desk.where(1, 2, 3, 4, 5, later, reprint) == [3, 1, 2, 2, 3, 2, 2]
    assert desk.memberships()[1]["pinned"], "people's word on that one stands"
    assert not any(desk.memberships()[article]["pinned"] for article in (2, 3, 4))


def test_reprints_that_came_since_go_back_with_their_original(desk: Desk) -> None:
    done = desk.ask("merge", storyline=2, into=1)
    reprint = desk.dispatch("trial", "Marven", "Courier")
    assert desk.where(reprint) == [1]
    desk.ask("undo", change=done["change"])
    assert desk.where(3, 4, reprint) == [2, 2, 2]


@pytest.mark.parametrize("by_people", [True, False])
def test_a_merge_that_people_undo_is_not_made_again(desk: Desk, by_people: bool) -> None:
    if by_people:
        change = desk.ask("merge", storyline=2, into=1)["change"]
    else:
        change = second_thought(desk, merge, loser=2, winner=1)
    desk.ask("undo", change=change)
    for _ in range(2):
        assert not desk.memory.constraints.may_merge(1, 2)
        desk.restart()
        desk.step()


def test_a_split_taken_back_brings_them_together_with_what_came_since(desk: Desk) -> None:
    desk.ask("merge", storyline=2, into=1)
    done = desk.ask("split", storyline=1, articles=[3])
    later = desk.dispatch("trial", "Marven", "Courier")
    desk.ask("undo", change=done["change"])
    assert desk.where(1, 2, 3, 4, later) == [1, 1, 1, 1, 1]
    assert desk.one(done["other"]).id == 1, "the id that it had leads back"
    assert desk.memory.constraints.apart_from(1) == frozenset()
    assert desk.told(1)[-1].type == "storyline.merged"
    assert in_sequence(desk.told())


def test_a_split_of_second_thoughts_that_people_undo_is_not_made_again(desk: Desk) -> None:
    second_thought(desk, merge, loser=2, winner=1)
    desk.ask("undo", change=second_thought(desk, split, storyline=1, articles=[3]))
    for _ in range(2):
        assert not desk.memory.constraints.may_split(1, [3])
        assert not desk.memory.constraints.may_split(1, [1])
        desk.restart()
        desk.step()


def test_a_move_taken_back_revives_a_storyline_that_was_emptied(desk: Desk) -> None:
    done = desk.ask("move", articles=[5], to=1)
    assert desk.row(3)["state"] == "empty"
    desk.ask("undo", change=done["change"])
    assert (desk.where(5), desk.row(3)["state"], desk.one(3).headline) == (
        [3],
        "emerging",
        "The merger Hexby: report 5",
    )
    assert not desk.memberships()[5]["pinned"]
    assert desk.memory.constraints.may_merge(1, 3)
    assert desk.decides("merger", "Hexby") == 3


def test_one_of_two_moves_taken_back_leaves_the_other_ones_word(desk: Desk) -> None:
    first = desk.ask("move", articles=[1], to=3)["change"]
    desk.ask("move", articles=[2], to=3)
    desk.ask("undo", change=first)
    for _ in range(2):
        assert not desk.memory.constraints.may_merge(1, 3)
        desk.restart()
        desk.step()


def test_of_two_merges_by_people_the_one_that_stands_keeps_together_what_it_joined(desk: Desk) -> None:
    first = desk.ask("merge", storyline=2, into=1)["change"]
    desk.ask("merge", storyline=3, into=1)
    desk.ask("undo", change=first)
    assert desk.where() == [1, 1, 2, 2, 1]
    assert not desk.memory.constraints.may_split(1, [1])
    assert not desk.memory.constraints.may_split(1, [5])
    assert desk.memory.constraints.may_split(2, [3])


def test_a_merge_in_the_middle_of_a_chain(desk: Desk) -> None:
    first = desk.ask("merge", storyline=3, into=2)["change"]
    second = desk.ask("merge", storyline=2, into=1)["change"]
    desk.ask("undo", change=first)
    assert desk.where() == [1, 1, 1, 1, 3]
    assert (desk.one(2).id, desk.one(3).id) == (1, 3)
    desk.ask("undo", change=second)
    assert desk.where() == [1, 1, 2, 2, 3]


def test_what_cannot_be_undone_is_refused_in_one_sentence(desk: Desk) -> None:
    assert desk.refused("undo", change=99).startswith("there is no change 99; `slugline storylines history ID`")
    done = desk.ask("merge", storyline=2, into=1)["change"]
    undone = desk.ask("undo", change=done)["change"]
    assert f"change {done} was undone on 2026-11-23" in desk.refused("undo", change=done)
    assert f"change {undone} undid another one" in desk.refused("undo", change=undone)
    again = desk.ask("merge", storyline=2, into=1)["change"]
    desk.ask("move", articles=[3], to=3)
    assert "nothing of storyline 2 is left in storyline 1" in desk.refused("undo", change=again)
    moved = desk.ask("move", articles=[2], to=3)["change"]
    desk.ask("merge", storyline=3, into=1)
    assert "storylines 1 and 3 have become one since" in desk.refused("undo", change=moved)


def test_a_split_whose_part_was_merged_elsewhere_is_undone_after_that(desk: Desk) -> None:
    parted = desk.ask("split", storyline=1, articles=[2])
    elsewhere = desk.ask("merge", storyline=parted["other"], into=3)["change"]
    said = desk.refused("undo", change=parted["change"])
    assert said == f"storyline {parted['other']} has been merged into storyline 3 since; undo that first"
    desk.ask("undo", change=elsewhere)
    desk.ask("undo", change=parted["change"])
    assert desk.where(1, 2, 5) == [1, 1, 3]


def test_an_article_that_was_forgotten_does_not_come_back(desk: Desk) -> None:
    done = desk.ask("merge", storyline=2, into=1)["change"]
    forget(desk.ledger, "3", at(desk.seconds))
    desk.step()
    desk.step()
    desk.ask("undo", change=done)
    assert (desk.where(4), desk.one(2).articles, desk.one(2).originals) == ([2], 1, 1)
    assert 3 not in desk.memberships()


def test_undone_is_undone_after_a_restart(desk: Desk) -> None:
    done = desk.ask("merge", storyline=2, into=1)["change"]
    desk.ask("undo", change=done)
    decisions = []
    for _ in range(2):
        decisions.append([desk.decides("trial", "Marven", title="The trial goes on"), desk.decides("flood", "Orsel")])
        desk.restart()
        desk.step()
    assert decisions == [[2, 1]] * 2


def test_what_people_moved_into_the_new_storyline_stays_there(desk: Desk) -> None:
    desk.ask("merge", storyline=2, into=1)
    done = desk.ask("split", storyline=1, articles=[3])
    desk.ask("move", articles=[5], to=done["other"])
    later = desk.dispatch("trial", "Marven", "Courier")
    assert desk.where(5, later) == [done["other"]] * 2
    desk.ask("undo", change=done["change"])
    assert desk.where(1, 2, 3, 4, later) == [1, 1, 1, 1, 1]
    assert desk.where(5) == [done["other"]]
    assert (desk.one(done["other"]).articles, desk.one(1).articles) == (1, 5)
    assert in_sequence(desk.told())


def test_a_split_of_which_only_that_is_left_is_not_undone(desk: Desk) -> None:
    desk.ask("merge", storyline=2, into=1)
    done = desk.ask("split", storyline=1, articles=[3])
    desk.ask("move", articles=[5], to=done["other"])
    desk.ask("move", articles=[3], to=1)
    assert "nothing of the split is left" in desk.refused("undo", change=done["change"])
