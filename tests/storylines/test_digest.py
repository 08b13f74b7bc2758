"""A storyline is told whatever it holds, at a bounded price."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from pipeline.records import Article
from pipeline.storylines.tell import Digest, digest, sample, to_read
from pipeline.storylines.tell.digesting import MOST_TEXTS
from tests.storylines.wire import article


def told(pages: list[Article], copies: list[Article] | None = None) -> Digest:
    return digest(pages, copies or [], {a.id: a.text for a in pages if a.text}, headline="The dam")


def test_nothing_is_told_of_nothing() -> None:
    assert told([]) == Digest()


def test_one_article_is_told() -> None:
    text = "Orsel dam gave way on Tuesday morning and sent a wave into the valley. Nobody was hurt, the sheriff said."
    found = told([article(1, "Dam gives way in Orsel", text, outlet="Courier")])
    assert (found.read, found.texts) == (1, 1)
    assert found.sentences[0].text.startswith("Orsel dam gave way")
    assert [one.outlet for one in found.outlets] == ["Courier"]
    assert [one.title for one in found.days] == ["Dam gives way in Orsel"]
    assert found.episodes == found.related == ()


def test_outlets_are_those_of_originals_and_reprints_with_their_first_report() -> None:
    pages = [article(n, f"Report {n}", outlet=f"Outlet {n % 2}", hours=5.0 - n) for n in range(4)]
    copies = [
        article(9, "Report 0", outlet="Courier", hours=9.0, lang="de"),
        article(8, "Early", outlet="Outlet 0", hours=-9),
    ]
    found = told(pages, copies)
    assert [(one.outlet, one.originals, one.reprints) for one in found.outlets] == [
        ("Outlet 0", 2, 1),
        ("Outlet 1", 2, 0),
        ("Courier", 0, 1),
    ]
    assert [one.article for one in found.outlets] == [8, 3, 9]
    assert [(one.lang, one.articles) for one in found.languages] == [("en", 5), ("de", 1)]


@pytest.mark.parametrize(
    "make",
    [
        lambda n: article(n, ""),
        lambda n: article(n, f"Title {n} only"),
        lambda n: article(n, "", "no sentence here " * 60_000),
        lambda n: article(n, "x" * 100_000, "."),
        lambda n: article(n, "Titel", "Ein Satz.", lang=("de", "zh", None, "not a language")[n % 4]),
        lambda n: article(n, "Dam", "The dam broke.", hours=None, outlet="", url="http://[broken"),
        lambda n: article(n, "\ud800 \x00 \u202e dam", "Half a \ud800 pair stands in this sentence of the dam text."),
    ],
)
def test_odd_articles_are_told_without_trouble(make: object) -> None:
    pages = [make(n) for n in range(12)]  # type: ignore[operator]
    assert told(pages).read == 12


def test_which_texts_are_read() -> None:
    pages = [article(n, f"Dam report {n}", outlet=f"Outlet {n % 31}", hours=float(n)) for n in range(3000)]
    pages[1500] = article(1500, "Staudamm", outlet="Zeitung", hours=1500.0, lang="de")
    chosen = to_read(pages)
    assert len(chosen) == len(set(chosen)) == MOST_TEXTS
    assert {0, 1, 2999, 2998} <= set(chosen)
    assert max(Counter(f"Outlet {n % 31}" for n in chosen).values()) <= 4
    assert sorted(to_read(pages[:10])) == list(range(10))


def test_a_storyline_of_thousands_costs_a_moment() -> None:
    text = " ".join(
        f"On day {k} the dam of Orsel was seen by engineers from Brackwater, who measured it." for k in range(40)
    )
    pages = [
        article(
            n, f"Orsel dam: engineers report {n % 40} from day {n // 50}", outlet=f"Outlet {n % 200}", hours=n / 2.0
        )
        for n in range(4000)
    ]
    copies = [article(5000 + n, "Copy", outlet=f"Outlet {n % 200}", hours=float(n)) for n in range(1000)]
    texts = {a.id: text for a in sample(pages)} | dict.fromkeys(to_read(pages), text)
    digest(pages, copies, texts)
    began = time.process_time()
    found = digest(pages, copies, texts)
    assert time.process_time() - began < 1.0  # 0.2 s; a busy machine is slower
    assert found.read == 5000
