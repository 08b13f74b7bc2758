"""Ten thousand near-identical pages, and single pages out of all proportion, neither swallow a storyline nor slow
down filing."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest

from pipeline.storylines.filing import Filing
from tests.storylines.test_copies import WALL
from tests.storylines.test_restart import stream
from tests.storylines.wire import Desk, about, article, filler

PAGES = 10_000


def test_a_flood_of_consent_walls_swallows_no_storyline_and_costs_no_more_in_the_end() -> None:
    desk = Desk()
    real = stream(400)
    desk.take_all(real[:300])
    before = set(desk.filing._strands)
    spent = []
    for n in range(PAGES):
        wall = article(
            100_000 + n, f"Please choose, visitor {n % 97}", WALL, vector=about("wall", noise=str(n % 500), share=0.05),
            hours=75.0 + n / 1000, outlet=f"outlet{n % 40}",
        )  # fmt: skip
        began = time.process_time()
        decision = desk.take(wall)
        spent.append(time.process_time() - began)
        assert decision.storyline not in before
    assert np.median(spent[-1000:]) < 3 * np.median(spent[500:1500])
    # What is real is filed as if there had been no flood: the storylines that were there go on.
    found = Counter(desk.take_all(real[300:]))
    walls = {storyline for each, storyline, _ in desk.history if each.id >= 100_000}
    assert not walls & found.keys()
    assert sum(count for storyline, count in found.items() if storyline in before) > 50


def test_a_megabyte_of_text_is_read_in_a_moment() -> None:
    desk = Desk()
    desk.take_all(filler())
    text = "The freighter Maribel blocks the harbour of Port Alder. " * 20_000
    began = time.process_time()
    desk.take(article(1, "Freighter blocks harbour", text, vector=about("harbour")))
    desk.take(article(2, "x" * 1_000_000, "y" * 1_000_000, vector=about("harbour")))
    desk.take(article(3, " ".join(f"word{n}" for n in range(100_000)), "", vector=about("harbour")))
    assert time.process_time() - began < 10.0
    follow = desk.filing.decide(article(4, "Freighter Maribel blocks harbour", text[:300], vector=about("harbour")))
    assert follow.storyline == desk.history[len(filler())][1]


def test_time_that_runs_backwards_is_filed_all_the_same() -> None:
    forwards, backwards = Desk(), Desk()
    pages = stream(120)
    forwards.take_all(pages)
    found = backwards.take_all(pages[::-1])
    assert len(set(found)) < 2 * len({storyline for _, storyline, _ in forwards.history})
    assert backwards.filing.forget(pages[60].seen) > 0
    assert len(backwards.filing) > 0


@pytest.mark.parametrize("other", [False, True], ids=["the same storyline", "another storyline"])
def test_an_article_that_comes_twice_counts_once(other: bool) -> None:
    filing = Filing()
    page = article(1, "Flood in Orsel", "Water rose in Orsel.", vector=about("flood"))
    filing.file(page, 50)
    filing.file(page, 51 if other else 50)
    assert sum(strand.recent.count(1) for strand in filing._strands.values()) == 1
    assert filing._strands[50].members == 1
