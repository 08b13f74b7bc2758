"""Lines that a host prints around every article, told by their keys."""

from __future__ import annotations

import pytest

from pipeline.articles import EntryHint, read_page, repeats
from tests.articles.pages import PARAGRAPHS, TEXT, TITLE, URL, page

IMPRINT = "The Harbour Post is printed on Tuesdays in the old rope works. Issue 112."
SLOGAN = "From the pilots' room, weekdays at six"


def known(*lines: str) -> frozenset[str]:
    return frozenset(map(repeats.key, lines))


def test_numbers_days_and_months_make_no_difference() -> None:
    one, other = "First printed Wednesday 18 November 2026", "FIRST printed Friday, 2 March 2027."
    assert repeats.key(one) == repeats.key(other) != repeats.key("Printed first Friday 2 March 2027")
    assert len(repeats.key(one)) == 16
    assert repeats.key("12:30 – 14") == ""


def test_only_short_lines_at_the_edges_have_keys() -> None:
    middle = [f"In the middle stands paragraph {'abcdefghijklmnop'[n]}." for n in range(16)]
    text = "\n\n".join([SLOGAN, *middle, PARAGRAPHS[0] + PARAGRAPHS[1], IMPRINT])
    found = repeats.keys(text)
    assert len(found) == 3 + 7  # the last eight but for the long one
    assert {repeats.key(SLOGAN), repeats.key(IMPRINT)} < set(found)
    assert repeats.key(middle[5]) not in found
    assert repeats.key(PARAGRAPHS[0] + PARAGRAPHS[1]) not in found


def test_a_page_loses_what_its_host_repeats() -> None:
    body = f"<article><h1>{TITLE}</h1><p>{SLOGAN}</p>" + "".join(f"<p>{text}</p>" for text in PARAGRAPHS)
    made = page(body=f"{body}<p>{IMPRINT}</p></article>")
    assert read_page(made, url=URL).text == f"{SLOGAN}\n\n{TEXT}\n\n{IMPRINT}"
    cleaned = read_page(made, url=URL, hint=EntryHint(repeated=known(SLOGAN, IMPRINT.replace("112", "97"))))
    assert cleaned.text == TEXT
    assert cleaned.lead == PARAGRAPHS[0]


@pytest.mark.parametrize("count", [2, 5, 8, 40])
def test_a_text_of_known_lines_keeps_its_half(count: int) -> None:
    lines = [
        f"{'abcdefghij'[n % 10]}{'klmno'[n // 10]} said that the boats would stay in port for now."
        for n in range(count)
    ]
    kept = repeats.without(lines, known(*lines))
    total = sum(map(len, lines))
    assert sum(map(len, kept)) >= max(total / 2, min(total, repeats.LEAST_CHARS))
    assert [line for line in lines if line in kept] == kept


def test_nothing_known_nothing_lost() -> None:
    assert repeats.without(list(PARAGRAPHS), frozenset()) == list(PARAGRAPHS)
    assert repeats.without([], known(SLOGAN)) == []


def test_the_body_tells_texts_apart() -> None:
    assert repeats.body_key(TEXT) == repeats.body_key(f"{SLOGAN}\n\n{TEXT}") != repeats.body_key(IMPRINT)
