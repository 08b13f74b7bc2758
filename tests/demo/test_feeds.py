"""Feeds of all three formats, read back by feedparser, with the faults they are meant to have."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import pytest

from workers.demo.world import World, load
from workers.seeds import seeds_dir

from .conftest import PORT, START, Visitor

SHIPPED = load(seeds_dir() / "demo")


def read(visitor: Visitor, outlet: str, path: str) -> Any:
    answer = visitor.get(outlet, path)
    assert answer.status_code == 200
    location = f"http://{outlet}.localhost:{PORT}{path}"
    headers = {"content-type": answer.headers["content-type"], "content-location": location}
    parsed = feedparser.parse(answer.content, response_headers=headers)
    assert not parsed.bozo, parsed.get("bozo_exception")
    return parsed


def moment(parsed_time: Any) -> datetime:
    return datetime.fromtimestamp(calendar.timegm(parsed_time), UTC)


@pytest.mark.parametrize("outlet", SHIPPED.outlets)
def test_each_shipped_feed_has_all_that_its_outlet_has_out(outlet: str, visit: Callable[[World], Visitor]) -> None:
    visitor = visit(SHIPPED)
    shape = SHIPPED.outlets[outlet].feed
    own = [item for item in SHIPPED.items if item.outlet == outlet]
    parsed = read(visitor, outlet, shape.path)
    assert parsed.version == {"rss2": "rss20", "atom": "atom10", "rss1": "rss10"}[shape.format]
    assert len(parsed.entries) == len([item for item in own if item.hours <= 44])
    visitor.seconds = 60
    parsed = read(visitor, outlet, shape.path)
    assert sorted(entry.title for entry in parsed.entries) == sorted(item.title for item in own)
    assert all(entry.link.startswith(f"http://{outlet}.localhost:{PORT}/") for entry in parsed.entries)


def test_full_text_is_the_whole_article(visitor: Visitor) -> None:
    entry = read(visitor, "continental-wire", "/world.rss").entries[0]
    assert "<p>Its owner, “Weir &amp; Sons”, blamed the price of pulp.</p>" in entry.content[0].value
    assert moment(entry.published_parsed) == START - timedelta(hours=42)


def test_one_guid_for_all_and_links_that_are_tracked(visitor: Visitor) -> None:
    entries = read(visitor, "first-bell", "/feed/").entries
    assert [entry.title for entry in entries] == ["Not there", "Prize draw", "Mill closes"]
    assert len({entry.id for entry in entries}) == 1
    assert entries[2].link.endswith("/mill-closes/?utm_source=feed&UTM_Medium=rss&utm_campaign=top")
    assert entries[2].published == "Wed, 18 Nov 2026 21:00:00 MEST"  # 41 hours before START, two hours east


def test_a_feed_of_the_old_kind_is_oldest_first_and_ahead_of_time(visitor: Visitor) -> None:
    visitor.seconds = 60
    answer = visitor.get("old-press", "/old.rdf")
    assert b'encoding="windows-1252"' in answer.content
    assert "café".encode("windows-1252") in answer.content
    assert "charset" not in answer.headers["content-type"]
    entries = read(visitor, "old-press", "/old.rdf").entries
    assert [entry.title for entry in entries][-1] == "Longest night of the year"
    assert entries[1].title == "Ninety years of paper, and then a café"
    assert moment(entries[1].updated_parsed) == START - timedelta(hours=34) + timedelta(hours=5)


def test_relative_links_and_the_section_feed(visitor: Visitor, world: World) -> None:
    visitor.seconds = 60
    assert b'href="/?p=' in visitor.get("open-desk", "/all.atom").content
    whole = {entry.link for entry in read(visitor, "open-desk", "/all.atom").entries}
    half = {entry.link for entry in read(visitor, "open-desk", "/half.atom").entries}
    even = [item for item in world.articles if item.outlet == "open-desk" and item.number % 2 == 0]
    assert half <= whole
    assert len(half) == len(even)


def test_the_shipped_section_feed_repeats_some_and_not_all(visit: Callable[[World], Visitor]) -> None:
    visitor = visit(SHIPPED)
    visitor.seconds = 60
    outlet = next(outlet for outlet in SHIPPED.outlets.values() if outlet.feed.section_path)
    whole = {entry.link for entry in read(visitor, outlet.key, outlet.feed.path).entries}
    half = {entry.link for entry in read(visitor, outlet.key, outlet.feed.section_path).entries}
    assert 0 < len(half) < len(whole)
    assert half < whole


@pytest.mark.parametrize(("dates", "known"), [("none", False), ("local", False), ("mest", True), ("right", True)])
def test_dates_are_as_wrong_as_they_should_be(dates: str, known: bool, visit: Callable[[World], Visitor]) -> None:
    visitor = visit(SHIPPED)
    outlet = next(outlet for outlet in SHIPPED.outlets.values() if outlet.feed.dates == dates)
    entries = read(visitor, outlet.key, outlet.feed.path).entries
    assert entries
    assert all(bool(entry.get("published_parsed")) is known for entry in entries)
    assert ("published" in entries[0]) is (dates != "none")
