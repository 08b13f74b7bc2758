"""Pages hold the whole article inside the noise that real pages have, each outlet in its own way."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
import trafilatura
from lxml import html as lxml_html

import workers.demo
from pipeline.articles.page import read_page
from pipeline.errors import RejectedError
from workers.demo.world import Item, World, load
from workers.seeds import seeds_dir

from .conftest import Visitor

SHIPPED = load(seeds_dir() / "demo")
TEMPLATES = Path(workers.demo.__file__).parent / "templates"


def page_of(visitor: Visitor, item: Item) -> str:
    answer = visitor.get(item.outlet, item.path)
    assert answer.status_code == 200
    return answer.content.decode(SHIPPED.outlets[item.outlet].charset)


@pytest.fixture
def shipped(visit: Callable[[World], Visitor]) -> Visitor:
    visitor = visit(SHIPPED)
    visitor.seconds = 60
    return visitor


def first_of(outlet: str) -> Item:
    return next(item for item in SHIPPED.articles if item.outlet == outlet)


@pytest.mark.parametrize("outlet", SHIPPED.outlets)
def test_the_whole_text_is_there_and_links_to_other_articles(outlet: str, shipped: Visitor) -> None:
    item = first_of(outlet)
    page = html.unescape(page_of(shipped, item))
    assert item.title in page
    assert all(paragraph in page for paragraph in item.paragraphs)
    others = [other for other in SHIPPED.items if other.outlet == outlet and other.id != item.id]
    assert sum(other.path in page for other in others) >= 3


@pytest.mark.parametrize("outlet", SHIPPED.outlets)
def test_an_extractor_finds_the_text_and_must_work_for_it(outlet: str, shipped: Visitor) -> None:
    item = first_of(outlet)
    page = page_of(shipped, item)
    text = " ".join((trafilatura.extract(page, include_comments=False, favor_precision=True) or "").split())
    assert sum(paragraph in text for paragraph in item.paragraphs) >= 0.8 * len(item.paragraphs)
    whole = " ".join(lxml_html.fromstring(page.encode()).text_content().split())
    assert len(whole) > sum(map(len, item.paragraphs)) * 1.2


def test_a_weblog_page_has_the_well_known_noise(shipped: Visitor) -> None:
    item = first_of("harbour-ledger")
    page = page_of(shipped, item)
    assert "Leave a Reply" in page
    assert "Your email address will not be published." in page
    assert re.search(r"Required fields are marked\s*<span class=\"required\">\*</span>", page)
    assert html.unescape(page).count(f">{item.title}</h") == 2
    assert "Share this:" in page


def skeleton(text: str) -> set[str]:
    """Return the pairs of nested tags and the class names of a template."""
    tree = lxml_html.fromstring(re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.S))
    nested = {f"{node.getparent().tag}>{node.tag}" for node in tree.iter() if node.getparent() is not None}
    return nested | {f".{name}" for node in tree.iter() for name in str(node.get("class", "")).split()}


def test_no_two_outlets_share_a_structure() -> None:
    skeletons = {
        outlet.template: skeleton((TEMPLATES / f"{outlet.template}.html").read_text(encoding="utf-8"))
        for outlet in SHIPPED.outlets.values()
    }
    for (name, one), (other, two) in combinations(skeletons.items(), 2):
        assert len(one & two) / len(one | two) < 0.35, (name, other)


def test_no_phrase_of_the_furniture_is_shared_between_outlets() -> None:
    owners: dict[tuple[str, ...], str] = {}
    for outlet in SHIPPED.outlets.values():
        source = (TEMPLATES / f"{outlet.template}.html").read_text(encoding="utf-8")
        source = re.sub(r"<(style|script).*?</\1>|\{#.*?#\}|\{%.*?%\}", " ", source, flags=re.S)
        for piece in re.findall(r">([^<>]+)<", source):
            words = re.sub(r"\{\{.*?\}\}", "X", piece).lower().split()
            for start in range(len(words) - 4):
                phrase = tuple(words[start : start + 5])
                assert owners.setdefault(phrase, outlet.template) == outlet.template, phrase
    assert len(owners) > 100


def test_dates_are_shown_in_different_ways(shipped: Visitor) -> None:
    pages = {outlet: page_of(shipped, first_of(outlet)) for outlet in SHIPPED.outlets}
    marks = ('"datePublished"', 'itemprop="datePublished"', "article:published_time", "<time ", "DC.date.issued")
    assert all(any(mark in page for page in pages.values()) for mark in marks)
    plain = [outlet for outlet, page in pages.items() if not re.search(r"\d{4}-\d\d-\d\d", page)]
    assert len(plain) >= 3  # a date only as people write it


def test_a_reprint_carries_the_agency_s_credit(shipped: Visitor) -> None:
    reprint = next(item for item in SHIPPED.articles if item.copy_of and SHIPPED.outlets[item.outlet].credit)
    assert SHIPPED.outlets[reprint.outlet].credit in html.unescape(page_of(shipped, reprint))


def test_a_page_stays_the_same_while_nothing_comes_out(shipped: Visitor) -> None:
    item = first_of("north-post")
    first = shipped.get(item.outlet, item.path)
    shipped.seconds = 600
    assert shipped.get(item.outlet, item.path).headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("item", [item for item in SHIPPED.items if item.kind in ("paywall", "video", "section-front")])
def test_what_is_no_article_is_none_whatever_stands_beside_it(visit: Callable[[World], Visitor], item: Item) -> None:
    visitor, seen = visit(SHIPPED), 0
    for visitor.seconds in range(0, 61, 4):  # sidebars change with what else is out, up to the end
        answer = visitor.get(item.outlet, item.path)
        if answer.status_code == 200:
            seen += 1
            with pytest.raises(RejectedError) as caught:
                read_page(answer.content, url=str(answer.url), content_type=answer.headers["content-type"])
            assert caught.value.reason == item.kind
    assert seen
