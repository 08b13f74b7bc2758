"""The clusterer has second thoughts: in the ledger, in events, after a restart, and under people's word."""

from __future__ import annotations

import pytest

from pipeline.errors import InputError
from pipeline.ledger import Ledger
from pipeline.storylines.options import FilingOptions
from pipeline.storylines.tend import Merge
from tests.workers.changing import Desk, in_sequence
from tests.workers.wire import VERSION, at
from workers.clusterer import Clusterer, thoughts
from workers.clusterer.hindsight import AT_ONCE, GROWTH, MOST_DUE, PATIENCE, Hindsight

FLOOD, TRIAL = ("flood", "orsel"), ("trial", "marven")


def wake(desk: Desk, **options: bool) -> Desk:
    """Another clusterer takes over, with the options of production, and thinks until nothing is left to think about."""
    desk.clusterer = Clusterer(desk.ledger, VERSION, options=FilingOptions(**options), leader_seconds=5)
    for _ in range(20):
        desk.step()
        if desk.clusterer.settled:
            return desk
    raise AssertionError("second thoughts come to no end")


def filed(ledger: Ledger, threshold: float) -> Desk:
    """Two articles on a flood, two on a trial, two more on the flood, as a clusterer files them that splits everything
    (a high threshold) or nothing (a low one)."""
    desk = Desk(ledger)
    options = FilingOptions(threshold=threshold, second_thoughts=False)
    desk.clusterer = Clusterer(ledger, VERSION, options=options, leader_seconds=5)
    for topics in (FLOOD, FLOOD, TRIAL, TRIAL, FLOOD, FLOOD):
        desk.file(*topics)
    return desk


@pytest.fixture
def apart(ledger: Ledger) -> Desk:
    desk = filed(ledger, 1000.0)
    assert desk.where() == [1, 2, 3, 4, 5, 6]
    return desk


@pytest.fixture
def together(ledger: Ledger) -> Desk:
    desk = filed(ledger, -1000.0)
    assert desk.where() == [1, 1, 1, 1, 1, 1]
    return desk


def test_what_opened_too_soon_is_merged_under_the_oldest_id(apart: Desk) -> None:
    wake(apart)
    assert apart.where() == [1, 1, 3, 3, 1, 1]
    assert [apart.one(storyline).id for storyline in (2, 5, 6, 4)] == [1, 1, 1, 3]
    assert (apart.row(1)["articles"], apart.row(3)["articles"]) == (4, 2)
    done = apart.history(2)[0]
    assert (done.kind, done.by, done.command) == ("merge", "second thoughts", None)
    assert max(done.why["score"], done.why["back"]) > 0


def test_what_holds_two_is_split(together: Desk) -> None:
    wake(together)
    assert together.where()[:2] == together.where()[4:] == [1, 1]
    trial = set(together.where()[2:4])
    assert len(trial) == 1
    assert trial != {1}
    assert together.history(1)[0].kind == "split"


def test_each_is_an_event_in_its_storylines_sequence(apart: Desk) -> None:
    wake(apart)
    told = apart.told()
    merged = [one for one in told if one.type == "storyline.merged"]
    assert {one.subject for one in merged} >= {"storyline/1", "storyline/2", "storyline/3", "storyline/4"}
    assert {one.data["by"] for one in merged} == {"second thoughts"}
    assert in_sequence(told)


def test_where_it_was_filed_at_first_stays_known(apart: Desk) -> None:
    wake(apart)
    first = [row["filed_under"] or row["storyline_id"] for row in apart.memberships().values()]
    assert first == [1, 2, 3, 4, 5, 6]


def test_the_next_article_is_filed_under_the_one_that_remained(apart: Desk) -> None:
    wake(apart)
    assert apart.decides(*FLOOD) == 1
    assert apart.decides(*TRIAL) == 3


def test_without_them_everything_stays(apart: Desk) -> None:
    wake(apart, second_thoughts=False)
    assert apart.where() == [1, 2, 3, 4, 5, 6]


def test_a_locked_storyline_is_left_alone(apart: Desk) -> None:
    apart.ask("lock", storyline=2)
    wake(apart)
    assert apart.where()[1] == 2
    assert apart.where(1, 5) == [1, 1]


def test_a_name_that_people_gave_stays_and_what_is_the_same_comes_to_it(apart: Desk) -> None:
    apart.ask("rename", storyline=5, title="The flood of the year")
    wake(apart)
    assert apart.where(1, 2, 5, 6) == [5, 5, 5, 5]
    assert apart.one(1).headline == "The flood of the year"


def test_of_two_names_none_is_thrown_away(apart: Desk) -> None:
    for storyline, title in ((2, "One name"), (5, "Another name")):
        apart.ask("rename", storyline=storyline, title=title)
    wake(apart)
    assert {apart.one(2).headline, apart.one(5).headline} == {"One name", "Another name"}
    assert apart.where(2, 5) == [2, 5]


