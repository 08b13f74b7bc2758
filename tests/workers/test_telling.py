"""What a storyline is told by when an article of it is edited."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipeline.records import Article
from workers.clusterer.telling import MOST, RECENT, Telling

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def article(number: int, title: str, text: str = "First.\n\nSecond.") -> Article:
    return Article(id=number, title=title, text=text, seen=NOON, outlet=f"Outlet {number}")


def told(*articles: Article) -> Telling:
    telling = Telling()
    for one in articles:
        telling.add(one, 7, copy_of=None)
    return telling


def test_the_headline_follows_the_article_that_it_is_from() -> None:
    telling = told(article(1, "Mill closes"))
    telling.update(article(1, "Mill burns down", "It burns.\n\nMore."), 7)
    assert telling.tell(7) == ("Mill burns down", "It burns.")


def test_a_headline_from_another_article_stays_as_long_as_it_says_more() -> None:
    telling = told(*(article(n, "Old mill of Orsel closes") for n in (1, 2)), article(3, "Mill closes today"))
    telling.update(article(3, "Weather"), 7)
    assert telling.tell(7)[0] == "Old mill of Orsel closes"


def test_an_update_takes_the_old_place_and_makes_no_second_one() -> None:
    first, second = article(1, "Mill closes"), article(2, "Mill in Orsel closes")
    updated = replace(first, title="Mill in Orsel burns")
    telling = told(first, second)
    for _ in range(3):
        telling.update(updated, 7)
    assert [one.title for one in telling._told[7].recent] == ["Mill in Orsel burns", "Mill in Orsel closes"]


def test_what_is_not_remembered_changes_nothing() -> None:
    telling = told(*(article(n, f"Mill {n} closes") for n in range(RECENT + 1)))
    before = telling.tell(7)
    telling.update(article(0, "Too old"), 7)
    telling.update(article(99, "Never told"), 7)
    telling.update(article(1, "Mill"), 8)
    assert telling.tell(7) == before
    assert telling.tell(8) == ("", "")


@pytest.mark.parametrize("named", [False, True])
def test_read_again_from_the_ledger_it_tells_as_if_it_had_been_kept(named: bool) -> None:
    places = ("Orsel", "Marven", "Hexby", "Tarn", "Ostwick")
    titles = [f"{what} in {place}" for what in ("Mill burns", "Flood", "Trial opens", "Derby ends") for place in places]
    titles += [f"{title} now" for title in titles[:10]]
    pages = [article(number, title, f"{title}.\n\nMore.") for number, title in enumerate(titles)]
    kept, again = Telling(), Telling()
    kept.recall(7, (), headline="", named=named)
    for number, page in enumerate(pages):
        again.drop(7)
        assert 7 not in again
        again.recall(7, pages[max(0, number - RECENT) : number], headline=kept.tell(7)[0], named=named)
        assert again.tell(7) == kept.tell(7)
        for telling in (kept, again):
            telling.add(page, 7, copy_of=None)
        assert again.tell(7) == kept.tell(7)


def test_only_so_many_are_kept() -> None:
    telling = Telling()
    for storyline in range(MOST + 3):
        telling.add(article(storyline, "Mill closes"), storyline, copy_of=None)
    assert [one in telling for one in (0, 2, 3, MOST + 2)] == [False, False, True, True]
