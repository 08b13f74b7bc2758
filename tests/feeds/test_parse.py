"""Feeds as they are found: three dialects, mended bytes, ladders of identity, bombs, and what is no feed at all."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime

import pytest

from pipeline.errors import FeedError
from tests.feeds.bodies import ATOM, NOW, RSS, RSS1, URL, item, read, rss


def test_rss() -> None:
    found = read(RSS)
    assert (found.format, found.title, found.home, found.lang) == (
        "RSS 2.0",
        "The Courier",
        "https://courier.example/",
        "en",
    )
    (entry,) = found.entries
    assert entry.key == "guid:c-1"
    assert entry.url == "https://courier.example/1?id=7&a=b"
    assert entry.title == "Ferry & harbour: reopened"
    assert entry.published == datetime(2025, 11, 30, 9, 15, tzinfo=UTC)
    assert entry.authors == ("Ana Ruiz",)
    assert entry.summary == "Short <i>lead</i>."
    assert entry.content == '<p>Whole <a href="/x">text</a>.</p>'
    assert found.problems == ()


def test_atom() -> None:
    found = read(ATOM, "application/atom+xml")
    assert (found.format, found.title, found.home, found.lang) == (
        "Atom 1.0",
        "Le Phare",
        "https://beacon.example/",
        "fr",
    )
    (entry,) = found.entries
    assert entry.url == "https://beacon.example/news/nine.html"
    assert entry.title == "A < B"
    assert entry.published == datetime(2025, 11, 30, 8, tzinfo=UTC)
    assert entry.updated == datetime(2025, 11, 30, 9, tzinfo=UTC)
    assert (entry.authors, entry.lang) == (("Luc Meyer",), "fr")
    assert "<p>Le texte</p>" in entry.content


def test_rss_1() -> None:
    found = read(RSS1)
    assert found.format == "RSS 1.0"
    assert [(entry.url, entry.published) for entry in found.entries] == [
        ("https://tide.example/a", datetime(2025, 11, 29, 22, tzinfo=UTC))
    ]


def test_json_feed() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Notes",
        "home_page_url": "https://notes.example/",
        "language": "de-DE",
        "items": [
            {"id": 7, "url": "/7", "title": "Sieben", "date_published": "2025-11-30T08:00:00+01:00",
             "content_html": "<p>x</p>", "authors": [{"name": "Eva"}]},
            {"id": "https://notes.example/8", "content_text": "acht"},
            "no item",
        ],
    }  # fmt: skip
    found = read(json.dumps(feed), "application/feed+json", "https://notes.example/feed.json")
    assert (found.format, found.lang) == ("JSON Feed 1.1", "de")
    assert [(entry.key, entry.url) for entry in found.entries] == [
        ("guid:7", "https://notes.example/7"),
        ("guid:https://notes.example/8", "https://notes.example/8"),
    ]
    assert found.entries[0].published == datetime(2025, 11, 30, 7, tzinfo=UTC)


def test_results_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(read(RSS))) == read(RSS)


# ---- identity ----


@pytest.mark.parametrize("guid", ["", "0", "  ", "same-for-all", "None"])
def test_a_guid_that_identifies_nothing_is_skipped(guid: str) -> None:
    found = read(rss(*(item(number, guid=f"{guid}") for number in range(3))))
    assert [entry.key for entry in found.entries] == [f"link:https://courier.example/{number}" for number in range(3)]


def test_a_guid_shared_by_some_is_kept_for_the_others() -> None:
    found = read(rss(item(1, guid="a"), item(2, guid="b"), item(3, guid="b")))
    assert [entry.key.partition(":")[0] for entry in found.entries] == ["guid", "link", "link"]


def test_links_shared_by_all_lead_to_title_and_date() -> None:
    body = rss(*(item(number, link="https://courier.example/live") for number in range(3)))
    keys = [entry.key for entry in read(body).entries]
    assert len(set(keys)) == 3
    assert all(key.startswith("title:") for key in keys)
    assert keys == [entry.key for entry in read(body).entries]


def test_an_item_printed_twice_is_one() -> None:
    found = read(rss(item(1, guid="a"), item(2, guid="b"), item(1, guid="a")))
    assert [entry.key for entry in found.entries] == ["guid:a", "guid:b"]
    assert "1 entry printed twice: taken once" in found.problems


def test_a_very_long_guid_fits_an_index() -> None:
    (entry,) = read(rss(item(1, guid="x" * 5000))).entries
    assert len(entry.key) < 100


def test_tracking_does_not_make_another_link() -> None:
    one = read(rss(item(1, link="https://courier.example/1?utm_source=rss")))
    two = read(rss(item(1, link="http://courier.example/1?UTM_SOURCE=atom")))
    assert one.entries[0].key == two.entries[0].key


# ---- links ----


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/a/1", "https://courier.example/a/1"),
        ("//cdn.example.com/1", "https://cdn.example.com/1"),
        ("www.courier.com/1", "https://www.courier.com/1"),
        ("/1?a=1&amp;amp;b=2", "https://courier.example/1?a=1&b=2"),
        (" https://courier.example/1 ", "https://courier.example/1"),
        ("https://courier.example/a b/ü", "https://courier.example/a b/ü"),
    ],
)
def test_links_become_absolute(link: str, expected: str) -> None:
    assert read(rss(item(1, link=link))).entries[0].url == expected


def test_an_entry_without_a_link_is_left_out_and_said_so() -> None:
    found = read(
        rss(item(1), item(2, link=""), item(3, link="mailto:x@y.org"), "<title>only a number</title><guid>4</guid>")
    )
    assert [entry.title for entry in found.entries] == ["Story 1"]
    assert "3 entries without a link to an article: left out" in found.problems


def test_a_guid_that_is_a_url_serves_as_link() -> None:
    found = read(rss("<title>a</title><guid>https://courier.example/9</guid>"))
    assert found.entries[0].url == "https://courier.example/9"


def test_links_to_the_home_page_or_the_feed_are_noted_and_identify_nothing() -> None:
    found = read(rss(item(1, link="https://courier.example/"), item(2, link=URL)))
    assert [entry.key[:6] for entry in found.entries] == ["title:", "title:"]
    assert "2 entries linking to the feed itself or to its home page" in found.problems


def test_the_link_behind_a_counting_redirect_is_taken() -> None:
    body = rss(item(1, link="https://feedproxy.example/~r/x")).replace(
        "<item>",
        '<item><f:origLink xmlns:f="http://rssnamespace.org/feedburner/ext/1.0">https://courier.example/1</f:origLink>',
    )
    assert read(body).entries[0].url == "https://courier.example/1"


# ---- dates ----


def test_a_future_date_is_clamped_and_said_so() -> None:
    found = read(
        rss(item(1, pubDate="Sun, 30 Nov 2031 10:00:00 GMT"), item(2, pubDate="Sun, 30 Nov 2025 12:01:00 GMT"))
    )
    assert [entry.published for entry in found.entries] == [NOW, NOW]
    assert "1 entry dated in the future: taken as of now" in found.problems


@pytest.mark.parametrize("date", ["", "yesterday-ish", "Thu, 01 Jan 1970 00:00:00 GMT", "0001-01-01T00:00:00Z"])
def test_undated_stays_undated(date: str) -> None:
    assert read(rss(item(1, pubDate=date))).entries[0].published is None


# ---- bytes ----


def test_one_bad_byte_does_not_garble_the_rest() -> None:
    body = rss(item(1, title="Zürich — naïve café @"), item(2, title="Ελλάδα")).encode().replace(b"@", b"\x92")
    found = read(body, "application/rss+xml; charset=utf-8")
    assert [entry.title for entry in found.entries] == ["Zürich — naïve café ’", "Ελλάδα"]
    assert any("not UTF-8" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        ("utf-8", "utf-8", None),
        ("utf-8", "iso-8859-1", "text/xml; charset=ISO-8859-1"),
        ("utf-8-sig", "utf-16", None),
        ("utf-16", "utf-16", None),
        ("utf-16-le", "utf-16", None),
        ("cp1252", "iso-8859-1", "text/xml"),
        ("cp1252", "", "text/xml; charset=windows-1252"),
        ("cp1252", "", None),
    ],
)
def test_encodings(encoding: str, declared: str, content_type: str | None) -> None:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    body = rss(item(1, title="Müller “grüßt” Zoë")).replace('<?xml version="1.0"?>', declaration)
    assert read(body.encode(encoding), content_type).entries[0].title == "Müller “grüßt” Zoë"


def test_russian_in_its_own_encoding() -> None:
    body = rss(item(1, title="Новости")).replace('"1.0"?', '"1.0" encoding="koi8-r"?').encode("koi8-r")
    assert read(body).entries[0].title == "Новости"


@pytest.mark.parametrize(
    "broken",
    [
        "\n\n  <?xml version='1.0'?>" + rss(item(1)).partition("?>")[2],
        "Warning: mysql_connect() in /srv/feed.php on line 3\n" + rss(item(1)),
        rss(item(1, description="AT&T & &nbsp; &eacute; &bogus; &#0; \x0b")),
        rss(item(1)).replace("</channel></rss>", ""),
        rss(item(1, description="<b>open")),
        rss(item(1)).replace("<rss ", "<rss undeclared:x='1' "),
    ],
)
def test_badly_formed_is_not_failed(broken: str) -> None:
    found = read(broken)
    assert found.entries[0].url == "https://courier.example/1"
    assert found.entries[0].title == "Story 1"


def test_no_entries_is_not_failed() -> None:
    found = read(rss())
    assert (found.title, found.entries) == ("Courier", ())


# ---- bombs ----


def test_a_billion_laughs_stay_few() -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    body = f'<!DOCTYPE x [<!ENTITY l0 "lol">{levels}]>' + rss(item(1, title="&l11;")).partition("?>")[2]
    for bomb in (body, "<!-- <rss> -->" + body, "<?xml version='1.0'?>\n" + body):
        found = read(bomb)
        assert sum(len(entry.title) + len(entry.summary) for entry in found.entries) < 1000


def test_external_entities_are_not_fetched() -> None:
    body = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + rss(item(1, title="a &e; b")).partition("?>")[2]
    assert "root" not in read(body).entries[0].title


def test_short_plain_entities_of_a_feed_are_kept() -> None:
    body = '<!DOCTYPE x [<!ENTITY co "Courier Ltd">]>' + rss(item(1, title="By &co;")).partition("?>")[2]
    assert read(body).entries[0].title == "By Courier Ltd"


@pytest.mark.parametrize(
    ("bomb", "reason"),
    [
        (rss("<x/>").replace("<x/>", "</item><item>" * 30_000), "too-many-entries"),
        (rss(item(1)).replace("<item>", "<item " + " ".join(f'a{n}="1"' for n in range(20_000)) + ">"), "unreadable"),
        ("[" * 100_000, "not-a-feed"),
        ('{"version":"https://jsonfeed.org/version/1","items":[' + "{}," * 30_000 + "{}]}", "too-many-entries"),
    ],
)
def test_bombs_are_named(bomb: str, reason: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(bomb)
    assert caught.value.reason == reason


@pytest.mark.parametrize("unit", ["<", "&", "<!--", "<![CDATA[", "<!ENTITY a '", "\n", "<?x ", "&#x", "<!DOCTYPE ["])
def test_repetition_takes_linear_time(unit: str) -> None:
    # With quadratic work anywhere, 200 KB of it would take minutes; the suite's own time limit is the judge.
    for body in (
        unit * (200_000 // len(unit)),
        rss(item(1)).replace("</channel></rss>", unit * (100_000 // len(unit))),
    ):
        try:
            read(body)
        except FeedError as error:
            assert error.reason in ("not-a-feed", "empty", "unreadable")  # noqa: PT017
