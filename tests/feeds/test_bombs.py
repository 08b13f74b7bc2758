"""Documents made to do harm: each ends in bounded time and memory, with a name, and the next feed is read all the same.

They are read as the poller reads them, in a child that is killed after some seconds.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator

import pytest

from pipeline.errors import FeedError, SandboxError
from pipeline.records import FeedDocument
from pipeline.sandbox import Parser, Sandbox
from tests.feeds.bodies import NOW, RSS, URL, item, read, rss
from workers.parsers import read_feed

SECONDS = 4.0  # a little less than SLUGLINE_PARSE_SECONDS as it comes
MEMORY = 400_000_000  # bytes; less than a third of what it comes with


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Sandbox({"feed": read_feed}, seconds=SECONDS, memory_bytes=MEMORY) as sandbox, sandbox.connect() as parser:
        yield parser


def outcome(parser: Parser, body: str | bytes) -> FeedDocument | str:
    """The document, or the name under which the bomb is counted."""
    data = body.encode() if isinstance(body, str) else body
    started = time.monotonic()
    try:
        found = parser.call("feed", data, URL, None, NOW)
    except FeedError as error:
        found = error.reason
    except SandboxError as error:
        found = f"parser-{error.reason}"
    assert time.monotonic() - started < SECONDS + 5
    assert parser.call("feed", RSS.encode(), URL, None, NOW).title == "The Courier"
    return found


def doctype(inside: str, body: str) -> str:
    return f"<!DOCTYPE x [{inside}]>" + body.partition("?>")[2]


LAUGHS = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "body",
    [
        doctype(LAUGHS, rss(item(1, title="&l11;"))),
        "<!-- <rss> -->" + doctype(LAUGHS, rss(item(1, title="&l11;"))),
        "<?xml version='1.0'?>\n" + doctype(LAUGHS, rss(item(1, title="&l11;"))),
        doctype(f'<!ENTITY a "{"a" * 50_000}">', rss(item(1, title="&a;" * 50_000))),
        doctype("<!ENTITY % p \"<!ENTITY x 'lol'>\">%p;", rss(item(1, title="&x;"))),
        doctype(LAUGHS, "?><urlset><url><loc>/1</loc><news><title>&l11;</title></news></url></urlset>"),
    ],
)
def test_entities_do_not_grow(parser: Parser, body: str) -> None:
    found = outcome(parser, body)
    assert isinstance(found, FeedDocument)
    (entry,) = found.entries
    assert len(entry.title) + len(entry.summary) <= 2_000


@pytest.mark.parametrize("system", ["file:///etc/passwd", "http://127.0.0.1:9/x", "/etc/passwd"])
def test_external_entities_and_documents_are_not_fetched(parser: Parser, system: str) -> None:
    for body in (
        doctype(f'<!ENTITY e SYSTEM "{system}">', rss(item(1, title="a &e; b"))),
        f'<!DOCTYPE rss SYSTEM "{system}">' + rss(item(1, title="a &e; b")).partition("?>")[2],
        doctype(
            f'<!ENTITY e SYSTEM "{system}">',
            "?><urlset><url><loc>/1</loc><news><title>a &e; b</title></news></url></urlset>",
        ),
    ):
        found = outcome(parser, body)
        assert isinstance(found, FeedDocument)
        assert found.entries[0].title == "a &e; b"


@pytest.mark.parametrize(
    ("body", "reasons"),
    [
        ("<rss version='2.0'><channel>" + "<a>" * 1_000_000, ["unreadable"]),
        ("<rss version='2.0'><channel>" + "<a>" * 40_000 + "</a>" * 40_000, ["document", "parser-timeout"]),
        ("<rss version='2.0'><channel>" + "<item>" * 10_000, ["document", "parser-timeout"]),
        ("<urlset>" + "<url>" * 1_000_000, ["unreadable"]),
        ('{"version":"https://jsonfeed.org/version/1","items":[' + '{"id":' * 500_000, ["document"]),
        ("[" * 1_000_000, ["not-a-feed"]),
    ],
)
def test_deep_nesting(parser: Parser, body: str, reasons: list[str]) -> None:
    found = outcome(parser, body)
    assert (found if isinstance(found, str) else "document") in reasons


def test_ten_megabytes_of_items(parser: Parser) -> None:
    assert outcome(parser, "<rss><channel>" + "<item/>" * 1_400_000) == "too-many-entries"
    rows = '{"id":"1"},' * 300_000
    assert outcome(parser, f'{{"version":"https://jsonfeed.org/version/1","items":[{rows}{{}}]}}') == "too-many-entries"
    urls = outcome(parser, "<urlset>" + "<url><loc>/</loc></url>" * 430_000)
    assert urls == "not-a-feed"


def test_fifty_thousand_strings_that_look_like_dates(parser: Parser) -> None:
    start = "<rss version='2.0'><channel><item><link>/1</link>"
    dates = (f"<pubDate>mar., 0{n % 9 + 1} déc. 2020 {n % 30}:{n % 70}</pubDate>" for n in range(50_000))
    for body in (
        start + "<pubDate>" + "30 Nov 2025 10:00 " * 50_000 + "</pubDate></item></channel></rss>",
        start + "".join(dates) + "</item></channel></rss>",
    ):
        found = outcome(parser, body)
        assert found == "parser-timeout" or (isinstance(found, FeedDocument) and len(found.entries) == 1)


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ('a="' + "x" * 4_000_000 + '"', None),
        (" ".join(f'a{n}="1"' for n in range(200_000)), "unreadable"),
        (" ".join(f'xmlns:a{n}="urn:{n}"' for n in range(200_000)), "unreadable"),
    ],
)
def test_huge_attributes(parser: Parser, attribute: str, reason: str | None) -> None:
    found = outcome(parser, rss(item(1)).replace("<item>", f"<item {attribute}>"))
    if reason is None:
        assert isinstance(found, FeedDocument)
        assert found.entries[0].title == "Story 1"
    else:
        assert found == reason


def test_null_bytes(parser: Parser) -> None:
    assert outcome(parser, b"\0" * 10_000_000) == "empty"
    found = outcome(parser, rss(item(1)).replace("S", "\0S") + "\0" * 1_000_000)
    assert isinstance(found, FeedDocument)
    assert found.entries[0].title == "Story 1"
    assert any("XML forbids" in problem for problem in found.problems)


def test_gzip_bombs(parser: Parser) -> None:
    assert outcome(parser, gzip.compress(b"<rss>" + b"\0" * 100_000_000, 1)) == "too-large"


def test_what_holds_the_parser_is_killed_and_named(parser: Parser) -> None:
    # feedparser's search for the base URL is quadratic in the depth; it would take minutes.
    assert (
        outcome(parser, '<feed xmlns="http://www.w3.org/2005/Atom">' + '<a xml:base="a/">' * 200_000)
        == "parser-timeout"
    )


def test_one_mad_extension_does_not_cost_the_feed() -> None:
    gml = '<gml:pos xmlns:gml="http://www.opengis.net/gml">1 2</gml:pos>'
    found = read(rss(item(1), item(2) + gml, item(3)))
    assert [entry.title for entry in found.entries] == ["Story 1", "Story 2", "Story 3"]
    assert "extensions of the feed cannot be read: left out" in found.problems
