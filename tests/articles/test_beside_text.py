"""What stands beside an article under names of its own, or as links to others; and short paragraphs in boxes, which
are part of it."""

from __future__ import annotations

import pytest

from pipeline.articles import read_page

from .pages import BODY, PARAGRAPHS, TEXT, TITLE, URL, page

LONG = "Our recommendations rest on many hours of testing, and nobody pays for them, whatever else you may have heard. "


def read(body: str, lang: str = "en") -> str:
    return read_page(page(body=body, lang=lang), url=URL).text


@pytest.mark.parametrize(
    "attributes",
    ['class="c-globalModal disclosure"', 'id="sources"', 'class="modal fade"', 'class="article__footnotes"'],
)
def test_dialogs_and_lists_of_sources_go_however_much_they_hold(attributes: str) -> None:
    aside = f"<div {attributes}>" + f"<p>{LONG * 2}</p>" * 4 + "</div>"
    assert read(f"<article><h1>{TITLE}</h1>{aside}{BODY * 3}</article>") == TEXT


def test_an_article_that_stands_in_a_dialog_stays() -> None:
    assert read(f'<div class="modal"><div class="modal-body"><h2>{TITLE}</h2>{BODY}</div></div>') == TEXT


def test_an_article_in_a_box_of_such_a_name_stays_beside_much_that_is_no_prose() -> None:
    menu = "".join(f"<li>Ward {number} of the town, and what is done there</li>" for number in range(60))
    assert read(f'<h1>{TITLE}</h1><div class="entry popup-gallery">{BODY}</div><ul>{menu}</ul>').startswith(TEXT)


@pytest.mark.parametrize(
    ("lang", "lines"),
    [
        (
            "en",
            ["The ferry is late for the third time in one week", "Why the trams stop at the river and go no further"],
        ),
        ("de", ["Die Fähre kommt zum dritten Mal in einer Woche zu spät", "Warum die Bahn am Fluss endet: eine Suche"]),
        ("ru", ["Паром опоздал в третий раз за неделю, и никто не знает почему", "Почему трамваи не идут дальше реки"]),
        ("es", ["El ferry llega tarde por tercera vez en una semana", "Por qué los tranvías se detienen en el río"]),
    ],
)
def test_a_paragraph_of_headlines_is_no_part_of_the_text(lang: str, lines: list[str]) -> None:
    links = "<br>".join(f'<strong><a href="/{number}">{line}</a></strong>' for number, line in enumerate(lines))
    text = read(f"<article><h1>{TITLE}</h1><p>{PARAGRAPHS[0]}</p><p>{links} [VIDEO]</p>{BODY}</article>", lang)
    assert not any(line in text for line in lines)
    assert PARAGRAPHS[3] in text


@pytest.mark.parametrize("boxes", [1, 3])
def test_short_paragraphs_with_a_link_in_boxes_of_their_own_stay(boxes: int) -> None:
    short = (
        'The plan, which the <a href="/mayor">mayor</a> had shown in May, was changed in ten places before the vote.',
        'Two members of the <a href="/council">council</a> left the room when the last of the changes was called.',
    )
    opened, closed = '<div class="part">' * boxes, "</div>" * boxes
    parts = [*short[:1], *PARAGRAPHS, *short[1:]]
    body = "".join(f"<section>{opened}<p>{part}</p>{closed}</section>" for part in parts)
    text = read(f"<article><h1>{TITLE}</h1>{body}</article>")
    assert text.startswith("The plan, which the mayor had shown in May")
    assert text.endswith("when the last of the changes was called.")
