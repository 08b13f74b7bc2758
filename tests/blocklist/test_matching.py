"""Which URLs a block list keeps out, and that no spelling of one gets round it."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.blocklist import BlockList
from pipeline.errors import FetchError, InputError
from pipeline.records import Entry


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("example.com", "https://example.com/"),
        ("example.com", "http://example.com/a?b=c"),
        ("example.com", "https://www.example.com/a"),
        ("example.com", "https://a.b.c.example.com/a"),
        ("*.example.com", "https://www.example.com/a"),
        ("https://example.com", "https://news.example.com/a"),
        ("https://example.com/", "https://example.com/a"),
        ("http://example.com/*", "https://example.com/a"),
        ("*://example.com/*", "https://example.com/a"),
        ("https://example.com/live/*", "https://example.com/live/2026/11"),
        ("https://example.com/live/*", "https://www.example.com/live/"),
        ("https://*.example.com/live/*", "https://www.example.com/live/1"),
        ("example.com/live/*", "http://example.com/live/1?page=2"),
        ("example.com/live/*", "https://example.com/a/../live/1"),
        ("https://example.com/page", "https://example.com/page?anything=1"),
        ("https://example.com/?p=7*", "https://example.com/?p=71"),
        ("https://example.com/*.pdf", "https://example.com/a/b.c/d.pdf"),
        ("https://example.com/*/sport/*/live", "https://example.com/en/sport/tennis/live"),
        ("https://example.com/Übung", "https://example.com/%C3%9Cbung"),
        ("*/sponsored/*", "https://anywhere.example/sponsored/1"),
        ("https://*/*.pdf", "https://1.1.1.1/a.pdf"),
        ("example.com:8443", "https://example.com:8443/a"),
        ("192.0.2.7", "http://192.0.2.7:8080/a"),
        ("[2001:db8::7]", "http://[2001:DB8:0::7]/a"),
        ("ru", "https://example.ru/a"),
    ],
)
def test_a_pattern_keeps_out(pattern: str, url: str) -> None:
    assert BlockList([pattern]).match(url) == pattern


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("example.com", "https://notexample.com/"),
        ("example.com", "https://example.com.evil.example/"),
        ("example.com", "https://example.org/?u=https://example.com/"),
        ("*.example.com", "https://example.com/a"),
        ("https://example.com/live/*", "https://example.com/Live/1"),
        ("https://example.com/live/*", "https://example.com/alive/1"),
        ("https://example.com/live/*", "https://example.com/live"),
        ("https://*.example.com/live/*", "https://example.com/live/1"),
        ("https://example.com/page", "https://example.com/page/2"),
        ("https://example.com/?p=7", "https://example.com/?p=71"),
        ("https://example.com/?p=7", "https://example.com/"),
        ("https://example.com/a.b", "https://example.com/a-b"),
        ("example.com:8443", "https://example.com/a"),
        ("192.0.2.7", "http://192.0.2.77/a"),
        ("2.7", "http://192.0.2.7/a"),
        ("example.com", "ftp://example.com/a"),
        ("example.com", "no URL at all"),
    ],
)
def test_a_pattern_lets_pass(pattern: str, url: str) -> None:
    assert BlockList([pattern]).match(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "HTTPS://EXAMPLE.COM/",
        "https://example.com:8080/",
        "https://example.com:443/",
        "https://example.com./",
        "https://example.com.:8080/",
        "https://user@example.com/",
        "https://user:pass@example.com/",
        "https://allowed.example@example.com/",
        "https://allowed.example:80@example.com/",
        "https://ex%61mple.com/",
        "https://%65xample%2Ecom/",
        "https://ｅｘａｍｐｌｅ.com/",
        "https://example。com/",
        "https://exam\tple.com/",
        "  https://example.com/ ",
        "https://example.com#https://allowed.example/",
        "https://example.com?https://allowed.example/",
    ],
)
def test_no_spelling_of_a_host_gets_round_it(url: str) -> None:
    assert BlockList(["example.com"]).match(url) == "example.com"


@pytest.mark.parametrize(
    "path",
    ["/%6Cive/1", "/l%69v%65/1", "/x/../live/1", "/./live/1", "/live/1#x", "/live/1?utm_source=x", "/live/%31"],
)
def test_no_spelling_of_a_path_gets_round_it(path: str) -> None:
    assert BlockList(["https://example.com/live/1"]).match(f"https://example.com{path}")


@pytest.mark.parametrize("one", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example"])
@pytest.mark.parametrize("other", ["bücher.example", "xn--bcher-kva.example", "b%C3%BCcher.example"])
def test_unicode_and_punycode_are_one_host(one: str, other: str) -> None:
    assert BlockList([one]).match(f"https://www.{other}/a")


@pytest.mark.parametrize(
    "spelling", ["3221225991", "0xc0.0.2.7", "0300.0.2.7", "192.0.519", "１９２.0.2.7", "192.0.2.7."]
)
def test_an_address_is_one_however_it_is_spelled(spelling: str) -> None:
    assert BlockList(["192.0.2.7"]).match(f"http://{spelling}/a")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "write example.com"),
        ("*", "everything"),
        ("*/*", "everything"),
        ("https://*/", "everything"),
        ("*://*/*?*", "everything"),
        ("*.*", "everything"),
        ("exa*ple.com", "write example.com"),
        ("*example.com", "write example.com"),
        ("exa mple.com", "write example.com"),
        ("ex_*_.com/x", "write example.com"),
        ("ftp://example.com/", "only http and https"),
        ("https://user:secret@example.com/", "write example.com"),
        ("https://example.com/#part", "write example.com"),
        ("10.0.0.0/8", "firewall"),
        ("fc00::/7", "firewall"),
        ("example..com", "cannot be one"),
        ("https://example.com:99999/", "cannot be one"),
        ("https:///path", "write example.com"),
        ("https://example.com/*?utm_source=*", "tracking parameter"),
        ("x" * 300 + ".com", "cannot be one"),
    ],
)
def test_a_pattern_that_makes_no_sense_is_refused_by_name(pattern: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as refused:
        BlockList(["good.example", pattern])
    assert "secret" not in str(refused.value)
    assert pattern[:20].replace("user:secret@", "***@")[:8] in str(refused.value)


def test_a_refusal_says_which_pattern_it_was_and_that_asking_again_is_useless() -> None:
    blocks = BlockList(["example.com"])
    with pytest.raises(
        FetchError, match=r"example\.com/\?token=\*\*\* is on the block list \(example\.com\)"
    ) as refused:
        asyncio.run(blocks.admit("https://example.com/?token=s3cret"))
    assert (refused.value.reason, refused.value.retry) == ("blocked", False)
    asyncio.run(blocks.admit("https://example.org/"))


def test_entries_are_parted_with_a_sentence() -> None:
    entries = [Entry(key=str(n), url=f"https://{host}/{n}") for n, host in enumerate(["a.example", "b.example"] * 2)]
    kept, sentence = BlockList(["b.example"]).part(entries)
    assert [entry.key for entry in kept] == ["0", "2"]
    assert sentence == "2 entries were left out by the block list (b.example)"
    assert BlockList(["c.example"]).part(entries) == (entries, "")
    assert BlockList().part(entries) == (entries, "")


def test_ten_thousand_hosts_cost_no_more_than_ten() -> None:
    def seconds(blocks: BlockList) -> float:
        best = 1.0
        for _ in range(5):
            began = time.perf_counter()
            for number in range(500):
                assert not blocks.match(f"https://www.paper{number}.example/politics/2026/11/24/story-{number}")
            best = min(best, time.perf_counter() - began)
        return best

    few = BlockList(f"blocked{n}.example" for n in range(10))
    many = BlockList(f"blocked{n}.example" if n % 2 else f"https://blocked{n}.example/live/*" for n in range(10_000))
    assert seconds(many) < 3 * seconds(few)


def test_a_hostile_url_cannot_make_a_pattern_slow() -> None:
    blocks = BlockList(["https://example.com/" + "*a" * 50 + "*b"])
    began = time.perf_counter()
    assert not blocks.match("https://example.com/" + "a" * 8000)
    assert time.perf_counter() - began < 1.0


@given(st.lists(st.text(max_size=40), max_size=4), st.text(max_size=60))
def test_any_text_is_a_pattern_or_refused_and_any_url_is_answered(patterns: list[str], url: str) -> None:
    good = []
    for pattern in patterns:
        try:
            BlockList([pattern])
        except InputError:
            continue
        good.append(pattern)
    blocks = BlockList(good)
    assert len(blocks) == len(good)
    assert blocks.match(url) in ("", *(pattern.strip() for pattern in good))
    assert blocks.match(f"https://example.com/{url}") in ("", *(pattern.strip() for pattern in good))
