"""Key sentences are those in which articles agree, each said once, with where it stands."""

from __future__ import annotations

from pipeline.records import Article
from pipeline.storylines.tell.keys import MOST, key_sentences
from tests.storylines.wire import article

BREACH = (
    "Orsel dam gave way on Tuesday morning and sent a wave into the Vell valley.",
    "A wave went into the Vell valley when Orsel dam gave way shortly after eight on Tuesday.",
    "Shortly after eight on Tuesday a part of Orsel dam gave way, and a wave hit the Vell valley.",
)
TOLL = (
    "Four people are dead and 23 are missing in the villages below, the sheriff said.",
    "The sheriff counted four dead people and 23 missing in the villages below.",
    "In the villages below four people were found dead while 23 are still missing, the sheriff told reporters.",
)
ASIDE = (
    "The mayor of Brackwater keeps bees on the roof of the old town hall.",
    "Trains to the coast were late because of leaves on the line near Quern.",
    "A choir from Marl has been invited to sing at the harvest festival.",
)


def coverage() -> list[Article]:
    return [
        article(
            n,
            f"Report {n}",
            f"{BREACH[n]} {TOLL[n]}\n\n{ASIDE[n]} Sign up for the newsletter of our paper today, dear readers.",
            outlet=f"Outlet {n}",
            hours=n,
        )
        for n in range(3)
    ]


def test_what_several_outlets_say_is_told_once_each() -> None:
    told = key_sentences(coverage(), lang="en", most=2)
    assert len(told) == 2
    assert {one.text in BREACH for one in told} == {True, False}
    assert {one.text in TOLL for one in told} == {True, False}
    assert len({one.outlet for one in told}) == 2, "another outlet speaks when it says as much"


def test_each_comes_with_its_article_outlet_and_time() -> None:
    pages = {one.id: one for one in coverage()}
    for one in key_sentences(coverage(), lang="en"):
        page = pages[one.article]
        assert one.text in page.text
        assert (one.outlet, one.title, one.url, one.at) == (page.outlet, page.title, page.url, page.published)


def test_notices_and_what_one_outlet_prints_above_everything_are_left_out() -> None:
    house = "The Harbour Times has reported from the Vell valley since it was founded in 1861."
    pages = [
        article(n, f"Report {n}", f"{house} {BREACH[n % 3]} {TOLL[n % 3]}", outlet="Harbour Times", hours=n)
        for n in range(4)
    ] + coverage()
    texts = [one.text for one in key_sentences([*pages], lang="en")]
    assert texts
    assert house not in texts
    assert not any("newsletter" in text for text in texts)


def test_agency_copy_is_one_sentence_with_several_outlets() -> None:
    pages = [article(n, f"Report {n}", BREACH[0], outlet=f"Outlet {n}", hours=n) for n in range(3)]
    (one,) = key_sentences(pages, lang="en")
    assert (one.text, one.outlets, one.article) == (BREACH[0], 3, 0)


def test_sentences_that_lean_on_others_give_way() -> None:
    lean = "He said that Orsel dam gave way on Tuesday morning and a wave hit the Vell valley."
    pages = [article(1, "A", lean, outlet="A"), article(2, "B", BREACH[1], outlet="B"), *coverage()[2:]]
    assert lean not in [one.text for one in key_sentences(pages, lang="en", most=1)]


def test_the_main_language_speaks() -> None:
    german = "Der Staudamm von Orsel ist am Dienstag gebrochen und eine Welle traf das Tal der Vell."
    pages = [*coverage(), article(9, "Damm", german, outlet="Zeitung", lang="de", hours=9)]
    assert german not in [one.text for one in key_sentences(pages, lang="en", most=3)]


def test_one_article_is_told_by_its_own_sentences_and_nothing_by_none() -> None:
    assert key_sentences(coverage()[:1], lang="en")
    assert key_sentences([], lang="en") == ()
    assert key_sentences([article(1, "Title only")], lang="en") == ()
    assert len(key_sentences(coverage() * 1, lang="en")) <= MOST


def test_sentences_come_in_the_order_of_time() -> None:
    told = key_sentences(list(reversed(coverage())), lang="en")
    assert [one.at for one in told] == sorted(one.at for one in told)
