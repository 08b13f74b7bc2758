"""Scores against cases that were worked out by hand."""

import math

import pytest

from pipeline.errors import InputError
from pipeline.storylines.scores import ami, ari, bcubed, largest, pairwise


def test_equal_partitions_score_one_whatever_they_are_called() -> None:
    gold, found = ["a", "a", "b", "c"], [7, 7, 3, 9]
    assert bcubed(gold, found).f1 == pytest.approx(1)
    assert pairwise(gold, found).f1 == pytest.approx(1)
    assert ari(gold, found) == pytest.approx(1)
    assert ami(gold, found) == pytest.approx(1)


def test_bcubed_by_hand() -> None:
    # found 1 = {a, a, b}, found 2 = {b}: precision (2/3 + 2/3 + 1/3 + 1) / 4, recall (1 + 1 + 1/2 + 1/2) / 4
    score = bcubed(["a", "a", "b", "b"], [1, 1, 1, 2])
    assert score.precision == pytest.approx(8 / 12)
    assert score.recall == pytest.approx(3 / 4)
    assert score.f1 == pytest.approx(2 * (2 / 3) * (3 / 4) / (2 / 3 + 3 / 4))


def test_pairwise_by_hand() -> None:
    # labelled pairs: 1-2, 3-4; found pairs: 1-2, 1-3, 2-3
    score = pairwise(["a", "a", "b", "b"], [1, 1, 1, 2])
    assert score.precision == pytest.approx(1 / 3)
    assert score.recall == pytest.approx(1 / 2)
    assert score.f1 == pytest.approx(0.4)


def test_ari_by_hand() -> None:
    # both 1, labelled 2, found 3, of 6 pairs: expected 1, most 2.5
    assert ari(["a", "a", "b", "b"], [1, 1, 1, 2]) == pytest.approx(0)
    # both 1, labelled 2, found 1, of 6 pairs: expected 1/3, most 1.5
    assert ari(["a", "a", "b", "b"], [1, 1, 2, 3]) == pytest.approx((1 - 1 / 3) / (1.5 - 1 / 3))


def test_ami_of_independent_partitions_is_below_chance() -> None:
    # Mutual information 0, entropies ln 2; over the six ways to part four into two pairs the mean is ln(2) / 3.
    assert ami([0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx((0 - math.log(2) / 3) / (math.log(2) - math.log(2) / 3))


def test_one_giant_is_seen_by_pairwise_and_largest() -> None:
    gold = [i // 2 for i in range(20)]
    assert bcubed(gold, [0] * 20).recall == 1
    assert pairwise(gold, [0] * 20).precision == pytest.approx(10 / 190)
    assert largest([0] * 20) == 20


def test_all_single() -> None:
    assert pairwise([1, 2, 3], [4, 5, 6]).f1 == 1
    assert pairwise([1, 1, 1], [4, 5, 6]).recall == 0
    assert ari([1, 2, 3], [4, 5, 6]) == 1
    assert largest([]) == 0


@pytest.mark.parametrize("score", [bcubed, pairwise, ari, ami])
def test_nothing_or_unequal_lengths_are_refused(score) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no document"):
        score([], [])
    with pytest.raises(InputError, match="2 labels"):
        score([1, 2], [1])
