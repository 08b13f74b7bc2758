"""What no page should be: each ends with an article or with a reason, in time, and the next page is read as ever."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable, Iterator

import pytest

from pipeline.articles import read_page, warm
from pipeline.errors import RejectedError, SandboxError
from pipeline.records import Extraction
from pipeline.sandbox import Parser, Sandbox

from .pages import BODY, PARAGRAPHS, TEXT, TITLE, URL, json_ld, page

SECONDS = 5.0
GRACE = 2.0
"""For killing what hangs and for carrying ten megabytes across, on a busy machine."""
LARGE = 10_000_000
ARTICLE = f"<article><h1>{TITLE}</h1>{BODY}</article>"


def long_page() -> bytes:
    return page(body=ARTICLE + "<p>Nothing new was said, and that at length.</p>" * (LARGE // 48))


def long_text() -> bytes:
    return page(body=ARTICLE + "<p>" + "word " * (LARGE // 5))


def nested() -> bytes:
    return page(body="<div>" * 100_000 + ARTICLE)


def nested_inline() -> bytes:
    return page(body=ARTICLE + "<b>" * 100_000 + "deep")


def attributes() -> bytes:
    return page(body="<div " + " ".join(f"a{number}=1" for number in range(100_000)) + f">{ARTICLE}</div>")


def dates() -> bytes:
    return page(body="<div class=date>30.11.2025 12:01</div>" * 50_000)


def dated_article() -> bytes:
    return page(body=ARTICLE + "<time datetime='2025-11-30'>30 November 2025</time>" * 50_000)


def json_lists() -> bytes:
    return page(json_ld(keywords=["harbour"] * (LARGE // 11)))


def json_nested() -> bytes:
    return page('<script type="application/ld+json">' + '{"@type":"NewsArticle","a":[' * 300_000 + "</script>")


def scripts() -> bytes:
    return page(body=ARTICLE + "<script>" + "var a='</div>';if(a<b){c()}" * 300_000 + "</script>")


def unclosed() -> bytes:
    return page(body=ARTICLE + "<!-- <script <svg '" * 200_000)


def quoted_posts() -> bytes:
    return page(body=ARTICLE + '<blockquote class="twitter-tweet"><div>' * 20_000)


def bare_lines() -> bytes:
    return page(body=f"<div>{ARTICLE}" + ("word " * 20 + "<br>") * 50_000 + "</div>")


def pieces() -> bytes:
    return page(body=f'<div class="article-body">{BODY}</div>' * 3_000)


def links() -> bytes:
    return page(body=ARTICLE + "<ul>" + '<li><a href="/">The ferry was late again today</a>' * 60_000)


def notes() -> bytes:
    return page(body=ARTICLE + "".join(f"<p>{'@ image sign up follow (' * 17}{n}</p>" for n in range(8_000)))


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Sandbox({"article": read_page_at}, seconds=SECONDS, warm=warm) as sandbox, sandbox.connect() as parser:
        yield parser


def read_page_at(body: bytes, content_type: str | None) -> Extraction:
    return read_page(body, url=URL, content_type=content_type)


def outcome(parser: Parser, body: bytes, content_type: str | None = "text/html") -> Extraction | str:
    """The article, or the reason why there is none; and within the time."""
    began = time.monotonic()
    try:
        found: Extraction | str = parser.call("article", body, content_type)
    except (RejectedError, SandboxError) as error:
        found = error.reason
    assert found
    assert time.monotonic() - began < SECONDS + GRACE
    return found


@pytest.mark.parametrize(
    "make",
    [
        long_page, long_text, nested, nested_inline, attributes, dates, dated_article, json_lists, json_nested, scripts,
        unclosed, quoted_posts, bare_lines, pieces, links, notes,
    ],
)  # fmt: skip
def test_a_monster_costs_itself_alone(parser: Parser, make: Callable[[], bytes]) -> None:
    found = outcome(parser, make())
    if isinstance(found, Extraction):
        assert PARAGRAPHS[0] in found.text or len(found.text) > 300
    else:
        assert found in {"timeout", "memory", "too-short"}
    after = outcome(parser, page())
    assert isinstance(after, Extraction)
    assert after.text == TEXT


@pytest.mark.parametrize("make", [attributes, json_lists, scripts, dated_article])
def test_an_article_beside_a_monster_is_read(parser: Parser, make: Callable[[], bytes]) -> None:
    found = outcome(parser, make())
    assert isinstance(found, Extraction)
    assert found.text == TEXT


GERMAN = "Die Stadt beschloss am Sonntag, den Hafen für Ausflügler zu öffnen; die Fischer hörten es mit Ärger. " * 4


@pytest.mark.parametrize(
    ("charset", "header", "meta"),
    [
        ("utf-8", "text/html; charset=iso-8859-1", "utf-8"),
        ("utf-8", "text/html", "iso-8859-1"),
        ("cp1252", "text/html; charset=utf-8", "utf-8"),
        ("cp1252", None, ""),
        ("utf-16", "text/html", ""),
        ("utf-8", "text/html; charset=no-such", "neither"),
    ],
)
def test_a_wrong_or_missing_charset(parser: Parser, charset: str, header: str | None, meta: str) -> None:
    declared = f'<meta charset="{meta}">' if meta else ""
    made = f"<html><head>{declared}<title>Der Hafen</title></head><body><h1>Der Hafen öffnet</h1><p>{GERMAN}</p></body>"
    found = outcome(parser, made.encode(charset), header)
    assert isinstance(found, Extraction)
    assert found.text == GERMAN.strip()


def test_bad_and_null_bytes(parser: Parser) -> None:
    body = page().replace(b"quay", b"qu\x00ay").replace(b"</article>", b"<p>caf\xe9 au port</p></article>")
    found = outcome(parser, body)
    assert isinstance(found, Extraction)
    assert PARAGRAPHS[1] in found.text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"\x00" * 5_000, "empty"),
        (gzip.compress(page())[:200], "binary"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 200, "pdf"),
        (random.Random(1).randbytes(200_000), "binary"),
        (b"\xff" * 100_000, "not-html"),
        (b"<" * 3_000_000, "not-html"),
        (b"<html>" + random.Random(2).randbytes(300_000), "binary"),
    ],
    ids=["empty", "nulls", "cut-gzip", "pdf", "random", "ff", "angles", "random-html"],
)
def test_what_is_no_page_has_a_reason(parser: Parser, body: bytes, reason: str) -> None:
    assert outcome(parser, body) == reason
