"""The headline of a storyline, and titles without what outlets hang on them."""

import pytest

from pipeline.storylines.tell import headline
from pipeline.storylines.titles import strip_outlet
from tests.storylines.wire import article


@pytest.mark.parametrize(
    ("title", "outlet", "url", "expected"),
    [
        ("Maduro confirms call - Reuters", "", "", "Maduro confirms call"),
        ("Maduro confirms call | BBC News", "", "", "Maduro confirms call"),
        ("Maduro confirms call | World | The Alder Gazette", "", "", "Maduro confirms call"),
        ("Maduro confirms call – Alder Gazette", "The Alder Gazette", "", "Maduro confirms call"),
        (
            "Maduro confirms call - aldergazette.example",
            "",
            "https://www.aldergazette.example/a",
            "Maduro confirms call",
        ),
        (
            "Trump and Maduro - the call",
            "Alder Gazette",
            "https://aldergazette.example/a",
            "Trump and Maduro - the call",
        ),
        ("UPDATE 2-Maduro confirms call", "", "", "Maduro confirms call"),
        ("Reuters", "Reuters", "", "Reuters"),
        ("| BBC News", "", "", "BBC News"),
        ("  Two \n lines ", "", "", "Two lines"),
        ("", "", "", ""),
    ],
)
def test_strip_outlet(title: str, outlet: str, url: str, expected: str) -> None:
    assert strip_outlet(title, outlet=outlet, url=url) == expected


def test_the_most_central_title_is_the_headline_and_stays() -> None:
    pages = [
        article(1, "Port in chaos"),
        article(2, "Freighter blocks harbour of Port Alder - Alder Gazette", outlet="Alder Gazette"),
        article(3, "Harbour of Port Alder blocked by freighter"),
        article(4, "Freighter Maribel still blocks Port Alder harbour"),
        article(5, "What we know so far"),
    ]
    first = headline(pages)
    assert first in {"Freighter blocks harbour of Port Alder", "Freighter Maribel still blocks Port Alder harbour"}
    # One more article that is a little more central does not change what people already read.
    assert headline([*pages, article(6, "Port Alder harbour: freighter blocks channel")], current=first) == first


def test_a_story_that_moved_on_gets_a_new_headline() -> None:
    pages = [article(1, "Freighter blocks harbour of Port Alder")]
    first = headline(pages)
    pages += [article(2 + i, f"Port Alder open again after freighter is freed, day {i}") for i in range(25)]
    assert headline(pages, current=first) != first


def test_no_title_keeps_what_stands() -> None:
    assert headline([]) == ""
    assert headline([article(1, "")], current="Declared title") == "Declared title"


@pytest.mark.parametrize(
    "odd",
    [
        "Freighter blocks Port Alder harbour: live updates",
        "Who will free the freighter in Port Alder harbour?",
        "What we know about the freighter in Port Alder harbour",
        "Live: freighter blocks Port Alder harbour channel",
        "Freighter harbour",
    ],
)
def test_rubrics_questions_and_running_coverage_make_no_headline_while_there_is_a_report(odd: str) -> None:
    plain = "Freighter blocks harbour of Port Alder"
    pages = [article(1, odd), article(2, odd), article(3, plain), article(4, "Port Alder harbour blocked by ship")]
    assert headline(pages) in {plain, "Port Alder harbour blocked by ship"}
    assert headline([article(1, odd)]) == odd, "better than nothing"


def test_the_headline_is_in_the_language_of_most() -> None:
    pages = [
        article(1, "Frachter blockiert Hafen von Port Alder", lang="de"),
        article(2, "Frachter blockiert Hafen von Port Alder weiter", lang="de"),
        article(3, "Freighter blocks the old harbour", lang="en"),
        article(4, "Ship is stuck near the coast", lang="en-GB"),
        article(5, "Tugs pull at stuck ship", lang="en_US"),
    ]
    assert headline(pages) in {one.title for one in pages[2:]}
