"""What an analyst reads of a storyline: on its page and in the API, from the ledger as it stands."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import insert

from pipeline.ledger import Ledger, storylines
from pipeline.ledger.schema import articles, memberships, texts
from pipeline.settings import Settings
from tests.web.newsroom import JOINED, NOW, Newsroom, served
from tests.web.test_pages import HOSTILE, text_of
from workers import digest

CALL = (
    "US President Donald Trump spoke by phone with Nicolás Maduro, the White House said on Sunday. The call was short.",
    "The White House said on Sunday that Donald Trump and Nicolás Maduro had spoken by phone. Caracas was silent.",
    "Donald Trump told reporters that he had spoken by phone with Nicolás Maduro of Venezuela. Officials in Caracas "
    "would say nothing about it on Sunday.",
)
PATH = "/api/v1/storylines/{storyline_id}"


def second(storyline: int, runner_up: int, score: float = 0.25) -> dict[str, Any]:
    return {"storyline": storyline, **JOINED, "runner_up": runner_up, "runner_up_score": score}


def two_storylines(newsroom: Newsroom) -> tuple[int, int]:
    """The call, with a reprint, and the letter, which nearly took an article of the call."""
    letter = newsroom.open(title="", text="")
    newsroom.file(
        letter, title="Maduro writes to OPEC", lead="Caracas has sent a letter about its oil.", source="Oil Desk"
    )
    call = newsroom.open()
    made = [
        newsroom.file(
            call,
            title=f"Trump and Maduro spoke by phone, part {n}",
            text=text,
            source=f"Outlet {n}",
            published=NOW - timedelta(days=2 - n),
            why=second(call, letter),
        )
        for n, text in enumerate(CALL)
    ]
    newsroom.file(call, title="Reprint", copy_of=made[0], source="Copier", lang="es", published=NOW - timedelta(days=2))
    return call, letter


def test_the_page_tells_sentences_names_outlets_days_and_relatives(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    call, letter = two_storylines(newsroom)
    with served(settings, ledger) as site:
        page = site.get(f"/storylines/{call}")
    said = text_of(page)
    order = ["What is said", "Names", "Who covers it", "Day by day", "Related storylines", "Coverage Today"]
    places = [said.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)
    assert re.search(r"Nicolás Maduro 3", said)
    assert re.search(r"4 outlets Originals Reprints First report", said)
    assert re.search(r"Copier 0 1", said)
    assert "Languages: en 3 , es 1" in said
    assert re.search(r"Fri 27 Nov .*1 original, 1 reprint of 2 outlets", said)
    assert f'href="/storylines/{letter}"' in page.text
    assert "was the runner-up for 3 articles here." in said
    assert "Episodes" not in said
    ids = re.findall(r'\bid="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))
    assert {f"#{name}" for name in ids} >= set(re.findall(r'href="(#[^"]+)"', page.text))


def test_the_api_gives_the_same_and_the_relation_goes_both_ways(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    call, letter = two_storylines(newsroom)
    with served(settings, ledger) as site:
        description = site.get("/openapi.json").json()
        here, there = (site.get(f"/api/v1/storylines/{one}").json() for one in (call, letter))
        cursor = site.get(f"/api/v1/storylines/{call}?limit=1").json()["next_cursor"]
        later = site.get(f"/api/v1/storylines/{call}?limit=1&cursor={cursor}").json()
    schema = description["paths"][PATH]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": description["components"]})
    for body in (here, there, later):
        validator.validate(body)
    told = here["digest"]
    assert (told["read"], told["texts"]) == (4, 3)
    assert 1 <= len(told["sentences"]) <= 5
    assert all(one["text"] in CALL[int(one["outlet"][-1])] for one in told["sentences"])
    assert {one["name"] for one in told["names"]} >= {"Donald Trump", "Nicolás Maduro", "White House"}
    assert [(one["originals"], one["reprints"]) for one in told["outlets"]] == [(1, 0)] * 3 + [(0, 1)]
    assert [one["day"] for one in told["days"]] == ["2026-11-29", "2026-11-28", "2026-11-27"]
    assert [(one["id"], one["here"], one["there"]) for one in told["related"]] == [(letter, 3, 0)]
    assert [(one["id"], one["here"], one["there"]) for one in there["digest"]["related"]] == [(call, 0, 3)]
    assert later["digest"] is None


def test_hostile_titles_texts_and_names_are_shown_and_not_obeyed(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    story, other = newsroom.open(), newsroom.open()
    newsroom.file(other, title=HOSTILE, lead=HOSTILE)
    for n in range(3):
        text = f"On Sunday <Script>Mallory</Script> said that <img src=x> stood on every page of outlet {n} by night."
        newsroom.file(
            story, title=HOSTILE, text=text, source=HOSTILE + str(n), lang='"><b>', url=f"javascript:alert({n})",
            why=second(story, other),
        )  # fmt: skip
    with served(settings, ledger) as site:
        page = site.get(f"/storylines/{story}")
    assert page.status_code == 200
    assert not re.search(r"<(?:script(?! src=\"/static/)|img|b)\b", page.text, re.IGNORECASE)
    assert "javascript:" not in page.text
    assert "&lt;img src=x&gt; stood on every page" in page.text


@pytest.mark.parametrize("titles", [[""], ["Only a title"], ["", ""]])
def test_little_is_told_of_little(settings: Settings, ledger: Ledger, newsroom: Newsroom, titles: list[str]) -> None:
    story = newsroom.open()
    for title in titles:
        newsroom.file(story, title=title, text="Short.")
    with served(settings, ledger) as site:
        page, api = site.get(f"/storylines/{story}"), site.get(f"/api/v1/storylines/{story}")
        empty = site.get(f"/storylines/{newsroom.open(title='Declared', text='x', declared=True)}")
    assert (page.status_code, api.status_code, empty.status_code) == (200, 200, 200)
    assert api.json()["digest"]["sentences"] == []
    assert api.json()["digest"]["days"][0]["title"] == (titles[-1] or "Short.")
    assert "Who covers it" not in empty.text


def test_a_storyline_of_5000_articles_is_told_in_a_moment(sqlite_ledger: Ledger, newsroom: Newsroom) -> None:
    story = newsroom.open()
    known = newsroom.file(story, title="Strike: day 0")
    when = [NOW - timedelta(hours=n) for n in range(5000)]
    text = " ".join(
        f"On day {k} the dockers of Halmouth walked out again, said Rosa Vey of the union." for k in range(60)
    )
    given = [
        {
            "id": known + n, "url_key": f"k{n}", "url": f"https://outlet/{n}", "host_key": "h", "state": "filed",
            "due": at, "seen": at, "published": at, "lang": "en", "outlet": f"Outlet {n % 300}",
            "title": f"Dockers of Halmouth walk out on day {n // 24}, part {n % 24}",
        }
        for n, at in enumerate(when) if n
    ]  # fmt: skip
    shared = {"generation": 1, "storyline_id": story, "why": {}, "runner_up_share": 0.7, "filed": NOW}
    with sqlite_ledger.write() as tx:
        tx.execute(insert(articles), given)
        tx.execute(
            insert(memberships),
            [
                {**shared, "article_id": one["id"], "position": one["id"] + 10, "runner_up": one["id"] % 400 + 7}
                | {"kind": "duplicate" if one["id"] % 5 == 0 else "original"}
                for one in given
            ],
        )
        rows = [{"article_id": one["id"], "generation": 1, "title": "", "text": text, "created": NOW} for one in given]
        tx.execute(insert(texts), rows)
    with sqlite_ledger.read() as tx:
        found = storylines.one(tx, story)
        assert found is not None
        digest.of(tx, found)
        began = time.process_time()
        told = digest.of(tx, found)
        spent = time.process_time() - began
    assert (told.read, told.texts, len(told.days), len(told.outlets)) == (5000, 40, 60, 301)
    assert told.sentences
    assert spent < 1.0  # about 0.2 s; the machine may be busy


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What differs between databases is behind the queries, which have tests of their own on both."""
    return sqlite_ledger
