"""Bytes, headers and declarations that contradict one another: the text comes out right, a slip stays one slip."""

from __future__ import annotations

import pytest

from tests.feeds.bodies import NEWS_SITEMAP, item, read, rss

GERMAN = "Müller “grüßt” Zoë"
RUSSIAN = "Новости из Ростова"
JAPANESE = "港にフェリーが戻る"


def feed(title: str, declared: str = "") -> str:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    return rss(item(1, title=title)).replace('<?xml version="1.0"?>', declaration)


@pytest.mark.parametrize(
    ("title", "encoding", "declared", "content_type"),
    [
        (GERMAN, "utf-8", "utf-8", "text/xml; charset=us-ascii"),
        (GERMAN, "utf-8", "us-ascii", None),
        (GERMAN, "utf-8", "", "application/rss+xml; charset=iso-8859-1"),
        (GERMAN, "cp1252", "utf-8", "application/rss+xml; charset=utf-8"),
        (GERMAN, "cp1252", "iso-8859-1", "text/xml; charset=utf-8"),
        (GERMAN, "utf-16", "utf-8", "text/xml; charset=utf-8"),
        (GERMAN, "utf-16-be", "utf-16", "text/xml"),
        (GERMAN, "utf-32", "", None),
        (GERMAN, "utf-8", "no-such-encoding", "text/xml; charset=also-none"),
        (RUSSIAN, "cp1251", "windows-1251", "text/xml"),
        (RUSSIAN, "cp1251", "", "text/xml; charset=windows-1251"),
        (RUSSIAN, "koi8-r", "koi8-r", "text/html"),
        (RUSSIAN, "utf-8", "windows-1251", "text/xml; charset=windows-1251"),
        (JAPANESE, "shift_jis", "Shift_JIS", None),
        (JAPANESE, "euc_jp", "EUC-JP", "text/xml"),
        (JAPANESE, "iso2022_jp", "ISO-2022-JP", None),
        ("沙漠裡的渡輪", "big5", "Big5", None),
        ("渡轮回到港口", "gb2312", "gb2312", None),
    ],
)
def test_the_text_comes_out_right(title: str, encoding: str, declared: str, content_type: str | None) -> None:
    assert read(feed(title, declared).encode(encoding), content_type).entries[0].title == title


def test_one_bad_byte_is_one_bad_character() -> None:
    titles = [f"{RUSSIAN} {number}" for number in range(50)]
    body = rss(*(item(number, title=title) for number, title in enumerate(titles))).encode()
    for bad in (b"\xff", b"\xe9", b"\x92", b"\xd0"):
        spoilt = body.replace(f"{RUSSIAN} 7<".encode(), RUSSIAN.encode() + bad + b" 7<")
        found = [entry.title for entry in read(spoilt, "text/xml; charset=utf-8").entries]
        assert [title for number, title in enumerate(found) if number != 7] == titles[:7] + titles[8:]
        assert found[7].startswith(RUSSIAN)
        assert found[7].endswith(" 7")


def test_a_character_cut_in_two_at_the_end_spoils_nothing() -> None:
    body = rss(item(1, title=JAPANESE), item(2, title=JAPANESE)).encode()
    cut = body[: body.rindex(JAPANESE.encode()) + 4]
    assert read(cut, None).entries[0].title == JAPANESE


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("AT&T", "AT&T"),
        ("A & B &amp; C", "A & B & C"),
        ("caf&eacute;&nbsp;&ndash; &Uuml;ber", "café – Über"),
        ("&amp;eacute;", "é"),
        ("&#233;&#xE9;&#XE9;", "ééé"),
        ("a&#0;b&#xD800;c&#x110000;", "abc"),
        ("1 &lt; 2", "1 < 2"),
        ("x&bogus;y", "x&bogus;y"),
        ("a\x0bb\x1fc", "abc"),
        ("<![CDATA[R&D &amp; more]]>", "R&D & more"),
    ],
)
def test_ampersands_entities_and_forbidden_characters(written: str, meant: str) -> None:
    assert read(rss(item(1, title=written))).entries[0].title == meant


@pytest.mark.parametrize(
    "body",
    [
        # Never declared, declared for something else, the default one lost, another version of it, and as a prefix.
        rss(item(1) + "<dc:creator>Ana</dc:creator>"),
        rss(item(1) + "<dc:creator>Ana</dc:creator>").replace("<rss ", '<rss xmlns:dc="http://dc.example/"  '),
        '<feed><entry><title>Story 1</title><link href="https://courier.example/1"/></entry></feed>',
        '<feed xmlns="http://www.w3.org/2005/Atom/"><entry><title>Story 1</title>'
        '<link href="https://courier.example/1"/></entry></feed>',
        '<atom:feed xmlns:atom="http://www.w3.org/2005/Atom"><atom:entry><atom:title>Story 1</atom:title>'
        '<atom:link href="https://courier.example/1"/></atom:entry></atom:feed>',
        rss(item(1)).replace("<rss ", '<rss xmlns="http://backend.userland.com/rss2" '),
        rss(item(1)).replace('version="2.0"', ""),
        rss(item(1)).replace('version="2.0"', 'version="9.7"'),
        rss(item(1)).replace("<channel>", "").replace("</channel>", ""),
    ],
)  # fmt: skip
def test_namespaces_and_versions_used_wrongly(body: str) -> None:
    (entry,) = read(body).entries
    assert (entry.title, entry.url) == ("Story 1", "https://courier.example/1")


@pytest.mark.parametrize(
    "name", ["punycode", "idna", "unicode_escape", "undefined", "zlib_codec", "rot13", "hex", "utf-7"]
)
def test_codecs_that_are_no_charsets_are_not_used(name: str) -> None:
    # Quadratic time for some of them; the suite's own time limit is the judge.
    body = feed("caf\xe9 " + "x" * 500_000).encode("cp1252")
    assert read(body, f"text/xml; charset={name}").entries[0].title.startswith("café xxx")


def test_sitemaps_are_decoded_like_feeds() -> None:
    body = NEWS_SITEMAP.replace("Bridge shut", GERMAN).replace("UTF-8", "iso-8859-1").encode("cp1252")
    assert read(body, "application/xml").entries[1].title == GERMAN
