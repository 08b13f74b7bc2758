"""What is a storyline's own counts, what its neighbours share does not; and how near members are to one another."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.storylines.evidence import read
from pipeline.storylines.hallmarks import hallmarks, headline_told
from pipeline.storylines.members import Strand


def _counts(*numbers: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(numbers, np.float32)


def test_a_name_of_this_storyline_alone_counts_more_than_one_its_neighbours_share() -> None:
    rarity = _counts(2.0)
    own = hallmarks(_counts(5), _counts(5), rarity, 5, best=6)
    shared = hallmarks(_counts(5), _counts(20), rarity, 5, best=6)
    assert own == pytest.approx(2.0 * 5 / 6)
    assert shared == pytest.approx(2.0 * 5 / 21)


def test_a_name_of_one_member_in_five_counts_a_fifth_and_an_unknown_one_nothing() -> None:
    assert hallmarks(_counts(1), _counts(1), _counts(2.0), 5, best=6) == pytest.approx(2.0 * 0.5 / 5)
    assert hallmarks(_counts(0), _counts(9), _counts(2.0), 5, best=6) == 0.0
    assert hallmarks(_counts(), _counts(), _counts(), 5, best=6) == 0.0


def test_only_the_best_count() -> None:
    many = hallmarks(_counts(*[1] * 9), _counts(*[1] * 9), _counts(*[2.0] * 9), 1, best=6)
    assert many == pytest.approx(6 * 2.0 * 0.5)


def test_counts_that_faded_or_met_another_language_never_exceed_the_whole() -> None:
    assert hallmarks(_counts(9), _counts(2), _counts(1.0), 3, best=6) == pytest.approx(1.0)


def test_a_declared_headline_that_the_article_tells() -> None:
    strand = Strand(1)
    strand.seed = read("Orsel dam cracks", "", None, "en")
    assert headline_told(strand, read("Cracks at dam", "The wall at Orsel.", None, "en").body) == pytest.approx(1.0)
    assert headline_told(strand, read("Rates rise", "A quarter point.", None, "en").body) == 0.0
    assert headline_told(Strand(2), read("Rates rise", "", None, "en").body) == 0.0


def test_cohesion_is_the_mean_cosine_between_members() -> None:
    strand = Strand(1)
    units = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], np.float32)
    strand.dense, strand.members = units[0], 1
    assert strand.cohesion() is None
    assert strand.doubt() == 1.0
    strand.dense, strand.members = units.sum(axis=0), 3
    assert strand.cohesion() == pytest.approx((0.6 + 0.8 + 0.0) / 3, abs=1e-6)
    assert strand.doubt() == 0.5
