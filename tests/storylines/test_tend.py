"""Second thoughts: what turned out to be one is merged, what holds two is split, and people's word counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.records import Article
from pipeline.storylines.constraints import Constraints
from pipeline.storylines.tend import MOST_TO_SPLIT, Merge, Read, Split, second_thought, spread
from tests.storylines.wire import Desk, about, article, filler

FLOOD = "Water rose in Orsel after the dam above the town gave way, and the mayor asked people to leave their houses."
TRIAL = "A court in Hexby heard the first witnesses against the banker Tom Verrin, who denies that he took bribes."


def flood(number: int, hours: float = 0.0) -> Article:
    title = f"Orsel under water as dam gives way, report {number}"
    return article(number, title, FLOOD, vector=about("flood", "orsel", noise=f"n{number}"), hours=hours)


def trial(number: int, hours: float = 0.0) -> Article:
    title = f"Banker Verrin before court in Hexby, day {number}"
    return article(number, title, TRIAL, vector=about("trial", "hexby", noise=f"n{number}"), hours=hours)


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.take_all(filler())
    return made


def read(**held: Sequence[Article]) -> Read:
    """What the ledger would give: `s50=[...]` are the originals of storyline 50."""
    of = {int(name[1:]): list(articles) for name, articles in held.items()}
    return lambda storyline, most: spread(of.get(storyline, []), most)


def parted(desk: Desk) -> Read:
    """The flood in two storylines, 50 and 60."""
    older, younger = [flood(1), flood(2, 1.0), flood(3, 2.0)], [flood(4, 0.5), flood(5, 2.5)]
    for storyline, articles in ((50, older), (60, younger)):
        for one in articles:
            desk.filing.file(one, storyline)
    return read(s50=older, s60=younger)


def mixed(desk: Desk) -> Read:
    """Flood and trial in one storyline, 50."""
    held = [flood(1), trial(2), flood(3, 1.0), trial(4, 1.0), flood(5, 2.0)]
    for one in held:
        desk.filing.file(one, 50)
    return read(s50=held)


def test_two_that_are_one_are_merged_into_the_older(desk: Desk) -> None:
    thought = second_thought(60, desk.filing, Constraints(), parted(desk))
    assert isinstance(thought, Merge)
    assert (thought.loser, thought.winner) == (60, 50)
    assert max(thought.score, thought.back) >= desk.filing.options.threshold - 0.5
    assert set(thought.why()) == {"score", "back"}


def test_it_does_not_matter_from_which_side_one_looks(desk: Desk) -> None:
    held = parted(desk)
    thought = second_thought(50, desk.filing, Constraints(), held)
    assert isinstance(thought, Merge)
    assert (thought.loser, thought.winner) == (60, 50)


def test_a_declared_one_is_the_winner_though_it_is_younger(desk: Desk) -> None:
    held = parted(desk)
    desk.filing.declare(60, title="Orsel under water", text=FLOOD, vector=about("flood", "orsel"), lang="en")
    thought = second_thought(50, desk.filing, Constraints(declared=[60]), held)
    assert isinstance(thought, Merge)
    assert (thought.loser, thought.winner) == (50, 60)


@pytest.mark.parametrize(
    "constraints",
    [Constraints(locked=[60]), Constraints(locked=[50]), Constraints(apart=[(50, 60)]), Constraints(declared=[50, 60])],
)
def test_what_people_said_stands(desk: Desk, constraints: Constraints) -> None:
    assert second_thought(60, desk.filing, constraints, parted(desk)) is None


def test_what_was_split_by_a_second_thought_is_not_merged_by_the_next(desk: Desk) -> None:
    assert second_thought(60, desk.filing, Constraints(), parted(desk), parted=[50]) is None


def test_two_affairs_stay_two(desk: Desk) -> None:
    floods, trials = [flood(1), flood(2, 1.0)], [trial(3), trial(4, 1.0)]
    for storyline, articles in ((50, floods), (60, trials)):
        for one in articles:
            desk.filing.file(one, storyline)
    held = read(s50=floods, s60=trials)
    assert second_thought(50, desk.filing, Constraints(), held) is None
    assert second_thought(60, desk.filing, Constraints(), held) is None


def test_one_that_holds_two_is_split_and_the_smaller_part_leaves(desk: Desk) -> None:
    thought = second_thought(50, desk.filing, Constraints(), mixed(desk))
    assert isinstance(thought, Split)
    assert thought.articles == (2, 4)
    assert max(thought.score, thought.back) < desk.filing.options.threshold - 0.5


def test_after_the_split_there_is_nothing_more_to_do(desk: Desk) -> None:
    mixed(desk)
    floods, trials = [flood(1), flood(3, 1.0), flood(5, 2.0)], [trial(2), trial(4, 1.0)]
    desk.filing.restate(50, floods)
    desk.filing.restate(70, trials)
    held = read(s50=floods, s70=trials)
    assert second_thought(50, desk.filing, Constraints(), held) is None
    assert second_thought(70, desk.filing, Constraints(), held) is None


@pytest.mark.parametrize("constraints", [Constraints(locked=[50]), Constraints(declared=[50]), Constraints(pinned=[4])])
def test_a_split_that_people_forbid_is_none(desk: Desk, constraints: Constraints) -> None:
    assert second_thought(50, desk.filing, constraints, mixed(desk)) is None


def test_one_that_is_to_stay_whole_is_not_split(desk: Desk) -> None:
    assert second_thought(50, desk.filing, Constraints(), mixed(desk), whole=True) is None


def test_those_outside_the_sample_go_where_they_are_nearer(desk: Desk) -> None:
    held = [trial(n, n / 10) if n % 3 == 0 else flood(n, n / 10) for n in range(1, 31)]
    for one in held:
        desk.filing.file(one, 50)
    thought = second_thought(50, desk.filing, Constraints(), read(s50=held))
    assert isinstance(thought, Split)
    assert thought.articles == tuple(range(3, 31, 3))


def test_one_that_is_too_large_is_not_taken_apart(desk: Desk) -> None:
    held = [trial(n) if n % 2 else flood(n) for n in range(1, MOST_TO_SPLIT + 2)]
    for one in held[:40]:
        desk.filing.file(one, 50)
    assert second_thought(50, desk.filing, Constraints(), read(s50=held)) is None


def test_what_is_not_remembered_any_more_is_left_alone(desk: Desk) -> None:
    assert second_thought(999, desk.filing, Constraints(), read(s999=[])) is None


def test_a_sample_has_both_ends_and_no_more_than_it_may() -> None:
    articles = [flood(n) for n in range(1, 101)]
    chosen = [one.id for one in spread(articles, 8)]
    assert (chosen[0], chosen[-1], len(chosen)) == (1, 100, 8)
    assert np.all(np.diff(chosen) > 10)
    assert spread(articles[:3], 8) == articles[:3]
