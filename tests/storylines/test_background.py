"""How near is near: measured against recent articles, and by how many of other storylines are as near."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.storylines.background import Background
from tests.storylines.wire import about


def test_articles_of_other_storylines_that_are_as_near_are_counted_and_its_own_are_not() -> None:
    background = Background(100, 3.0, 4)
    for i in range(6):
        background.add(about("strike", noise=f"n{i}", share=0.1), "en", storyline=i % 2)
    for i in range(4):
        background.add(about(f"other{i}"), "en", storyline=10 + i)
    ordinary = background.measure(about("strike"), "en")
    assert ordinary.nearer([0.9, 0.9, 0.9], [0, 1, 99]).tolist() == [3, 3, 6]
    assert ordinary.nearer([1.01], [0]).tolist() == [0]


def test_an_article_without_a_vector_has_no_crowd_and_each_language_has_its_own() -> None:
    background = Background(100, 3.0, 4)
    for i in range(20):
        background.add(about("same", noise=f"n{i}", share=0.1), "vi", storyline=i)
    assert background.measure(None, "vi").nearer([0.5], [99]).tolist() == [0]
    assert background.measure(about("same"), "en").nearer([0.5], [99]).tolist() == [0]
    assert background.measure(about("same"), "vi").nearer([0.5], [99]).tolist() == [20]
    assert background.measure(about("same"), "vi").middle > 0.7
    assert background.measure(about("same"), "en").middle == pytest.approx(0.05)


def test_one_storyline_never_becomes_the_measure() -> None:
    background = Background(100, 3.0, 4)
    for i in range(50):
        background.add(about(f"topic{i}"), "en", storyline=i)
    for i in range(500):
        background.add(about("flood", noise=f"n{i}", share=0.05), "en", storyline=1000)
    ordinary = background.measure(about("flood"), "en")
    assert int((ordinary.owners == 1000).sum()) == 5
    assert ordinary.middle < 0.3
    assert np.isfinite(ordinary.spread)
