"""Pages that are laid out with tables, as they were before style sheets, and tables that show data."""

from __future__ import annotations

import time

import pytest

from pipeline.articles import EntryHint, read_page
from pipeline.articles.markup import parse, strip
from pipeline.articles.tables import unwrap
from tests.articles.pages import BODY, PARAGRAPHS, TEXT, TITLE, URL

BREAKS = "<BR><BR>\n".join(PARAGRAPHS)
BARS = """<TR><TD COLSPAN=3><FONT SIZE=6><I>Harbour Post</I></FONT><BR>News at noon and at six</TD></TR>
<TR><TD COLSPAN=3><A HREF="/">Front</A> | <A HREF="/city">City</A> | <A HREF="/port">Port</A></TD></TR>"""
FOOT = """<TR><TD COLSPAN=3><FONT SIZE=1>The Harbour Post Printing Works. Best seen at 800 by 600.</FONT></TD></TR>"""
SIDE = """<TABLE><TR><TD><B>Today</B><BR>High water 9.12<BR>Sunset 4.31</TD></TR>
<TR><TD>You are visitor no. 51,210</TD></TR></TABLE>"""
PHOTO = "<TABLE ALIGN=right><TR><TD><IMG SRC=quay.gif></TD></TR><TR><TD>The quay on Sunday</TD></TR></TABLE>"


def old(article: str, *, title: str = f"Harbour Post Online: {TITLE}") -> bytes:
    return f"""<HTML><HEAD><TITLE>{title}</TITLE></HEAD><BODY><TABLE WIDTH=780>{BARS}
<TR><TD>{SIDE}</TD><TD>{article}</TD><TD>{SIDE}</TD></TR>{FOOT}</TABLE></BODY></HTML>""".encode()


def inner(text: str) -> str:
    return f"<TABLE><TR><TD><FONT SIZE=5><B>{TITLE}</B></FONT><BR><FONT SIZE=2>{text}</FONT></TD></TR></TABLE>"


@pytest.mark.parametrize("text", [BREAKS, BODY, f"<FONT FACE=Times>{BREAKS}</FONT>", PHOTO + BREAKS])
@pytest.mark.parametrize("wrapped", [True, False])
def test_an_article_in_nested_tables_is_its_paragraphs(text: str, wrapped: bool) -> None:
    article = read_page(old(inner(text) if wrapped else text), url=URL, hint=EntryHint(title=TITLE))
    assert article.text == TEXT


def test_words_in_bold_and_single_breaks_stay_in_their_paragraph() -> None:
    text = BREAKS.replace("Ilse Brandt", "<B>Ilse</B> <I>Brandt</I>").replace("worse state than", "worse state<BR>than")
    read = read_page(old(inner(text)), url=URL).text
    assert "The mayor, Ilse Brandt, called" in read
    assert read.replace("\n\nthan", " than") == TEXT


def test_each_paragraph_in_a_row_of_its_own() -> None:
    rows = "".join(f"<tr><td>{text}</td></tr>" for text in PARAGRAPHS)
    assert read_page(old(f"<table>{rows}</table>"), url=URL).text == TEXT


def test_a_table_of_figures_stays() -> None:
    figures = (
        "<table><tr><th>Quay</th><th>Length</th></tr><tr><td>North</td><td>340</td></tr>"
        "<tr><td>South</td><td>512</td></tr></table>"
    )
    page = f"<html><title>{TITLE}</title><body><article><h1>{TITLE}</h1>{BODY}{figures}</article></body></html>"
    read = read_page(page.encode(), url=URL).text
    assert "340" in read
    assert "South" in read


def test_tonights_programme_goes_and_a_live_report_in_a_table_stays() -> None:
    times = ("19:00", "20:30", "9.05 pm", "23:55")
    rows = "".join(f"<tr><td>{clock}</td><td>Chamber music, part {clock}</td></tr>" for clock in times)
    page = "<html><title>{0}</title><body><article><h1>{0}</h1>{1}<table>{2}</table></article></body></html>"
    assert read_page(page.format(TITLE, BODY, rows).encode(), url=URL).text == TEXT
    report = "".join(f"<tr><td>1{n}:20</td><td>{text}</td></tr>" for n, text in enumerate(PARAGRAPHS))
    read = read_page(page.format(TITLE, "", report).encode(), url=URL).text
    assert all(paragraph in read for paragraph in PARAGRAPHS)


def test_where_no_cell_holds_prose_nothing_is_dropped() -> None:
    tree = parse("<body><p>Outside</p><table><tr><td><table><tr><td>A short word</td></tr></table></td></tr></table>")
    assert tree is not None
    unwrap(tree)
    assert "A short word" in tree.text_content()
    assert tree.find(".//table") is None


@pytest.mark.parametrize(
    "markup",
    [
        "<table><tr><td>x" * 3_000,
        "<table><tr><td>" * 390 + "<p>a" * 20_000,
        "<table><tr><td>" + BODY + "<font>a</font>b" * 10_000,
        "<table><tr><td>" + BODY + "x<br>" * 30_000,
        "<table>" + "<tr><td>10:00" * 10_000 + BODY,
        "<table><tr><td>" + BODY + "<font><br>" * 10_000,
    ],
)
def test_hostile_tables_take_no_more_than_seconds(markup: str) -> None:
    tree = parse(strip(markup).html)
    assert tree is not None
    began = time.process_time()
    unwrap(tree)
    assert time.process_time() - began < 4  # a quadratic step took 9 to 14 seconds here
