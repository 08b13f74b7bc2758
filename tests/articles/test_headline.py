"""Headlines that only a page's title has, with the outlet around them, and dates beside them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.articles import EntryHint, read_page
from pipeline.articles.headline import within
from tests.articles.pages import BODY, TEXT, TITLE, page

URL = "https://www.harbour-post.example/archive/770659.htm"


@pytest.mark.parametrize(
    ("title", "headline", "found"),
    [
        ("Post Online: Rain stops play at last", "Rain stops play at last", "Rain stops play at last"),
        ("Rain stops play at last | Sport | Post", "rain stops play at last", "Rain stops play at last"),
        ("Post » Rain ‘stops’ play at last", "Rain 'stops' play at last", "Rain ‘stops’ play at last"),
        ("Rain stops play at last - The Post", "Rain stops play at last", "Rain stops play at last"),
        ("Rain stops play at last", "Rain stops play at last", "Rain stops play at last"),
        ("Rain stops play at last and for good", "Rain stops play at last", ""),
        ("Post: Rain stops play at last", "Rain stops play…", ""),
        ("Anti-rain roofs save the day", "rain roofs save the day", ""),
        ("Rain stops play: the season ends", "Rain stops play", ""),
        ("Post: Rain", "Rain", ""),
        ("İ Post: Rain stops play at last", "Rain stops play at last", ""),
    ],
)
def test_what_is_put_around_a_headline(title: str, headline: str, found: str) -> None:
    assert within(title, headline) == found


def read(title: str, head: str = "", feed: str = "") -> str:
    return read_page(page(body=head + BODY, title=title), url=URL, hint=EntryHint(title=feed)).title


def test_the_feed_tells_the_headline_from_the_outlet() -> None:
    assert read(f"Post of the Harbour, since 1871: {TITLE}", feed=TITLE) == TITLE
    assert read(f"{TITLE} | Section | Whatever", feed=TITLE) == TITLE


def test_a_headline_in_bold_tells_it_too() -> None:
    assert read(f"Post of the Harbour, since 1871: {TITLE}", f"<p><b>{TITLE}</b></p>") == TITLE
    assert read(f"Post of the Harbour, since 1871: {TITLE}", f"<h2>{TITLE}</h2>") == TITLE


def test_the_outlets_name_in_bold_is_not_taken_for_it() -> None:
    title = f"Daily News of the Harbour: {TITLE}"
    assert read(title, "<p><b>Daily News of the Harbour</b></p>") == title


def test_an_outlet_known_by_its_host_is_cut_off_before_a_colon() -> None:
    assert read(f"Harbour Post Online: {TITLE}") == TITLE
    assert read(f"Harbour: {TITLE}") == f"Harbour: {TITLE}"


def dated(line: str, *, after: str = "") -> datetime | None:
    body = f"<h1>{TITLE}</h1>{after}<p><i>Marta Lind</i>, {line}</p>{BODY}"
    return read_page(page(body=body), url=URL).published


@pytest.mark.parametrize(
    ("line", "when"),
    [
        ("Wednesday, 18 November 2026. Posted 05:30 GMT", datetime(2026, 11, 18, 5, 30, tzinfo=UTC)),
        ("posted on November 18, 2026", datetime(2026, 11, 18, tzinfo=UTC)),
        ("18 November 2026", datetime(2026, 11, 18, tzinfo=UTC)),
    ],
)
def test_a_date_in_plain_text_behind_the_headline(line: str, when: datetime) -> None:
    assert dated(line) == when


@pytest.mark.parametrize(
    "line",
    ["the bridge was closed on Friday, 13 March 2026", "Updated Friday, 13 March 2026", "the winner of 13/03/2026"],
)
def test_a_date_of_something_else_is_not_taken(line: str) -> None:
    assert dated(line) is None


def test_the_text_keeps_no_headline() -> None:
    made = read_page(page(body=f"<p><b>{TITLE}</b></p>{BODY}", title=f"Old Post: {TITLE}"), url=URL)
    assert (made.title, made.text) == (TITLE, TEXT)
