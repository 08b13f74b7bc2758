"""Names are found by how they are written over many articles, and counted in all their forms."""

from __future__ import annotations

import pytest

from pipeline.records import Article
from pipeline.storylines.tell.figures import figures
from pipeline.storylines.tell.names import backdrop_of, names
from tests.storylines.wire import article

TEXTS = (
    "Yesterday President Nicolás Maduro spoke in Caracas. The call, Maduro said, was cordial. Police watched.",
    "In Caracas on Monday Maduro's aides denied it. The Bank of England holds gold for Nicolas Maduro there.",
    "A lawyer in New York said that Nicolás Maduro would stay in Caracas. Venezuela's Maduro agreed.",
)


def pages(*texts: str, title: str = "The call", **fields: str) -> list[Article]:
    return [article(n, title, text, outlet=f"Outlet {n}", **fields) for n, text in enumerate(texts)]


def test_forms_of_one_name_are_one() -> None:
    found = {one.name: (one.articles, one.outlets) for one in names(pages(*TEXTS))}
    assert found["Nicolás Maduro"] == (3, 3)
    assert found["Caracas"] == (3, 3)
    assert not {"Maduro", "Nicolas Maduro", "President Nicolás Maduro", "Nicolás"} & found.keys()


def test_words_that_begin_sentences_days_and_rare_names_are_none() -> None:
    found = {one.name for one in names(pages(*TEXTS))}
    assert not found & {"Yesterday", "Police", "The", "Monday", "A", "In", "President"}
    assert "New York" not in found, "one article of three has it"


def test_a_place_is_not_taken_for_the_last_name_of_an_institution() -> None:
    text = "Shares fell in England after the Bank of England raised its rate, said traders in England."
    found = {one.name for one in names(pages(text, text.replace("Shares", "Prices"), text.replace("fell", "rose")))}
    assert {"England", "Bank of England"} <= found


def test_one_last_name_of_two_people_stays_apart() -> None:
    text = "Both Donald Trump and Melania Trump came, and Trump spoke."
    found = {one.name for one in names(pages(text, text, text))}
    assert {"Donald Trump", "Melania Trump"} <= found


def test_what_everybody_writes_about_counts_less() -> None:
    text = "Officials in Washington spoke of Orsel today, and Washington waited for Orsel."
    lately = [f"Something happens in Washington, number {n}" for n in range(50)]
    assert names(pages(text, text), backdrop_of(lately))[0].name == "Orsel"


def test_titles_in_title_case_name_nothing_by_themselves() -> None:
    found = names(pages("", "", "", title="Dockers Walk Out At Dawn As Talks Fail"))
    assert found == ()


def test_outlets_and_agencies_are_no_names() -> None:
    text = "It was reported by The Harbour Times and by Reuters, said the Associated Press in Orsel. Times are hard."
    seen = [article(n, "The call", text, outlet=("Harbour Times", "Courier")[n % 2]) for n in range(3)]
    assert [one.name for one in names(seen)] == ["Orsel"]


def test_german_common_nouns_are_none() -> None:
    text = "Am Montag sprach der Minister in Orsel über die Brücke. Das Wasser in Orsel stieg, und die Brücke brach."
    found = {one.name for one in names(pages(text, text.replace("Montag", "Dienstag"), lang="de"))}
    assert "Orsel" in found
    assert not found & {"Brücke", "Wasser", "Minister", "Montag"}


@pytest.mark.parametrize(
    "text", ["", "委内瑞拉总统说，我们谈过了。", "X" * 1_000_000, "A " * 100_000, "''' ... --- 12 %"]
)
def test_texts_without_names(text: str) -> None:
    assert names(pages(text, text)) == ()


def test_numbers_that_outlets_agree_on() -> None:
    texts = (
        "At least 83 people were killed on 2 September 2025, 11 of them children. It was 10:30 a.m.",
        "The strike killed 83 people, officials said in 2025. The reward is $50 million.",
        "Two groups say 83 people died. The United States offers $50 million for him. A 3-year-old lived.",
    )
    found = {one.text: one.outlets for one in figures(pages(*texts))}
    assert found == {"83 people": 3, "$50 million": 2}
    assert figures([]) == ()
