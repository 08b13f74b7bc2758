"""Lists of feeds: folders as tags, bad lines reported, good ones kept."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError, OpmlError
from pipeline.feeds.addresses import feed_url
from pipeline.feeds.opml import Outline, masked, read, read_any, write
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


def test_credentials_stay_home_unless_asked_for() -> None:
    urls = [
        "https://me:hunter2@courier.example/feed",
        "https://courier.example/feed?token=hunter2",
        "https://a.example/",
    ]
    feeds = [Feed(id=1, url=url, title="Courier") for url in urls]
    hidden, whole = write(feeds, title="mine"), write(feeds, title="mine", credentials=True)
    assert "hunter2" not in hidden
    assert all(url in whole for url in urls)
    assert masked(feeds) == 2
    outlines, problems = read(hidden.encode(), source="mine.opml")
    assert [one.url for one in outlines] == ["https://a.example/"]
    assert len(problems) == 2
    assert all("credentials masked" in problem for problem in problems)


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("feed:https://a.example/x", "https://a.example/x"),
        ("feed://a.example/x", "http://a.example/x"),
        ("FEED:HTTP://a.example/x", "HTTP://a.example/x"),
        ("rss://a.example/x", "http://a.example/x"),
        ("//a.example/x", "https://a.example/x"),
        (" a.example/x\n", "https://a.example/x"),
        ("a.example:8080/x", "https://a.example:8080/x"),
        ("localhost:8080/x", "http://localhost:8080/x"),
        ("[::1]/x", "http://[::1]/x"),
    ],
)
def test_addresses_are_taken_as_they_are_meant(written: str, url: str) -> None:
    assert feed_url(written) == url


@pytest.mark.parametrize(
    "written",
    ["", "x", "mailto:a@b.example", "javascript:x", "rss:x", "https://a b/", "https://", "file:///etc/passwd"],
)
def test_what_is_no_address_of_a_feed_is_refused(written: str) -> None:
    with pytest.raises(InputError):
        feed_url(written)


@given(st.text(max_size=60) | st.text("feed:/rss@.*?=&[]:1a ", max_size=40))
def test_an_address_is_taken_or_refused_in_a_sentence(written: str) -> None:
    with suppress(InputError):  # and nothing else
        assert feed_url(feed_url(written)) == feed_url(written)


def test_a_login_without_scheme_is_not_repeated() -> None:
    with pytest.raises(InputError) as caught:
        feed_url("me:hunter2@courier.example/feed")
    assert "hunter2" not in str(caught.value)


def test_a_plain_list_of_urls_is_taken_as_well() -> None:
    text = b"# mine\r\nhttps://a.example/feed\n\n  feed://b.example/x\nnot one\nhttps://a.example/feed\n; end"
    outlines, problems = read_any(text, source="mine.txt")
    assert [one.url for one in outlines] == ["https://a.example/feed", "http://b.example/x"]
    assert [problem.partition(":")[0] for problem in problems] == ["line 5", "line 6"]
    assert read_any(MIXED, source="mine.opml") == read(MIXED, source="mine.opml")
    with pytest.raises(OpmlError, match="neither OPML nor a list"):
        read_any(b"Dear all\nplease find enclosed", source="mine.txt")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings_are_understood(encoding: str) -> None:
    text = f"""<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?><opml><body>
    <outline text="Café Zürich" xmlUrl="https://a.example/"/></body></opml>"""
    outlines, _ = read(text.encode(encoding), source="mine.opml")
    assert outlines == [Outline("https://a.example/", "Café Zürich", ())]


def test_a_list_of_ten_megabytes_is_read_in_seconds_and_a_longer_one_refused() -> None:
    lines = "".join(
        f'<outline text="Feed {n}" title="Feed {n}" type="rss" xmlUrl="https://outlet{n}.example/feed" '
        f'htmlUrl="https://outlet{n}.example/" description="{"x" * 650}"/>\n'
        for n in range(13_000)
    )
    text = f"<opml><body><outline text='many'>{lines}</outline></body></opml>".encode()
    assert len(text) > 10_000_000
    began = time.process_time()
    outlines, problems = read(text, source="mine.opml")
    assert time.process_time() - began < 30
    assert (len(outlines), problems, outlines[0].tags) == (13_000, [], ("many",))
    with pytest.raises(OpmlError, match="too long"):
        read(text + text, source="mine.opml")


def test_an_outline_with_very_many_attributes_holds_nothing_up() -> None:
    attributes = " ".join(f"a{n}='x'" for n in range(100_000))
    began = time.process_time()
    outlines, problems = read(
        f"<opml><body><outline xmlUrl='https://a.example/' {attributes}/></body></opml>".encode(), source="x"
    )
    assert time.process_time() - began < 5
    assert outlines == []
    assert "left out" in problems[0]


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
