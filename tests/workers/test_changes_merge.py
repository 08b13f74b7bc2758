"""Two storylines made one: ids, articles, counts, events, memory."""

from __future__ import annotations

import pytest

from pipeline.errors import InputError
from pipeline.ledger import Ledger, storylines
from tests.workers.changing import Desk, in_sequence
from tests.workers.wire import at
from workers.clusterer.changes import merge


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """Storyline 1 on a flood (articles 1, 2), 2 on a trial (3 and its reprint 4), 3 on a merger (5)."""
    made = Desk(ledger)
    for _ in range(2):
        made.file("flood", "Orsel")
    made.dispatch("trial", "Marven", "Agency")
    made.dispatch("trial", "Marven", "Gazette")
    made.file("merger", "Hexby", hours=2)
    assert made.where() == [1, 1, 2, 2, 3]
    return made


def test_the_loser_leads_to_the_winner_which_has_its_articles(desk: Desk) -> None:
    done = desk.ask("merge", storyline=2, into=1)
    assert (done["storyline"], done["other"]) == (2, 1)
    assert desk.where() == [1, 1, 1, 1, 3]
    assert [row["filed_under"] for row in desk.memberships().values()] == [None, None, 2, 2, None]
    assert desk.one(2) == desk.one(1)
    found = desk.one(1)
    assert (found.articles, found.originals) == (4, 3)
    assert found.outlets == ("Outlet 1", "Outlet 2", "Agency", "Gazette")
    assert (found.first_article, found.last_article) == (at(0), at(0))
    gone = desk.row(2)
    assert (gone["merged_into"], gone["articles"], gone["headline"], gone["lead"]) == (1, 0, "", "")
    with desk.ledger.read() as tx:
        assert {one.id for one in storylines.listing(tx, limit=9)} == {1, 3}


def test_both_are_told_by_an_event_and_sequences_go_on(desk: Desk) -> None:
    done = desk.ask("merge", storyline=2, into=1)
    of_loser, of_winner = desk.told(2)[-1], desk.told(1)[-1]
    assert [one.type for one in (of_loser, of_winner)] == ["storyline.merged"] * 2
    for told in (of_loser, of_winner):
        assert (told.data["loser"], told.data["winner"], told.data["by"]) == (2, 1, "people")
        assert (told.data["change"], told.data["moved"], told.data["articles"]) == (done["change"], 2, [3, 4])
    assert of_winner.data["storyline"]["articles"] == 4
    assert of_loser.data["storyline"] | {"state": ""} == {
        "id": 2, "headline": "", "state": "", "declared": False, "articles": 0, "originals": 0, "outlets": 0
    }  # fmt: skip
    assert in_sequence(desk.told())


def test_what_follows_is_filed_under_the_winner(desk: Desk) -> None:
    assert desk.decides("trial", "Marven") == 2
    desk.ask("merge", storyline=2, into=1)
    assert desk.where()[-1] == 1, "the one that waited"
    assert desk.where(desk.dispatch("trial", "Marven", "Courier")) == [1], "a reprint as well"
    assert desk.memberships()[7]["kind"] == "duplicate"


def test_old_ids_stand_for_where_they_lead(desk: Desk) -> None:
    desk.ask("merge", storyline=2, into=1)
    desk.ask("merge", storyline=3, into=2)
    assert desk.one(3).id == 1
    assert desk.row(3)["merged_into"] == 1
    more = desk.file("derby", "Stellin")
    (other,) = desk.where(more)
    desk.ask("merge", storyline=2, into=other)
    assert {desk.one(old).id for old in (1, 2, 3)} == {other}, "the whole chain"
    assert set(desk.where()) == {other}
    assert [desk.memberships()[article]["filed_under"] for article in (1, 3, 5, more)] == [1, 2, 3, None]


def test_neither_itself_nor_a_circle(desk: Desk) -> None:
    desk.ask("merge", storyline=2, into=1)
    assert "storylines 1 and 2 are one already" in desk.refused("merge", storyline=1, into=2)
    assert "storyline 3 is itself" in desk.refused("merge", storyline=3, into=3)
    assert "there is no storyline 99" in desk.refused("merge", storyline=3, into=99)
    assert "`slugline storylines list`" in desk.refused("merge", storyline=99, into=3)


@pytest.mark.parametrize("into", [None, "3", True, 0, -1, 2**63, [1]])
def test_what_is_no_id_is_refused(desk: Desk, into: object) -> None:
    assert "give an id, a whole number above 0" in desk.refused("merge", storyline=1, into=into)


def test_a_declared_one_has_to_be_the_winner(desk: Desk) -> None:
    declared = desk.ask("declare", title="The derby", text="A derby in Stellin.")["storyline"]
    said = desk.refused("merge", storyline=declared, into=1)
    assert said.endswith(f"`slugline storylines merge 1 {declared}`")
    desk.ask("merge", storyline=1, into=declared)
    assert desk.one(1).headline == "The derby"
    assert desk.one(1).articles == 2


def test_second_thoughts_do_the_same_but_people_come_first(desk: Desk) -> None:
    with desk.ledger.write() as tx:
        done = merge(tx, desk.memory, loser=2, winner=1, why={"nearness": 4.2}, moment=at(desk.seconds))
    assert (done.by, done.command) == ("second thoughts", None)
    assert desk.told(1)[-1].data["why"] == {"nearness": 4.2}
    assert not any(row["pinned"] for row in desk.memberships().values())
    desk.ask("lock", storyline=3)
    with desk.ledger.write() as tx, pytest.raises(InputError, match="storyline 3 is locked"):
        merge(tx, desk.memory, loser=3, winner=1, why={}, moment=at(desk.seconds))
    assert desk.one(3).id == 3


def test_what_people_brought_together_is_not_split_by_second_thoughts(desk: Desk) -> None:
    desk.ask("merge", storyline=2, into=1)
    assert all(desk.memberships()[article]["pinned"] for article in (1, 2, 3, 4))
    later = desk.file("flood", "Orsel")
    for _ in range(2):
        assert not desk.memory.constraints.may_split(1, [3])
        assert not desk.memory.constraints.may_split(1, [1, later])
        assert desk.memory.constraints.may_split(1, [later])
        desk.restart()
        desk.step()


def test_it_is_the_same_after_a_restart(desk: Desk) -> None:
    desk.ask("merge", storyline=2, into=1)
    decisions = []
    for _ in range(2):
        decisions.append([desk.decides(*topics) for topics in (("trial", "Marven"), ("flood", "Orsel"), ("derby",))])
        headline = desk.memory.telling.tell(1)
        desk.restart()
        desk.step()
        assert desk.memory.telling.tell(1)[0] == headline[0] != ""
    assert decisions[0] == [1, 1, None]
