"""Lists of feeds: folders as tags, bad lines reported, good ones kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import OpmlError
from pipeline.feeds.opml import Outline, read, write
from pipeline.records import Feed

MIXED = b"""<?xml version="1.0" encoding="UTF-8"?>
<opml version="2.0">
<head><title>mine</title></head>
<body>
<outline text="World">
  <outline text="Europe" title="Europe">
    <outline type="rss" text="The Courier" xmlUrl="https://courier.example/feed" htmlUrl="https://courier.example/"/>
  </outline>
  <outline text="nothing here"/>
  <outline type="rss" text="By mail" xmlUrl="mailto:a@b.org"/>
  <outline TYPE="RSS" TITLE="Beacon" XMLURL="feed://beacon.example/atom" category="/Sea/Ports,News"/>
</outline>
<outline type="rss" text="Again" xmlUrl="http://courier.example/feed?utm_source=opml"/>
<outline text="https://tide.example/rss" xmlUrl="https://tide.example/rss"/>
</body></opml>"""


def test_good_lines_are_taken_and_bad_ones_reported() -> None:
    outlines, problems = read(MIXED, source="mine.opml")
    assert outlines == [
        Outline("https://courier.example/feed", "The Courier", ("World", "Europe")),
        Outline("http://beacon.example/atom", "Beacon", ("World", "Sea", "Ports", "News")),
        Outline("https://tide.example/rss", "", ()),
    ]
    assert [problem.partition(":")[0] for problem in problems] == ["line 9", "line 10", "line 13"]
    assert "no xmlUrl" in problems[0]
    assert "mailto:a@b.org" in problems[1]
    assert "twice" in problems[2]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not XML"),
        (b"https://courier.example/feed\n", "not XML"),
        (b"\x00\x01\x02\xff", "not XML"),
        (b"<!doctype html><html><body>Hello</body></html>", "a web page"),
        (b"<rss version='2.0'><channel/></rss>", "a feed"),
        (b"<subscriptions/>", "<subscriptions>"),
    ],
)
def test_what_is_no_opml_is_named_with_the_way_out(body: bytes, words: str) -> None:
    with pytest.raises(OpmlError) as caught:
        read(body, source="mine.opml")
    assert words in str(caught.value)
    assert str(caught.value).startswith("mine.opml ")
    assert "slugline feeds add" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_file_yields_what_can_be_read() -> None:
    broken = MIXED.replace(b"</body></opml>", b"<outline text='cut o")
    outlines, problems = read(broken, source="mine.opml")
    assert len(outlines) == 3
    assert any("not well-formed" in problem for problem in problems)


def test_bare_ampersands_are_mended() -> None:
    outlines, _ = read(MIXED.replace(b"The Courier", b"Bold & Beautiful &copy;"), source="mine.opml")
    assert outlines[0].title == "Bold & Beautiful ©"


def test_entities_never_grow() -> None:
    levels = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
    bomb = b"<!DOCTYPE opml [<!ENTITY l0 'lol'>" + levels + b"]>" + MIXED.replace(b"The Courier", b"&l11;")[39:]
    outlines, _ = read(bomb, source="mine.opml")
    assert len(outlines[0].title) < 100


def test_depth_and_number_are_bounded() -> None:
    deep = b"<opml><body>" + b"<outline text='x'>" * 20_000
    outlines, _ = read(deep, source="mine.opml")
    assert outlines == []
    many = b"<opml><body>" + b"<outline text='x'/>" * 20_000 + b"</body></opml>"
    outlines, problems = read(many, source="mine.opml")
    assert outlines == []
    assert len(problems) <= 51


def test_passwords_stay_home_unless_asked_for() -> None:
    feeds = [Feed(id=1, url="https://me:hunter2@courier.example/feed", title="Courier")]
    assert "hunter2" not in write(feeds, title="mine")
    assert "https://me:hunter2@courier.example/feed" in write(feeds, title="mine", credentials=True)


_text = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=20).map(
    lambda text: " ".join(text.split())
)
_tags = st.lists(_text.filter(bool), max_size=3, unique=True).map(tuple)


@given(st.lists(st.tuples(_text, _tags), max_size=6))
def test_what_is_written_is_read_back(rows: list[tuple[str, tuple[str, ...]]]) -> None:
    feeds = [
        Feed(id=number, url=f"https://courier.example/{number}?a=1&b=<2>", title=title, tags=tags)
        for number, (title, tags) in enumerate(rows)
    ]
    outlines, problems = read(write(feeds, title="mine <&>").encode(), source="mine.opml")
    assert problems == []
    assert sorted(outlines, key=lambda one: one.url) == [Outline(feed.url, feed.title, feed.tags) for feed in feeds]
