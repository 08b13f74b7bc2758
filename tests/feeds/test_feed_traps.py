"""Traps that feeds are known for, one test each, as far as they show in what a body says.

Each has bitten a real reader; the reference names the project and the report.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline import urls
from pipeline.articles.robots import allowed, crawl_delay
from pipeline.errors import FeedError
from pipeline.feeds.parse import parse
from tests.feeds.bodies import NOW, URL, item, read, rss


def test_bytes_and_the_header_are_given_badly_formed_and_empty_are_not_failed_and_one_bad_byte_spoils_nothing() -> None:
    # lemon24/reader and feedparser's own tracker: text decoded by the header alone is garbled where the header lies.
    body = rss(item(1, title="Ñandú — naïve"), item(2, title="Ελλάδα"))
    for content_type in ("text/xml; charset=us-ascii", "text/html", "application/octet-stream", None):
        found = read(body.encode(), content_type)
        assert [entry.title for entry in found.entries] == ["Ñandú — naïve", "Ελλάδα"]
    # The header decides where nothing else does.
    russian = rss(item(1, title="Новости")).replace('<?xml version="1.0"?>', "").encode("cp1251")
    assert read(russian, "text/xml; charset=windows-1251").entries[0].title == "Новости"
    # Badly formed is not failed: what can be read is read, and said so.
    broken = read(body.replace("</channel></rss>", "<b>").encode())
    assert len(broken.entries) == 2
    assert any("not well-formed" in problem for problem in broken.problems)
    # Empty is not failed either, and an empty body is another thing.
    assert read(rss()).entries == ()
    with pytest.raises(FeedError, match="empty body"):
        read(b"")
    # One bad byte is one bad character.
    spoilt = read(body.encode().replace("naïve".encode(), b"na\xefve"))
    assert [entry.title for entry in spoilt.entries] == ["Ñandú — naïve", "Ελλάδα"]


def test_guids_that_are_relative_zero_empty_or_shared_by_all_items_give_way_to_link_and_then_to_title_and_date() -> (
    None
):
    # FreshRSS#5151 (the same guid for all items), lion-reader#1535 (guids new at each fetch).
    # New at each fetch shows only over several polls; what can be seen in one document is here.
    def keys(*rows: tuple[str, str, str]) -> list[str]:
        made = (f"<guid>{guid}</guid><link>{link}</link><title>{title}</title>" for guid, link, title in rows)
        return [entry.key for entry in read(rss(*made)).entries]

    for worthless in ("", "0", " ", "null", "the-same"):
        assert keys((worthless, "/1", "a"), (worthless, "/2", "b")) == [
            "link:https://courier.example/1",
            "link:https://courier.example/2",
        ]
    # A relative guid tells items apart as well as any, and is no link to fetch.
    relative = read(rss("<guid>/a/1</guid><link>/news/1</link>", "<guid>/a/2</guid><link>/news/2</link>"))
    assert [entry.key for entry in relative.entries] == ["guid:/a/1", "guid:/a/2"]
    assert [entry.url for entry in relative.entries] == [f"https://courier.example/news/{number}" for number in (1, 2)]
    # Where links are shared too, title and date tell items apart; and the same document gives the same keys again.
    shared = [("x", "/live", "a"), ("x", "/live", "b"), ("x", "/live", "c")]
    assert all(key.startswith("title:") for key in keys(*shared))
    assert len(set(keys(*shared))) == 3
    assert keys(*shared) == keys(*shared)
    # One collision does not cost the others their guid.
    assert [key.partition(":")[0] for key in keys(("1", "/1", "a"), ("2", "/2", "b"), ("2", "/3", "c"))] == [
        "guid",
        "link",
        "link",
    ]


def test_dates_that_are_missing_relative_in_the_future_the_epoch_in_odd_zones_or_local_languages() -> None:
    # OpenCTI#15231 (an item dated ahead hid all later ones), NetNewsWire#2808 (local languages, odd zones).
    def published(text: str) -> object:
        return read(rss(item(1, pubDate=text))).entries[0].published

    for undated in ("", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "0001-01-01T00:00:00", "-", "2025-13-45"):
        assert published(undated) is None
    assert published("3 hours ago") == NOW - timedelta(hours=3)
    assert published("Sun, 30 Nov 2025 13:00:00 MEST") == NOW - timedelta(hours=1)
    assert published("dom., 30 nov. 2025 13:00:00 +0100") == NOW
    assert published("Вс, 30 ноя 2025 14:00:00 +0300") == NOW - timedelta(hours=1)
    # The future is now, and no watermark: what is dated before it is taken in all the same.
    found = read(
        rss(item(1, pubDate="Mon, 30 Nov 2099 10:00:00 GMT"), item(2, pubDate="Sat, 29 Nov 2025 10:00:00 GMT"))
    )
    assert [entry.published for entry in found.entries] == [NOW, NOW - timedelta(hours=26)]
    assert "1 entry dated in the future: taken as of now" in found.problems


def test_the_order_of_items_is_arbitrary_and_changes_nothing() -> None:
    rows = [item(number, guid=f"g{number}", pubDate=f"Sat, {number + 10} Oct 2025 10:00:00 GMT") for number in range(9)]
    forth = read(rss(*rows)).entries
    back = read(rss(*reversed(rows))).entries
    assert set(forth) == set(back)
    assert forth == tuple(reversed(back))


def test_a_burst_is_not_cut_at_any_number_of_items() -> None:
    found = read(rss(*(item(number, guid=f"g{number}") for number in range(1_500))))
    assert len(found.entries) == 1_500


def test_links_without_a_scheme_relative_to_home_page_or_feed_or_to_a_file() -> None:
    def links(*items: str, head: str = "<link>https://courier.example/news/</link>") -> list[str]:
        return [entry.url for entry in read(rss(*items, head=head)).entries]

    def one(link: str) -> str:
        (found,) = links(f"<title>a</title><link>{link}</link>")
        return found

    # Without a scheme.
    assert one("www.the-courier.net/a") == "https://www.the-courier.net/a"
    net = "<rss version='2.0'><channel><item><title>a</title><link>the-courier.net/a</link></item></channel></rss>"
    assert read(net, url="https://feeds.the-courier.net/").entries[0].url == "https://the-courier.net/a"
    assert one("//courier.example/a") == "https://courier.example/a"
    # Relative: RSS means its site, Atom its xml:base or itself.
    assert one("a/1") == "https://courier.example/news/a/1"
    assert one("/a/1") == "https://courier.example/a/1"
    atom = """<feed xmlns="http://www.w3.org/2005/Atom"{}><entry xml:base="2025/"><link href="a"/></entry></feed>"""
    based = atom.format(' xml:base="https://cdn.example/x/"')
    assert read(based, "application/atom+xml").entries[0].url == "https://cdn.example/x/2025/a"
    bare = atom.replace(' xml:base="2025/"', "").format("")
    assert read(bare, "application/atom+xml").entries[0].url == "https://courier.example/feeds/a"
    # To the home page or the feed itself: taken, noted, and no identity.
    found = read(rss(item(1, link="https://courier.example/"), item(2, link=URL), item(3)))
    assert [entry.key.partition(":")[0] for entry in found.entries] == ["title", "title", "link"]
    assert "2 entries linking to the feed itself or to its home page" in found.problems
    # To a PDF, a podcast: the link stands, and the page's reader names it for what it is; an enclosure is no article.
    assert one("/report.pdf") == "https://courier.example/report.pdf"
    assert links('<title>a</title><enclosure url="https://courier.example/a.mp3" type="audio/mpeg"/>') == []
    assert links('<title>a</title><link>/a</link><enclosure url="/a.mp3"/>') == ["https://courier.example/a"]
    # To nothing that can be fetched.
    assert (
        links("<title>a</title><link>javascript:void(0)</link>", "<title>b</title><link>mailto:a@b.example</link>")
        == []
    )


def test_the_identity_of_a_url_is_not_the_url_to_fetch() -> None:
    link = "http://Courier.example/News/Story?ID=7&amp;utm_source=rss&amp;FBCLID=x#top"
    (entry,) = read(rss(item(1, link=link))).entries
    assert entry.url == "http://Courier.example/News/Story?ID=7&utm_source=rss&FBCLID=x#top"
    assert entry.key == "link:https://courier.example/News/Story?ID=7"
    assert urls.canonical(entry.url) == "https://courier.example/News/Story?ID=7"


def test_credentials_in_the_url_of_a_feed_are_not_passed_on_to_its_entries_or_sentences() -> None:
    found = parse(
        rss(item(1, link="/a")).encode(), url="https://me:secret@courier.example/feed", content_type=None, now=NOW
    )
    assert "secret" not in repr(found)
    plain = "<rss version='2.0'><channel><item><title>a</title><link>/a</link></item></channel></rss>"
    found = parse(plain.encode(), url="https://me:secret@courier.example/feed", content_type=None, now=NOW)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("rules", "path", "expected"),
    [
        # RFC 9309, 2.2.2: the longest match wins, whatever the order; the standard library takes the first.
        ("Disallow: /\nAllow: /fish", "/fish/salmon", True),
        ("Allow: /page\nDisallow: /*.htm", "/page.htm", False),
        # Equally long: the rule that allows (2.2.2).
        ("Disallow: /page\nAllow: /page", "/page", True),
        # Wildcards and ends (2.2.3), which the standard library takes by the letter.
        ("Disallow: /*.pdf$", "/a/b.pdf", False),
        ("Disallow: /*.pdf$", "/a/b.pdf?x", True),
        ("Allow: /$\nDisallow: /", "/", True),
        ("Allow: /$\nDisallow: /", "/a", False),
        # Percent escapes are compared as what they stand for (2.2.2).
        ("Disallow: /caf%C3%A9", "/café", False),
        # Paths keep their case.
        ("Disallow: /Private", "/private", True),
    ],
)
def test_robots_rules_are_read_as_rfc_9309_has_them_where_the_standard_library_disagrees(
    rules: str, path: str, expected: bool
) -> None:
    agent = "Slugline/0.1 (+https://example.org/bot)"
    assert allowed(f"User-agent: *\n{rules}", f"https://courier.example{path}", agent) is expected
    # A group for one agent replaces the one for all (2.2.1), and groups of one agent count together.
    text = f"User-agent: *\nDisallow: /\n\nUser-agent: slugline\n{rules}\n\nUser-agent: SLUGLINE\nCrawl-delay: 3"
    assert allowed(text, f"https://courier.example{path}", agent) is expected
    assert crawl_delay(text, agent) == 3.0
