"""What counts as merged, split or moved between two filings of the same articles."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from workers.replay import compare
from workers.replay.compare import Changed, Part


def changed(live: str, replay: str, *, pinned: str = "", known: Collection[int] = ()) -> Changed:
    """Storylines are digits, one for each article; `pinned` has an x for each article that people put there."""
    one, other = (np.array([int(digit) for digit in digits], np.int64) for digits in (live, replay))
    held = np.array([mark == "x" for mark in pinned.ljust(len(live))], bool)
    return compare.changed(one, other, held, known)


def test_other_ids_for_the_same_storylines_are_no_change() -> None:
    found = changed("112223", "778889")
    assert (found.merged, found.split, len(found.single)) == ((), (), 0)
    assert found.stands_for == {7: 1, 8: 2, 9: 3}


def test_two_that_become_one_are_merged_into_the_larger() -> None:
    found = changed("11122", "77777")
    (merge,) = found.merged
    assert merge.parts == (Part(1, 7, 3), Part(2, 7, 2))
    assert merge.moved == 2
    assert (found.split, len(found.single)) == ((), 0)


def test_one_that_becomes_several_is_split_and_its_largest_part_stays() -> None:
    found = changed("111111", "778889")
    (split,) = found.split
    assert (split.live, split.stay, split.parts, split.moved) == (1, 3, (Part(1, 7, 2),), 2)
    assert found.single.tolist() == [5]
    assert found.merged == ()


def test_a_part_that_leaves_one_and_takes_in_another_is_new() -> None:
    found = changed("11111111122", "77777888888")
    (merge,), (split,) = found.merged, found.split
    assert merge.parts == (Part(1, 8, 4), Part(2, 8, 2))
    assert split.parts == (Part(1, 8, 4),)
    assert found.stands_for == {7: 1}


def test_articles_that_go_alone_are_told_one_by_one_the_largest_storyline_first() -> None:
    found = changed("1122223", "1122213", known={1, 2})
    assert found.single.tolist() == [5]
    found = changed("11233335", "11133355", known={1, 3, 5})
    assert found.single.tolist() == [6, 2]


def test_what_was_there_before_stands_for_itself_however_few_of_its_articles_are_new() -> None:
    found = changed("1222", "1111", known={1})
    (merge,) = found.merged
    assert merge.parts == (Part(1, 1, 1), Part(2, 1, 3))
    found = changed("111", "777", known={1})
    (split,) = found.split
    assert (split.live, split.stay, split.parts) == (1, 0, (Part(1, 7, 3),))


def test_what_people_did_is_counted_apart() -> None:
    found = changed("1111122", "7778899", pinned="   xx")
    assert (found.split, found.merged, len(found.single)) == ((), (), 0)
    assert (found.by_people, found.people_elsewhere) == (2, 2)


def test_shape_and_agreement() -> None:
    one, other = np.array([1, 1, 2, 3], np.int64), np.array([7, 7, 7, 9], np.int64)
    assert compare.shape(one) == {"storylines": 3, "singles": 2, "largest": 2}
    assert compare.shape(other) == {"storylines": 2, "singles": 1, "largest": 3}
    found = compare.agreement(one, other)
    assert found is not None
    assert found["pairwise"] == {"precision": 0.3333, "recall": 1.0, "f1": 0.5}
    assert 0 < found["ami"] < 1
    assert compare.agreement(one[:0], other[:0]) is None
