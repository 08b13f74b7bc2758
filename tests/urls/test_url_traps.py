"""Traps that URLs are known for, one test each."""

from __future__ import annotations

import pytest

from pipeline import urls
from pipeline.articles import read_page

TEXT = (
    "<p>"
    + "The ferry came back after three weeks, and the whole harbour was full of people who cheered. " * 12
    + "</p>"
)


def test_paths_keep_their_case_id_and_p_stay_and_tracking_goes_in_any_letter_case() -> None:
    canonical = urls.canonical
    assert canonical("https://courier.example/News/Story") != canonical("https://courier.example/news/story")
    for query in ("id=7", "p=7", "ID=7", "page=2", "q=ferry", "v=abc", "story=1&id=2", "article_id=7", "n=1&n=2"):
        assert canonical(f"https://courier.example/a?{query}") == f"https://courier.example/a?{query}"
    for name in (
        "utm_source",
        "UTM_Source",
        "utm_anything_new",
        "fbclid",
        "FbClId",
        "GCLID",
        "mc_cid",
        "Msclkid",
        "ysclid",
    ):
        assert canonical(f"https://courier.example/a?{name}=x&id=7") == "https://courier.example/a?id=7"
        assert canonical(f"https://courier.example/a?id=7&{name}=x") == "https://courier.example/a?id=7"
    # What only looks like it: names that begin or end alike belong to the page.
    for name in ("utm", "utmost", "fbclid2", "myfbclid", "clid", "gcl", "source", "campaign"):
        assert canonical(f"https://courier.example/a?{name}=x") == f"https://courier.example/a?{name}=x"


def test_identity_and_address_to_fetch_are_two_things() -> None:
    # Fetched by its identity, this page would be asked for on another scheme and without what the server wants.
    fetch = "http://Courier.example:80/a?utm_source=rss&id=7#part"
    assert urls.canonical(fetch) == "https://courier.example/a?id=7"
    assert urls.absolute("https://courier.example/", fetch) == fetch


@pytest.mark.parametrize(
    ("canonical", "taken"),
    [
        ("https://the-courier.net/news/ferry", "https://the-courier.net/news/ferry"),
        ("https://amp.the-courier.net/news/ferry", "https://amp.the-courier.net/news/ferry"),
        ("/news/ferry?id=7", "https://www.the-courier.net/news/ferry?id=7"),
        # Another owner's: syndicated copies may point there, hacked pages as well.
        ("https://other.net/news/ferry", None),
        ("https://the-courier.net.evil.com/news/ferry", None),
        # The front page is no article's address.
        ("https://the-courier.net/", None),
        ("https://www.the-courier.net", None),
        ("javascript:void(0)", None),
        ("", None),
    ],
)
def test_a_pages_canonical_link_counts_only_on_its_own_domain_and_with_a_path(
    canonical: str, taken: str | None
) -> None:
    page = f"""<html lang="en"><head><title>Ferry back | Courier</title><link rel="canonical" href="{canonical}">
    <meta property="og:type" content="article"></head>
    <body><article><h1>Ferry back</h1>{TEXT}</article></body></html>"""
    found = read_page(
        page.encode(), url="https://www.the-courier.net/news/ferry.amp", content_type="text/html", hint=None
    )
    assert found.canonical_url == taken


def test_customers_of_one_platform_do_not_speak_for_one_another() -> None:
    for one, other in (
        ("https://alice.github.io/a", "https://bob.github.io/a"),
        ("https://alice.blogspot.com/a", "https://bob.blogspot.com/a"),
        ("https://alice.co.uk/a", "https://bob.co.uk/a"),
    ):
        assert urls.registrable_domain(one) != urls.registrable_domain(other)
