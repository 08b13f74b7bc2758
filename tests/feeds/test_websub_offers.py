"""WebSub: which hub a feed is offered by, from its Link header (RFC 8288) before what its body says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feeds.websub import offered

FEED = "https://courier.example/feeds/all.xml"
HUB = "https://hub.example/"


@pytest.mark.parametrize(
    "link",
    [
        f'<{HUB}>; rel="hub", <{FEED}>; rel="self"',
        f"<{FEED}>;rel=self,<{HUB}>;rel=hub",
        f'<{HUB}>; rel="preconnect HUB"; title="a, b; <c>", <all.xml>; rel="self"',
        f'</style.css>; rel=preload; as=style, <{HUB}> ; type="text/html" ; rel = "hub" , <{FEED}>; rel=self',
        f'<{HUB}>; title="say \\"hub\\""; rel=hub; rel=next, <{FEED}>; rel=self',
        f"<http://plain.example/>; rel=hub, <{HUB}>; rel=hub, <{FEED}>; rel=self",
        f"nonsense <{HUB}>; rel=hub; , ,,; <{FEED}>; rel=self; broken=",
    ],
)
def test_a_link_header_names_hub_and_topic(link: str) -> None:
    assert offered(link, url=FEED) == (HUB, FEED)


def test_what_another_page_is_said_to_have_is_not_taken_for_ours() -> None:
    link = f'<{HUB}>; rel=hub; anchor="https://other.example/"'
    assert offered(link, url=FEED) is None
    assert offered(f'<{HUB}>; rel=hub; anchor="all.xml"', url=FEED) == (HUB, FEED)


def test_the_header_goes_before_the_body_and_the_body_fills_in() -> None:
    body = {"hub": "https://old.example/hub", "topic": "https://courier.example/old"}
    assert offered(f"<{HUB}>; rel=hub, <{FEED}>; rel=self", url=FEED, **body) == (HUB, FEED)
    assert offered("", url=FEED, **body) == tuple(body.values())
    assert offered(f"<{HUB}>; rel=hub", url=FEED, **body) == (HUB, body["topic"])


def test_a_feed_without_a_hub_is_offered_by_nobody() -> None:
    assert offered("", url=FEED) is None
    assert offered(f"<{FEED}>; rel=self", url=FEED, topic=FEED) is None
    assert offered("<ftp://hub.example/>; rel=hub", url=FEED) is None
    assert offered("<https://:1:2>; rel=hub", url=FEED) is None


@pytest.mark.parametrize("url", ["https://me:word@courier.example/feed", "https://courier.example/feed?token=s3cret"])
def test_secrets_of_a_feed_are_not_told_to_its_hub(url: str) -> None:
    assert offered("", url=url, hub=HUB) is None
    assert offered("", url=url, hub=HUB, topic=FEED) == (HUB, FEED)
    assert offered("", url=FEED, hub=HUB, topic="https://me:word@courier.example/feed") is None


@given(st.text(alphabet='<>;,="\\ ab:/htpreluself\t', max_size=200), st.text(max_size=60))
def test_whatever_a_header_holds_it_is_read(link: str, topic: str) -> None:
    found = offered(link, url=FEED, hub=HUB, topic=topic)
    assert found is None or found[0].startswith("http")


def test_endless_headers_are_read_in_bounded_time() -> None:
    for evil in (
        "<" * 500_000,
        '<x>; a="' + "\\" * 500_000,
        "<x>" + " ;" * 250_000,
        "<x>" + " " * 500_000,
        "<a>," * 9999,
    ):
        assert offered(evil, url=FEED) is None
