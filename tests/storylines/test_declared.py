"""A storyline that was declared beforehand takes in its coverage and nothing that only looks like it."""

import pytest

from pipeline.records import Article
from pipeline.storylines.filing import Filing
from tests.storylines.wire import Desk, about, article, filler

TITLE = "The phone call between the US president and Nicolás Maduro"
TEXT = """The president of the United States confirmed on Sunday aboard Air Force One that he had spoken by phone with
Nicolás Maduro, the president of Venezuela: it had gone neither well nor badly, he said, it was a phone call. Newspapers
had reported that the two spoke about a meeting and about an amnesty for Maduro if he steps down."""

CALL = (
    (
        "Trump confirms he spoke by phone with Maduro",
        "President Donald Trump said on Sunday aboard Air Force One that he had talked with Venezuela's "
        "Nicolás Maduro by phone. Asked how it went, he said neither well nor badly: it was a phone call.",
    ),
    (
        "Maduro call: what is known about the amnesty talk",
        "Days after the phone call between Donald Trump and Nicolás Maduro, newspapers report that the two "
        "talked about a meeting and that Maduro asked for an amnesty in case he steps down as president of "
        "Venezuela.",
    ),
    (
        "White House silent on what Trump told Maduro",
        "The White House gave no details on Monday of the phone call that President Trump had with Nicolás "
        "Maduro of Venezuela, which he confirmed aboard Air Force One.",
    ),
)
OTHER_CALL = (
    (
        "Leaders of Kestria and Ovalia speak by phone",
        "President Ilse Varn of Kestria and Prime Minister Jonas Peel of Ovalia spoke by phone on Sunday for "
        "the first time since the border closed, both offices said. They agreed to meet.",
    ),
    (
        "Varn calls Peel: Kestria and Ovalia to hold talks",
        "After a phone call that lasted 40 minutes, Ilse Varn and Jonas Peel said that Kestria and Ovalia "
        "would hold talks about the border.",
    ),
)
STRIKES = (
    (
        "Boat strikes: report says second attack killed survivors",
        "US forces struck a boat in the Caribbean a second time in September and killed two survivors of the "
        "first attack, a report said. At least 83 people have died in such strikes on boats said to carry "
        "drugs.",
    ),
    (
        "Lawmakers ask for video of Caribbean boat strikes",
        "Lawmakers of both parties want to see the video of strikes on boats in the Caribbean, in which at "
        "least 83 people were killed. The defence secretary is said to deny that he gave an order to leave no"
        " survivors.",
    ),
)


def coverage(vectors: bool) -> list[Article]:
    found, number = [], 0
    for topics, pages in (
        (("call", "maduro"), CALL),
        (("call", "kestria"), OTHER_CALL),
        (("maduro", "boats"), STRIKES),
    ):
        for title, text in pages:
            number += 1
            vector = about(*topics, noise=title[:8], share=0.6) if vectors else None
            found.append(article(number, title, text, vector=vector, hours=3.0 * number))
    return found


@pytest.mark.parametrize("vectors", [True, False], ids=["with vectors", "words only"])
def test_it_takes_in_its_coverage_and_not_the_lookalikes(vectors: bool) -> None:
    desk = Desk()
    desk.filing.declare(7, title=TITLE, text=TEXT, vector=about("call", "maduro") if vectors else None, lang="en")
    desk.take_all(filler(vectors=vectors))
    found = desk.take_all(coverage(vectors))
    assert found[:3] == [7, 7, 7]
    assert 7 not in found[3:]
    assert found[3] == found[4]
    assert found[5] == found[6]
    assert found[3] != found[5]


def test_it_waits_for_months_where_others_expire() -> None:
    desk = Desk()
    desk.filing.declare(7, title=TITLE, text=TEXT, vector=about("call", "maduro"), lang="en")
    desk.take_all(filler())
    assert desk.take_all(coverage(True)[:1]) == [7]
    assert desk.filing.forget(article(1, "", hours=4000.0).seen) == 8
    late = article(60, *CALL[1], vector=about("call", "maduro", noise="late"), hours=4001.0)
    assert desk.filing.decide(late).storyline == 7


def test_when_it_is_declared_makes_no_difference() -> None:
    early, late = Filing(), Filing()
    early.declare(7, title=TITLE, text=TEXT, vector=None, lang="en")
    for filing in (early, late):
        for i, page in enumerate(filler()):
            filing.file(page, 100 + i)
    late.declare(7, title=TITLE, text=TEXT, vector=about("call", "maduro"), lang="en")
    early.declare(7, title=TITLE, text=TEXT, vector=about("call", "maduro"), lang="en")  # its vector arrives
    for page in coverage(True):
        assert early.decide(page) == late.decide(page)


def test_it_counts_no_article_of_its_own() -> None:
    filing = Filing()
    filing.declare(7, title=TITLE, text=TEXT, vector=None, lang=None)
    assert len(filing) == 1
    assert filing.forget(article(1, "", hours=9e4).seen) == 0
    assert filing.decide(article(1, "Harbour tunnel closes", "Drivers face detours from Monday.")).storyline is None
