"""URL identity: what must be one page, what must stay two, and that it is the same at every pass."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline import urls
from pipeline.errors import InputError

_word = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~", min_size=1, max_size=12)
_path = st.lists(_word, max_size=5).map(lambda parts: "/" + "/".join(parts))
_anything = st.text(max_size=60)


@given(_anything, _anything, _anything)
def test_canonical_is_idempotent_whatever_comes(host: str, path: str, query: str) -> None:
    for url in (
        f"http://example.org/{path}?{query}",
        f"https://{host}/{path}",
        path,
        f"HTTP://Ex.ORG:80{path}#{query}",
    ):
        try:
            once = urls.canonical(url)
        except InputError:
            continue
        assert urls.canonical(once) == once
        assert once.isascii()
        assert urls.key(url) == urls.key(once)


@given(_anything)
def test_nothing_but_input_error_escapes(text: str) -> None:
    for call in (urls.canonical, urls.key, urls.host_key, urls.registrable_domain):
        with suppress(InputError):
            assert call(text).isascii()
    urls.mask(text)
    urls.is_http(text)
    found = urls.absolute("https://example.org/a/b", text)
    assert found is None or urls.is_http(found)


@given(_path)
def test_the_case_of_the_path_is_kept(path: str) -> None:
    assert urlsplit(urls.canonical(f"https://EXAMPLE.org{path}")).path == path


@given(
    st.lists(st.tuples(st.sampled_from(["id", "p", "page", "q", "article", "v", "story"]), _word), max_size=4),
    st.lists(
        st.sampled_from(["utm_source", "UTM_Medium", "fbclid", "FBCLID", "gclid", "mc_cid", "mtm_kwd"]), max_size=4
    ),
    st.randoms(use_true_random=False),
)
def test_parameters_with_a_meaning_stay_in_order_and_tracking_goes(kept, tracking, random) -> None:
    wanted = "&".join(f"{name}={value}" for name, value in kept)
    pieces = [f"{name}={value}" for name, value in kept]
    for name in tracking:
        pieces.insert(random.randint(0, len(pieces)), f"{name}=x%2Fy")
    # Inserting leaves the order of the others as it was.
    assert urlsplit(urls.canonical("https://example.org/a?" + "&".join(pieces))).query == wanted


@pytest.mark.parametrize(
    "same",
    [
        "http://example.org/a?id=3",
        "https://example.org/a?id=3",
        "HTTPS://EXAMPLE.ORG:443/a?id=3#part",
        "http://example.org:80/a?id=3&utm_source=feed",
        "https://example.org./a?id=3",
        "https://user:secret@example.org/a?id=3",
        " https://example.org/\ta?id=3\n",
        "https://example.org/b/../%61?id=3&",
        "https://example.org/a?UTM_CAMPAIGN=x&id=3&FbClId=y",
        "https://example.org/a?id=3&ref=other-blog.example.com",
    ],
)
def test_one_page(same: str) -> None:
    assert urls.canonical(same) == "https://example.org/a?id=3"


@pytest.mark.parametrize(
    "other",
    [
        "https://example.org/A?id=3",
        "https://example.org/a/?id=3",
        "https://example.org/a?ID=3",
        "https://example.org/a?id=4",
        "https://example.org/a",
        "https://example.org:8080/a?id=3",
        "https://www.example.org/a?id=3",
        "https://example.org/a?id=3&p=1",
        "https://example.org/a?id=3&ref=page2",
        "https://example.org/a?id=3&pk_id=7",
        "https://example.org/a%2Fb?id=3",
    ],
)
def test_another_page(other: str) -> None:
    assert urls.key(other) != urls.key("https://example.org/a?id=3")


def test_international_hosts_and_paths() -> None:
    assert urls.canonical("http://ПРИМЕР.рф/Ё?q=ü%c3%bc") == "https://xn--e1afmkfd.xn--p1ai/%D0%81?q=%C3%BC%C3%BC"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "   ",
        "example.org/a",
        "ftp://example.org/a",
        "mailto:a@example.org",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://exa mple.org/",
        "http://example.org:99999/",
        "http://example.org:0/",
        "http://[::1/",
        "http://good.example\\@evil.example/",
        "http://a..b/",
        f"http://{'a' * 64}.org/",
        "http://example.org/" + "a" * 9000,
    ],
)
def test_bad_input_is_refused_by_name(bad: str) -> None:
    with pytest.raises(InputError) as caught:
        urls.canonical(bad)
    assert len(str(caught.value)) < 400 or bad[:40] in str(caught.value)
    assert not urls.is_http(bad)


def test_an_error_never_shows_a_password() -> None:
    with pytest.raises(InputError) as caught:
        urls.canonical("ftp://me:hunter2@example.org/?token=abcdef")
    assert "hunter2" not in str(caught.value)
    assert "abcdef" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.news.bbc.co.uk/x", "bbc.co.uk"),
        ("http://a.example.com:8080/", "example.com"),
        ("http://someone.github.io/", "github.io"),
        ("http://127.0.0.1:8400/a", "127.0.0.1:8400"),
        ("http://127.0.0.1/a", "127.0.0.1:80"),
        ("https://[2001:DB8::1]/", "[2001:db8::1]:443"),
        ("http://courier.localhost:9001/feed", "courier.localhost:9001"),
        ("https://localhost/", "localhost:443"),
        ("http://intranet/", "intranet"),
    ],
)
def test_politeness_key(url: str, expected: str) -> None:
    assert urls.host_key(url) == expected


def test_a_platforms_customers_do_not_speak_for_one_another() -> None:
    assert urls.registrable_domain("https://a.someone.github.io/") == "someone.github.io"
    assert urls.registrable_domain("https://10.0.0.1:80/") == "10.0.0.1"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("b.html", "https://example.org/news/b.html"),
        ("/b", "https://example.org/b"),
        ("?p=1", "https://example.org/news/feed.xml?p=1"),
        ("//other.example.com/b", "https://other.example.com/b"),
        ("www.other.com/b", "https://www.other.com/b"),
        ("example.org/b", "https://example.org/b"),
        ("http:/example.org/b", "http://example.org/b"),
        ("  https://other.com/b\n", "https://other.com/b"),
        ("mailto:a@b.org", None),
        ("javascript:void(0)", None),
        ("tag:example.org,2020:1", None),
        ("", None),
        ("http://", None),
    ],
)
def test_absolute(link: str, expected: str | None) -> None:
    assert urls.absolute("https://example.org/news/feed.xml", link) == expected


def test_credentials() -> None:
    url = "https://me:p%40ss@example.org/feed?format=rss&token=abc&id=1"
    assert urls.credentials(url) == ("me", "p@ss")
    assert urls.without_credentials(url) == "https://example.org/feed?format=rss&token=abc&id=1"

    assert urls.mask(url) == "https://***@example.org/feed?format=rss&token=***&id=1"
    assert urls.credentials("https://example.org/") is None


def test_credentials_are_cut_out_of_what_is_no_url_too() -> None:
    assert urls.without_credentials("https://me:secret@[::1/a@b") == "https://[::1/a@b"


@given(_word, _word)
def test_mask_hides_what_stands_before_the_at(user: str, password: str) -> None:
    assume(len(password) > 5)
    shown = urls.mask(f"see https://{user}:{password}@example.org/x")
    assert shown == "see https://***@example.org/x"
