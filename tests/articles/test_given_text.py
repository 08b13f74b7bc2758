"""Articles whose text is already known: imported ones, and what a feed carried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.articles import EntryHint, read_text, text_from_feed
from pipeline.errors import RejectedError

from .pages import BODY, PARAGRAPHS, TEXT, TITLE


def test_an_import_is_normalised_like_a_page() -> None:
    noon = datetime(2025, 11, 30, 12, tzinfo=timezone(timedelta(hours=2)))
    article = read_text(
        f"{TITLE}\n\n" + TEXT.replace("\n\n", "\r\n\r\n ") + "\n\nShare on Facebook",
        title=f" {TITLE} ",
        url="https://www.example.org/a",
        published=noon,
        authors=["By Marta Lind"],
    )
    assert article.text == TEXT
    assert article.title == TITLE
    assert article.published == datetime(2025, 11, 30, 10, tzinfo=UTC)
    assert (article.lang, article.outlet, article.authors) == ("en", "example.org", ("Marta Lind",))


def test_a_title_is_enough() -> None:
    article = read_text("", title="Council agrees on the harbour plan", lang="en-GB", outlet="Harbour Post")
    assert (article.text, article.lang, article.outlet) == ("", "en", "Harbour Post")


def test_a_text_is_enough() -> None:
    assert read_text(TEXT, title="").title.startswith("The city council agreed")


def test_nothing_is_not() -> None:
    with pytest.raises(RejectedError) as caught:
        read_text(" \n", title=" ")
    assert caught.value.reason == "no-title"


def test_the_full_text_of_a_feed() -> None:
    content = f"<h2>{TITLE}</h2>{BODY}<p>Share on Facebook</p><p>Read more: The ferry</p><script>track()</script>"
    assert text_from_feed(EntryHint(title=TITLE, content=content, summary="short")) == TEXT
    assert text_from_feed(EntryHint(title=TITLE, summary=content)) == TEXT


@pytest.mark.parametrize(
    "summary", ["", "A line.", f"<p>{PARAGRAPHS[0]}</p>", PARAGRAPHS[0] * 2 + PARAGRAPHS[1] + " […]"]
)
def test_a_teaser_is_no_text(summary: str) -> None:
    assert text_from_feed(EntryHint(title=TITLE, summary=summary)) == ""
