"""Articles taken out of a storyline, into a new one or another one."""

from __future__ import annotations

import pytest

from pipeline.errors import InputError
from pipeline.ledger import Ledger
from pipeline.storylines.filing import Filing
from tests.workers.changing import Desk, in_sequence, text
from tests.workers.wire import VERSION, at
from workers.clusterer.changes import merge, split
from workers.clusterer.memory import Memory


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """Storyline 1: articles 1 and 2 on a flood, brought together with 3 and 4 (a reprint) on a trial by second
    thoughts; storyline 3: article 5 on a merger."""
    made = Desk(ledger)
    for _ in range(2):
        made.file("flood", "Orsel")
    made.dispatch("trial", "Marven", "Agency")
    made.dispatch("trial", "Marven", "Gazette")
    made.file("merger", "Hexby")
    with ledger.write() as tx:
        merge(tx, made.memory, loser=2, winner=1, why={}, moment=at(made.seconds))
    assert made.where() == [1, 1, 1, 1, 3]
    return made


def test_a_split_gives_the_articles_with_their_reprints_a_storyline_of_their_own(desk: Desk) -> None:
    done = desk.ask("split", storyline=1, articles=[3])
    assert (done["storyline"], done["other"]) == (1, 4)
    assert desk.where() == [1, 1, 4, 4, 3]
    old, new = desk.one(1), desk.one(4)
    assert (old.articles, old.outlets, old.headline[:9]) == (2, ("Outlet 1", "Outlet 2"), "The flood")
    assert (new.articles, new.originals, new.headline) == (2, 1, "The trial of Marven")
    assert new.lead.startswith("A long dispatch on the trial")
    assert {row["filed_under"] for row in desk.memberships().values()} == {None, 2}, "the first one, not the last one"


def test_the_old_one_is_told_of_a_split_and_the_new_one_opens(desk: Desk) -> None:
    desk.ask("split", storyline=1, articles=[3])
    told = desk.told(1)[-1]
    assert (told.type, told.data["source"], told.data["target"]) == ("storyline.split", 1, 4)
    assert told.data["storyline"]["articles"] == 2
    first = desk.told(4)[0]
    assert (first.type, first.sequence, first.data["articles"], first.data["by"]) == (
        "storyline.opened", 1, [3, 4], "people"
    )  # fmt: skip
    assert in_sequence(desk.told())


def test_what_follows_goes_to_its_own(desk: Desk) -> None:
    desk.ask("split", storyline=1, articles=[3])
    for _ in range(2):
        assert desk.decides("trial", "Marven", title="The trial of Marven goes on") == 4
        assert desk.decides("flood", "Orsel") == 1
        desk.restart()
        desk.step()
    assert desk.where(desk.dispatch("trial", "Marven", "Courier")) == [4], "a reprint goes with its original"


def test_second_thoughts_never_bring_them_together_again(desk: Desk) -> None:
    desk.ask("split", storyline=1, articles=[3])
    for _ in range(2):
        assert not desk.memory.constraints.may_merge(1, 4)
        assert not desk.memory.constraints.may_split(4, [3])
        with desk.ledger.write() as tx, pytest.raises(InputError, match="people took storylines 4 and 1 apart"):
            merge(tx, desk.memory, loser=4, winner=1, why={}, moment=at(desk.seconds))
        desk.restart()
        desk.step()
    with desk.ledger.write() as tx:
        merge(tx, desk.memory, loser=1, winner=3, why={}, moment=at(desk.seconds))
    assert not desk.memory.constraints.may_merge(4, 3), "nor by a detour"
    desk.restart()
    desk.step()
    assert not desk.memory.constraints.may_merge(3, 4)


def test_people_may_change_their_minds(desk: Desk) -> None:
    desk.ask("split", storyline=1, articles=[3])
    desk.ask("merge", storyline=4, into=1)
    assert desk.memory.constraints.apart_from(1) == frozenset()
    assert desk.where() == [1, 1, 1, 1, 3]


