"""WebSub: which hub a feed names, and under which topic it is subscribed to there."""

from __future__ import annotations

import json

from tests.feeds.bodies import read, rss

ATOM = ' xmlns:atom="http://www.w3.org/2005/Atom"'


def in_rss(links: str) -> tuple[str, str]:
    found = read(
        rss(head=f"<title>x</title><link>https://courier.example/</link>{links}").replace("<rss ", f"<rss{ATOM} ")
    )
    return found.hub, found.topic


def in_atom(links: str) -> tuple[str, str]:
    found = read(f'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>{links}</feed>', "application/atom+xml")
    return found.hub, found.topic


def in_json(**more: object) -> tuple[str, str]:
    found = read(json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": [], **more}))
    return found.hub, found.topic


def test_a_feed_without_a_hub_has_none() -> None:
    assert in_rss("") == in_atom('<link href="/"/>') == in_json() == ("", "")


def test_atom_rss_and_json() -> None:
    wanted = ("https://hub.example/", "https://courier.example/feeds/all.xml")
    assert (
        in_rss(
            '<atom:link rel="hub" href="https://hub.example/"/>'
            '<atom:link rel="self" type="application/rss+xml" href="https://courier.example/feeds/all.xml"/>'
        )
        == wanted
    )
    assert in_atom('<link rel="HUB" href="https://hub.example/"/><link rel="self" href="all.xml"/>') == wanted
    assert (
        in_json(
            feed_url="https://courier.example/feeds/all.xml",
            hubs=[
                "x",
                {"type": "rssCloud", "url": "https://cloud.example/"},
                {"type": "WebSub", "url": "https://hub.example/"},
            ],
        )
        == wanted
    )


def test_of_several_hubs_the_first_on_https_is_taken() -> None:
    hubs = "".join(
        f'<link rel="hub" href="{hub}"/>' for hub in ("http://a.example/", "https://b.example/", "https://c.example/")
    )
    assert in_atom(hubs)[0] == "https://b.example/"
    assert (
        in_atom('<link rel="hub" href="http://a.example/"/><link rel="hub" href="http://b.example/"/>')[0]
        == "http://a.example/"
    )


def test_only_http_and_https_will_do() -> None:
    assert in_atom('<link rel="hub" href="ftp://a.example/"/><link rel="self" href="tag:x,2020:y"/>') == ("", "")
    assert in_json(feed_url="file:///etc/passwd", hubs=[{"type": "WebSub", "url": "javascript:1"}]) == ("", "")
    assert in_json(hubs="https://hub.example/") == ("", "")


def test_an_entrys_own_link_is_no_topic() -> None:
    entry = '<entry><title>a</title><link href="/1"/><link rel="self" href="/1.atom"/></entry>'
    assert in_atom('<link rel="hub" href="https://hub.example/"/>' + entry) == ("https://hub.example/", "")
