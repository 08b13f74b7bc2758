"""Stories of one kind that must stay apart, and one story that must stay together."""

import pytest

from tests.storylines.wire import Desk, about, article, filler

ORSEL = (
    (
        "Dockers in Orsel walk out over night shifts",
        "Some 1,200 dockers in the port of Orsel stopped work on Monday morning. Their union, Havenbond, "
        "wants extra pay for night shifts; the operator Quayline calls the walkout unlawful.",
    ),
    (
        "Orsel port at a standstill as dockers strike",
        "No container moved in Orsel on Monday. Dockers of the Havenbond union struck over night shifts, and "
        "14 ships lay at anchor while Quayline sought a court order.",
    ),
    (
        "Quayline goes to court against Orsel dockers",
        "The operator Quayline asked a court to end the strike of the Orsel dockers. Havenbond said that the "
        "1,200 would stay out until night shifts were paid better.",
    ),
)
MARVEN = (
    (
        "Train drivers in Marven begin three-day strike",
        "Train drivers in Marven began a three-day strike on Monday. The union Spoor demands a 36-hour week; "
        "the Marven Railway cancelled 700 trains.",
    ),
    (
        "Marven commuters stranded as train drivers strike",
        "Thousands of commuters in Marven found no train on Monday. The drivers' union Spoor struck for a "
        "36-hour week, and the Marven Railway ran one train in ten.",
    ),
    (
        "Marven Railway makes new offer to striking drivers",
        "On the second day of the strike the Marven Railway offered its drivers a 37-hour week. Spoor, the "
        "union, will answer on Wednesday.",
    ),
)


@pytest.mark.parametrize("vectors", [True, False], ids=["with vectors", "words only"])
def test_two_strikes_stay_apart_and_each_together(vectors: bool) -> None:
    desk = Desk()
    desk.take_all(filler(vectors=vectors))
    coverage = []
    for i, (orsel, marven) in enumerate(zip(ORSEL, MARVEN, strict=True)):
        # Both are about a strike: to a model they are near neighbours.
        for at, (story, (title, text)) in enumerate((("docks", orsel), ("rail", marven))):
            vector = about("strike", story, noise=f"{story}{i}") if vectors else None
            coverage.append(article(2 * i + at + 1, title, text, vector=vector, hours=2.0 * i))
    found = desk.take_all(coverage)
    assert len({*found[0::2]}) == 1
    assert len({*found[1::2]}) == 1
    assert found[0] != found[1]


def test_a_decision_names_its_reasons_and_they_add_up() -> None:
    desk = Desk()
    desk.take_all(filler())
    desk.take(article(1, *ORSEL[0], vector=about("strike", "docks", noise="1")))
    desk.take(article(2, *MARVEN[0], vector=about("strike", "rail", noise="2")))
    decision = desk.take(article(3, *ORSEL[1], vector=about("strike", "docks", noise="3"), hours=2.0))
    assert decision.storyline == desk.history[-3][1]
    assert decision.runner_up == desk.history[-2][1]
    assert decision.runner_up_score is not None
    assert decision.runner_up_score < decision.threshold <= decision.score
    assert sum(e.contribution for e in decision.evidence) == pytest.approx(decision.score)
    assert {e.name for e in decision.evidence} == {
        *("nearness", "cohesion", "crowd", "title", "names"),
        *("its names", "its words", "its headlines", "length", "silence", "pause", "outlet again"),
    }
    assert decision.why()["evidence"][0]["name"] == "nearness"


def test_deciding_changes_nothing() -> None:
    desk = Desk()
    desk.take_all(filler())
    page = article(1, *ORSEL[0], vector=about("strike", "docks"))
    first = desk.filing.decide(page)
    for i, (title, text) in enumerate(MARVEN):
        desk.filing.decide(article(50 + i, title, text, vector=about("strike", "rail", noise=str(i))))
    assert desk.filing.decide(page) == first
    assert len(desk.filing) == 8


def test_an_old_storyline_is_no_candidate_and_a_late_article_does_not_reopen_it() -> None:
    desk = Desk()
    desk.take(article(1, *ORSEL[0], vector=about("docks"), hours=0.0))
    desk.take_all(filler(hours=1.0))
    assert desk.filing.decide(article(2, *ORSEL[1], vector=about("docks"), hours=24.0)).storyline == 100
    assert desk.filing.decide(article(3, *ORSEL[1], vector=about("docks"), hours=800.0)).storyline is None
    # Written long before: seen now, but no part of what happens now.
    assert (
        desk.filing.decide(article(4, *ORSEL[1], vector=about("docks"), hours=-999.0, seen_hours=2.0)).storyline is None
    )
    # Of unknown date: it may belong to anything that is remembered.
    assert desk.filing.decide(article(5, *ORSEL[1], vector=about("docks"), hours=None)).storyline == 100


def test_a_date_in_the_future_counts_as_seen_now() -> None:
    desk = Desk()
    desk.take_all(filler())
    desk.take(article(1, *ORSEL[0], vector=about("docks"), hours=9000.0, seen_hours=1.0))
    decision = desk.take(article(2, *ORSEL[1], vector=about("docks"), hours=3.0))
    assert decision.storyline == desk.history[-2][1]
    assert {e.name: e.value for e in decision.evidence}["silence"] < 2


def test_time_running_backwards_is_no_silence() -> None:
    desk = Desk()
    desk.take_all(filler(hours=50.0))
    found = desk.take_all(
        [article(i, *page, vector=about("docks", noise=str(i)), hours=50.0 - i) for i, page in enumerate(ORSEL)]
    )
    assert len(set(found)) == 1
