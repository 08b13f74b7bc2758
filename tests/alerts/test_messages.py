"""Messages for people: each type of event has words in each format, in which a headline is nothing but text."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import html
from markdown import markdown

from pipeline.alerts import fence
from pipeline.alerts.apprising import masked
from pipeline.alerts.messages import FORMATS, context, message
from pipeline.alerts.samples import EVENTS, SAMPLES
from pipeline.alerts.wording import clean, summary, why
from pipeline.http import Guard

HOSTILE = (
    "# 1. *Flood* <b onclick=x>_rises_</b> [here](javascript:x) @everyone <!channel> `x` | \r\nBcc: x\u202e\x1b[31m "
    "{{ 7*7 }}"
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rung(headline: str, **more: Any) -> dict[str, Any]:
    data = {
        "rule": {"id": 1, "name": headline},
        "level": "first",
        "storyline": {"id": 3, "headline": headline},
        "article": {"id": 1, "title": headline, "outlet": headline, "url": 'https://a.example/"><script>x</script>'},
        "why": [{"condition": headline, "found": headline}],
    }
    return context("alert.matched", "rule/1", NOON, data | more, "https://news.example/")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("type_", EVENTS)
def test_each_type_has_its_words_in_each_format(type_: str, form: str) -> None:
    title, body, wrong = message(SAMPLES[type_], form)
    assert wrong == ""
    assert title
    assert type_ not in title, "words, and not the name of the type"
    assert body
    assert "https://news.example/" in body
    assert summary(type_, {}), "also where nothing is told of it"
    assert isinstance(why(type_, {}), str)


def test_in_html_a_headline_is_only_text() -> None:
    title, body, _ = message(rung(HOSTILE), "html")
    page = html.fromstring(body)
    assert {one.tag for one in page.iter()} <= {"div", "p", "a"}
    assert {one.get("href") for one in page.iter("a")} == {
        "https://a.example/%22%3E%3Cscript%3Ex%3C/script%3E",
        "https://news.example/storylines/3",
    }
    assert not {char for char in title + body if char in "\r\u202e\x1b"}
    assert "\n" not in title
    assert "@everyone" not in body
    assert "{{ 7*7 }}" in page.text_content()


def test_in_markdown_a_headline_is_only_text() -> None:
    _, body, _ = message(rung(HOSTILE), "markdown")
    page = html.fromstring(markdown(body))
    found = {one.tag for one in page.iter()}
    assert found <= {"div", "p", "strong"}, "the shipped template's own"
    assert "[here](javascript:x)" in page.text_content()
    assert "<!channel>" not in body
    assert "@everyone" not in body


def test_in_plain_text_nobody_is_called_and_lines_stay_lines() -> None:
    title, body, _ = message(rung(HOSTILE), "text")
    assert "@everyone" not in title + body
    assert "<!channel>" not in title + body
    assert len(body.split("\n")) == 4
    assert "*Flood*" in body


def test_a_digest_names_ten_and_says_how_many_more() -> None:
    matches = [{"level": "first", "storyline": {"id": n, "headline": f"story {n}"}} for n in range(40)]
    _, body, _ = message(rung("x", level="digest", storyline=None, article=None, count=70, matches=matches), "text")
    lines = body.split("\n")
    assert "* x: story 9 https://news.example/storylines/9" in lines
    assert "* x: story 10 https://news.example/storylines/10" not in lines
    assert "and 60 more" in lines


def test_a_template_prints_text_escaped_and_urls_only_of_the_web() -> None:
    values = rung("<b>") | {"empty": None}
    own = "{{ storyline.headline }} {{ 'javascript:alert(1)' | url }} {{ 'http://[' | url }} {{ nothing }} {{ empty }}"
    assert message(values, "html", "", own)[1] == "&lt;b&gt;"
    assert message(values, "markdown", "", own)[1] == r"\<b\>"
    assert message(values, "text", "", own)[1] == "<b>"


def test_nothing_of_a_url_is_left_in_what_is_told() -> None:
    url = "mailto://desk:p%40ss@paper.example:25/T0ken?to=night@other.example&pw=ab"
    said = "desk at paper.example (p@ss, p%40ss) refuses T0KEN, ab; cabs stay"
    assert masked(said, url) == "*** at *** (***@***, ***%***) refuses ***, ***; cabs stay"


def test_the_fence_knows_addresses_and_nothing_else() -> None:
    guard = Guard(["10.0.0.0/8"])
    assert fence.refusal(guard, ("10.1.2.3", 25)) == ""
    assert fence.refusal(guard, ("1.1.1.1", 25)) == ""
    assert fence.refusal(guard, None) == ""
    for address in (("127.0.0.1", 25), ("::1", 25, 0, 0), ("fe80::1%eth0", 25, 0, 2), ("::ffff:127.0.0.1", 25, 0, 0)):
        assert "not on the public internet" in fence.refusal(guard, address), ipaddress.ip_address("::1")
    assert "nobody had looked up" in fence.refusal(guard, ("localhost", 25))
    for address in ("/run/docker.sock", b"\0abstract", (0, 0)):
        assert "only addresses of the internet" in fence.refusal(guard, address)


def test_a_line_is_bounded_whatever_it_is_made_of() -> None:
    assert clean("x" * 10_000, 20) == "x" * 19 + "…"
    assert clean(" a\u0000b\u2028c\u202ed\n") == "a b c d"
    assert clean("👩‍💻") == "👩‍💻"