@pytest.mark.parametrize(
    ("articles", "words"),
    [
        ([], "name at least one article"),
        ([5], "article 5 is not in storyline 1"),
        ([999], "article 999 is not in storyline 1"),
        ([4], "article 4 is a reprint and stays with its original; name article 3"),
        ([1, 2, 3], "these are all articles of storyline 1; name some of them"),
        (["3"], "articles is '3'; give an id"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(desk: Desk, articles: list[int], words: str) -> None:
    assert words in desk.refused("split", storyline=1, articles=articles)
    assert desk.where() == [1, 1, 1, 1, 3]


def test_articles_move_to_a_storyline_that_is_there(desk: Desk) -> None:
    done = desk.ask("move", articles=[3], to=3)
    assert (done["storyline"], done["other"]) == (1, 3)
    assert desk.where() == [1, 1, 3, 3, 3]
    assert [desk.told(storyline)[-1].type for storyline in (1, 3)] == ["storyline.moved", "storyline.developing"]
    assert desk.told(3)[-2].type == "storyline.moved"
    assert not desk.memory.constraints.may_merge(1, 3)
    assert [row["pinned"] for row in desk.memberships().values()] == [False, False, True, True, False]
    assert in_sequence(desk.told())
    assert desk.decides("trial", "Marven", title="The trial of Marven goes on") == 3


def test_a_move_to_a_new_one_is_a_split(desk: Desk) -> None:
    done = desk.ask("move", articles=[3], to=None)
    assert desk.where() == [1, 1, 4, 4, 3]
    assert desk.history(1)[0].kind == "split"
    assert done["other"] == 4


def test_a_storyline_that_gave_away_all_it_had_is_empty(desk: Desk) -> None:
    desk.ask("move", articles=[5], to=1)
    left = desk.row(3)
    assert (left["state"], left["articles"], left["headline"], left["merged_into"]) == ("empty", 0, "", None)
    assert desk.decides("merger", "Hexby") == 1
    for _ in range(2):
        assert len(desk.memory.filing) == 1
        desk.restart()
        desk.step()


def test_a_declared_one_stays_without_articles(desk: Desk) -> None:
    declared = desk.ask("declare", title="The derby", text="A derby in Stellin.")["storyline"]
    desk.ask("move", articles=[5], to=declared)
    assert desk.one(declared).articles == 1
    desk.ask("move", articles=[5], to=1)
    assert (desk.row(declared)["state"], desk.one(declared).headline) == ("emerging", "The derby")
    assert declared in desk.memory.constraints.declared


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"articles": [1], "to": 1}, "these articles are in storyline 1 already"),
        ({"articles": [1, 5], "to": 3}, "these articles are in storylines 1, 3; move those of one storyline at a time"),
        ({"articles": [999], "to": 3}, "article 999 is in no storyline"),
        ({"articles": [], "to": 3}, "name at least one article"),
        ({"articles": [1], "to": 77}, "there is no storyline 77"),
        ({"articles": [5], "to": 1, "storyline": 1}, "article 5 is not in storyline 1"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(desk: Desk, given: dict[str, object], words: str) -> None:
    assert words in desk.refused("move", **given)
    assert desk.where() == [1, 1, 1, 1, 3]


def test_second_thoughts_take_nothing_out_that_people_put_there(desk: Desk) -> None:
    desk.ask("move", articles=[3], to=3)
    with desk.ledger.write() as tx, pytest.raises(InputError, match="people put article 3 there"):
        split(tx, desk.memory, storyline=3, articles=[3], why={}, moment=at(desk.seconds))
    with desk.ledger.write() as tx:
        done = split(tx, desk.memory, storyline=3, articles=[5], why={"halves": 2}, moment=at(desk.seconds))
    assert done.other is not None
    assert desk.memory.constraints.may_merge(done.other, 3), "the clusterer may change its mind"
    assert not desk.memory.constraints.may_merge(1, 3)


def test_the_figures_of_the_stream_stay_as_they_are(desk: Desk) -> None:
    """A correction is no new evidence of how the stream goes on, or of which words are rare."""
    filing = desk.memory.filing
    before = figures(filing)
    desk.ask("split", storyline=1, articles=[3])
    assert desk.memory.filing is filing
    assert figures(filing) == before


def figures(filing: Filing) -> dict[str, bytes | None]:
    """What is counted of the stream, as it is stored."""
    return {part: content for part, content in filing.dump(whole=True) if part.startswith(("terms", "backg", "rhythm"))}


def test_a_storyline_that_a_late_reprint_kept_alive_stays_so_after_a_split(desk: Desk) -> None:
    """What memory knows is what a start reads again."""
    words = {"title": "The trial of Marven", "text": text("trial", "Marven"), "hours": 100.0}
    desk.seconds += 100 * 3600
    late = desk.file("trial", "Marven", source="Courier", **words)
    assert desk.memberships()[late]["kind"] == "duplicate"
    desk.ask("split", storyline=1, articles=[1])
    anew = Memory.rebuilt(desk.ledger, VERSION, desk.memory.options, at(desk.seconds), lambda _: None, anew=True)
    live, read = (memory.filing._strands[1] for memory in (desk.memory, anew))
    assert (live.last, live.seen, live.articles) == (read.last, read.seen, read.articles)
    for memory in (desk.memory, anew):
        assert memory.filing.forget(at(50 * 3600)) == len({3, 4})
        assert 1 in memory.filing._strands


def test_a_declared_storyline_that_gives_all_away_begins_again(desk: Desk) -> None:
    declared = desk.ask("declare", title="The Orsel flood", text="The flood in Orsel, before and after.")["storyline"]
    desk.seconds += 100
    desk.ask("merge", storyline=1, into=declared)
    desk.step()
    assert desk.one(declared).state == "developing"
    desk.ask("move", articles=[1, 2, 3], to=3)
    assert (desk.one(declared).articles, desk.one(declared).state) == (0, "emerging")
