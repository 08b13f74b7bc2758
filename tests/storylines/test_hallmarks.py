"""What is a storyline's own counts, what its neighbours share does not; and how near members are to one another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.storylines.filing import Filing
from pipeline.storylines.hallmarks import hallmarks
from pipeline.storylines.members import COHESION, DOUBT, Strand
from tests.storylines.wire import article


def _counts(*numbers: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(numbers, np.float32)


def _of_one(
    inside: np.ndarray[tuple[int], np.dtype[np.float32]],
    overall: np.ndarray[tuple[int], np.dtype[np.float32]],
    rarity: np.ndarray[tuple[int], np.dtype[np.float32]],
    members: int,
) -> float:
    return float(hallmarks(inside[None], overall, rarity, np.array([float(members)]), best=6)[0])


def test_a_name_of_this_storyline_alone_counts_more_than_one_its_neighbours_share() -> None:
    rarity = _counts(2.0)
    own = _of_one(_counts(5), _counts(5), rarity, 5)
    shared = _of_one(_counts(5), _counts(20), rarity, 5)
    assert own == pytest.approx(2.0 * 5 / 6)
    assert shared == pytest.approx(2.0 * 5 / 21)


def test_a_name_of_one_member_in_five_counts_a_fifth_and_an_unknown_one_nothing() -> None:
    assert _of_one(_counts(1), _counts(1), _counts(2.0), 5) == pytest.approx(2.0 * 0.5 / 5)
    assert _of_one(_counts(0), _counts(9), _counts(2.0), 5) == 0.0
    assert _of_one(_counts(), _counts(), _counts(), 5) == 0.0


def test_only_the_best_count() -> None:
    many = _of_one(_counts(*[1] * 9), _counts(*[1] * 9), _counts(*[2.0] * 9), 1)
    assert many == pytest.approx(6 * 2.0 * 0.5)


def test_counts_that_faded_or_met_another_language_never_exceed_the_whole() -> None:
    assert _of_one(_counts(9), _counts(2), _counts(1.0), 3) == pytest.approx(1.0)


def test_storylines_are_measured_side_by_side() -> None:
    inside = np.array([[5, 0], [0, 1]], np.float32)
    both = hallmarks(inside, _counts(5, 1), _counts(2.0, 3.0), np.array([5.0, 1.0]), best=6)
    assert both.tolist() == pytest.approx(
        [_of_one(inside[n], _counts(5, 1), _counts(2.0, 3.0), m) for n, m in enumerate((5, 1))]
    )


def test_a_declared_headline_that_the_article_tells() -> None:
    filing = Filing()
    filing.declare(1, title="Orsel dam cracks", text="", vector=None, lang="en")

    def told(title: str, text: str) -> float:
        (_, evidence), *_ = filing.compare(article(9, title, text))
        return next(e.value for e in evidence if e.name == "its headlines")

    assert told("Cracks at dam", "The wall at Orsel.") == pytest.approx(1.0)
    assert told("Rates rise at the dam", "A quarter point.") == pytest.approx(1 / 3)


def test_cohesion_is_the_mean_cosine_between_members() -> None:
    strand = Strand(1)
    units = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], np.float32)
    strand.dense, strand.members = units[0], 1
    figures = strand.figures(strand.sum_of_vectors())
    assert math.isnan(figures[COHESION])
    assert figures[DOUBT] == 1.0
    strand.dense, strand.members = units.sum(axis=0), 3
    figures = strand.figures(strand.sum_of_vectors())
    assert figures[COHESION] == pytest.approx((0.6 + 0.8 + 0.0) / 3, abs=1e-6)
    assert figures[DOUBT] == 0.5
