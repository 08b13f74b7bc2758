"""A storyline known by other articles than before: what people moved in or out of it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.records import Article
from tests.storylines.wire import Desk, about, article, filler

TEXT = "The harbour of Orsel was closed on Monday. " + " ".join(f"word{n}" for n in range(70))


def flood(number: int, hours: float = 0.0, text: str = "Water rose in Orsel.") -> Article:
    return article(number, "Flood in Orsel", text, vector=about("flood", "orsel", noise=f"n{number}"), hours=hours)


def trial(number: int, hours: float = 0.0) -> Article:
    return article(
        number,
        "Trial in Hexby",
        "A court sat in Hexby.",
        vector=about("trial", "hexby", noise=f"n{number}"),
        hours=hours,
    )


@pytest.fixture
def desk() -> Desk:
    """Storyline 50: two articles on a flood and two on a trial."""
    made = Desk()
    made.take_all(filler())
    for one in (flood(1), trial(2), flood(3, 1.0), trial(4, 1.0)):
        made.filing.file(one, 50)
    return made


def held(desk: Desk) -> int:
    """Recent members of all storylines together."""
    return sum(len(strand.recent) for strand in desk.filing._strands.values())


def test_each_half_draws_its_own(desk: Desk) -> None:
    desk.filing.restate(50, [flood(1), flood(3, 1.0)])
    desk.filing.restate(51, [trial(2), trial(4, 1.0)])
    assert desk.filing.decide(trial(9, 2.0)).storyline == 51
    assert desk.filing.decide(flood(9, 2.0)).storyline == 50


def test_the_same_again_changes_no_choice_and_keeps_no_row_twice(desk: Desk) -> None:
    before = len(desk.filing), held(desk)
    chosen = [desk.filing.decide(one).storyline for one in (trial(9, 2.0), flood(10, 2.0))]
    for _ in range(3):
        desk.filing.restate(50, [flood(1), trial(2), flood(3, 1.0), trial(4, 1.0)])
    assert (len(desk.filing), held(desk)) == before
    assert [desk.filing.decide(one).storyline for one in (trial(9, 2.0), flood(10, 2.0))] == chosen


def test_the_order_of_giving_and_getting_makes_no_difference(desk: Desk) -> None:
    desk.filing.restate(51, [trial(2), trial(4, 1.0)])
    desk.filing.restate(50, [flood(1), flood(3, 1.0)])
    assert held(desk) == len(filler()) + 4
    assert desk.filing.decide(trial(9, 2.0)).storyline == 51


def test_reprints_find_their_original_where_it_is_now(desk: Desk) -> None:
    original = flood(5, text=TEXT)
    desk.filing.file(original, 50)
    desk.filing.restate(50, [flood(1), trial(2)])
    desk.filing.restate(51, [original])
    reprint = desk.filing.decide(article(6, "Flood in Orsel", TEXT, outlet="Another", hours=1.0))
    assert (reprint.storyline, reprint.copy_of) == (51, 5)


def test_without_articles_it_goes_but_a_declared_one_stays(desk: Desk) -> None:
    before = len(desk.filing)
    desk.filing.restate(50, [])
    assert len(desk.filing) == before - 1
    assert desk.filing.decide(flood(9, 2.0)).storyline is None
    desk.filing.declare(60, title="Flood in Orsel", text="Water.", vector=about("flood", "orsel"), lang="en")
    desk.filing.file(flood(9, 2.0), 60)
    desk.filing.restate(60, [])
    assert len(desk.filing) == before
    assert desk.filing.decide(flood(10, 3.0)).storyline == 60


def test_a_vector_that_does_not_fit_changes_nothing(desk: Desk) -> None:
    with pytest.raises(InputError, match="dimensions"):
        desk.filing.restate(50, [flood(1), article(2, "Odd", "Odd.", vector=np.ones(8, np.float32) / 8**0.5)])
    assert desk.filing.decide(flood(9, 2.0)).storyline == 50


def test_reprints_keep_it_alive_as_when_they_were_filed(desk: Desk) -> None:
    late = article(7, "Flood in Orsel", TEXT, vector=None, hours=50.0)
    desk.filing.file(late, 50, copy_of=1)
    before = desk.filing._strands[50]
    known = (before.first, before.last, before.seen, before.articles)
    four = [flood(1), trial(2), flood(3, 1.0), trial(4, 1.0)]
    desk.filing.restate(50, four, reprints=[(late.published, late.seen)])
    after = desk.filing._strands[50]
    assert (after.first, after.last, after.seen, after.articles) == known
    desk.filing.restate(50, four)
    assert desk.filing._strands[50].seen < known[2]


def test_one_of_reprints_alone_lives_on(desk: Desk) -> None:
    late = article(7, "Flood in Orsel", TEXT, vector=None, hours=50.0)
    desk.filing.restate(50, [], reprints=[(late.published, late.seen)])
    assert desk.filing._strands[50].articles == 1
    desk.filing.forget(late.seen)
    assert 50 in desk.filing._strands
