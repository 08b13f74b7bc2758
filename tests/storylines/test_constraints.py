"""What people said of storylines binds second thoughts, also through merges."""

from __future__ import annotations

from pipeline.storylines.constraints import Constraints


def test_nothing_said_allows_everything() -> None:
    free = Constraints()
    assert free.may_merge(1, 2)
    assert free.may_split(1, [10])


def test_a_lock_forbids_both() -> None:
    held = Constraints(locked=[1])
    assert not held.may_merge(1, 2)
    assert not held.may_merge(2, 1)
    assert not held.may_split(1, [10])
    assert held.may_split(2, [10])
    assert held.against_merge(2, 1) == "storyline 1 is locked"


def test_those_taken_apart_stay_apart_wherever_they_go() -> None:
    held = Constraints(apart=[(1, 2), (2, 3)])
    assert not held.may_merge(2, 1)
    assert held.may_merge(1, 3)
    held.merged(1, 4)
    assert not held.may_merge(4, 2)
    assert held.apart_from(2) == {3, 4}
    assert held.against_merge(4, 2) == "people took storylines 4 and 2 apart"
    held.merged(2, 5)
    assert not held.may_merge(5, 4)
    assert not held.may_merge(3, 5)


def test_an_article_that_was_put_there_stays() -> None:
    held = Constraints(pinned=[10])
    assert not held.may_split(1, [9, 10])
    assert held.may_split(1, [9])
    assert held.against_split(1, {10}) == "people put article 10 there"


def test_two_declared_ones_are_two() -> None:
    held = Constraints(declared=[1, 2])
    assert not held.may_merge(1, 2)
    assert held.may_merge(1, 3)


def test_one_is_never_apart_from_itself() -> None:
    held = Constraints(apart=[(1, 2)])
    held.merged(1, 2)
    assert held.apart_from(2) == frozenset()


def test_what_people_declared_or_named_is_what_remains() -> None:
    constraints = Constraints(declared=[5], renamed=[4])
    assert sorted([1, 2, 4, 5], key=constraints.rank) == [5, 4, 1, 2]
    assert "each a name" in str(constraints.against_merge(4, 5))
    assert constraints.may_merge(1, 4)
    constraints.merged(4, 1)
    assert constraints.may_merge(1, 5)