def test_what_people_took_apart_stays_apart_over_restarts(apart: Desk) -> None:
    wake(apart)
    merge = next(one for one in apart.history(2) if one.kind == "merge")
    apart.ask("undo", change=merge.id)
    assert apart.where(2) == [2]
    for _ in range(2):
        wake(apart)
        assert apart.where(2) == [2]
    assert apart.where(1, 5, 6) == [1, 1, 1]


def test_there_is_no_going_round_in_circles(together: Desk) -> None:
    wake(together)
    before = together.told()
    wake(wake(together))
    assert together.told() == before


def test_a_restart_decides_the_same(apart: Desk) -> None:
    wake(apart)
    decided = apart.decides(*FLOOD), apart.decides(*TRIAL)
    wake(apart)
    assert (apart.decides(*FLOOD), apart.decides(*TRIAL)) == decided


def test_a_thought_that_became_impossible_is_refused_and_nothing_happens(apart: Desk) -> None:
    wake(apart, second_thoughts=False)
    before = apart.told()
    gone = Merge(loser=77, winner=1, score=9.0, back=9.0)
    with apart.ledger.write() as tx:
        thoughts.act(tx, apart.memory, gone, at(apart.seconds))
    assert apart.told() == before


def test_a_look_that_fails_stops_neither_the_wire_nor_other_looks(apart: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = thoughts.look

    def failing(tx: object, memory: object, storyline: int, moment: object) -> object:
        if storyline == 4:
            raise ZeroDivisionError("no such thing")
        return looked(tx, memory, storyline, moment)  # type: ignore[arg-type]

    monkeypatch.setattr(thoughts, "look", failing)
    wake(apart)
    assert apart.where(1, 2, 5, 6) == [1, 1, 1, 1]
    assert apart.file("derby", "stellin") in apart.memberships()


def test_looks_that_take_long_are_spread_over_steps(apart: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.clusterer.loop.STRETCH_SECONDS", 0.0)
    apart.clusterer = Clusterer(apart.ledger, VERSION, options=FilingOptions(), leader_seconds=5)
    apart.step()
    left = len(apart.memory.hindsight)
    assert left >= 5
    for _ in range(20):
        apart.step()
    assert apart.clusterer.settled
    assert apart.where() == [1, 1, 3, 3, 1, 1]


def test_a_declared_storyline_that_was_merged_into_cannot_be_the_loser(apart: Desk) -> None:
    wake(apart, second_thoughts=False)
    declared = apart.ask("declare", title="The flood of Orsel", text="Water in Orsel.")["storyline"]
    thought = Merge(loser=declared, winner=1, score=9.0, back=9.0)
    with apart.ledger.write() as tx:
        thoughts.act(tx, apart.memory, thought, at(apart.seconds))
    assert apart.one(declared).id == declared


class TestWhenToLook:
    def test_only_after_some_patience(self) -> None:
        queue = Hindsight()
        queue.touched(1)
        for _ in range(PATIENCE - 1):
            queue.touched(2)
            assert queue.due(idle=False) == []
        queue.touched(2)
        assert queue.due(idle=False) == [1]
        assert queue.due(idle=False) == []

    def test_at_once_when_there_is_nothing_to_file(self) -> None:
        queue = Hindsight()
        for storyline in range(1, AT_ONCE + 3):
            queue.touched(storyline)
        assert queue.due(idle=True) == list(range(1, AT_ONCE + 1))
        assert queue.due(idle=True) == [AT_ONCE + 1, AT_ONCE + 2]
        assert len(queue) == 0

    def test_a_large_one_only_when_it_has_grown(self) -> None:
        queue = Hindsight()
        assert queue.grown(1, 1)
        assert not queue.grown(1, 1)
        assert queue.grown(1, 2)
        assert queue.grown(1, 80)
        assert not queue.grown(1, 80 + 80 // GROWTH - 1)
        assert queue.grown(1, 80 + 80 // GROWTH)

    def test_no_more_wait_than_can_be_looked_at(self) -> None:
        queue = Hindsight()
        for storyline in range(MOST_DUE + 5):
            queue.touched(storyline)
        assert len(queue) == MOST_DUE
        assert queue.due(idle=True)[0] == 5

    def test_whatever_its_size_when_it_was_changed(self) -> None:
        queue = Hindsight()
        assert queue.grown(1, 80)
        queue.again(1)
        assert queue.due(idle=True) == [1]
        assert queue.grown(1, 80)


def test_second_thoughts_may_not_do_what_people_forbid(apart: Desk) -> None:
    """Even if asked to: the last line of defence is where the change is made."""
    from workers.clusterer import changes

    apart.ask("lock", storyline=2)
    with pytest.raises(InputError, match="locked"), apart.ledger.write() as tx:
        changes.merge(tx, apart.memory, loser=2, winner=1, why={}, moment=at(apart.seconds))
    assert apart.where(2) == [2]
