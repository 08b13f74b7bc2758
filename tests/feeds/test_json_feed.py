"""JSON Feed as it is found: cut off, with wrong types, with a version that is a mere number, and what is other JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.errors import FeedError
from pipeline.records import FeedDocument
from tests.feeds.bodies import read

WHOLE = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Notes",
    "items": [{"id": str(number), "url": f"/{number}", "title": f"N {number}"} for number in range(5)],
}


def take(feed: Any) -> FeedDocument:
    body = feed if isinstance(feed, str | bytes) else json.dumps(feed)
    return read(body, "application/feed+json", "https://notes.example/feed.json")


def test_a_feed_that_is_cut_off_is_read_up_to_its_last_whole_item() -> None:
    text = json.dumps(WHOLE, indent=1)
    found = take(text[: text.index("N 3") + 2])
    assert (found.title, [entry.title for entry in found.entries]) == ("Notes", ["N 0", "N 1", "N 2"])
    assert any("up to the last whole item" in problem for problem in found.problems)


def test_wherever_it_is_cut_nothing_is_made_up() -> None:
    text = json.dumps(WHOLE)
    titles = [f"N {number}" for number in range(5)]
    for end in range(1, len(text)):
        try:
            found = take(text[:end])
        except FeedError as error:
            assert error.reason == "not-a-feed"  # noqa: PT017
        else:
            assert [entry.title for entry in found.entries] == titles[: len(found.entries)]


def test_control_characters_in_text_do_no_harm() -> None:
    assert take(json.dumps(WHOLE).replace("N 1", "N\n\t1")).entries[1].title == "N 1"


def test_wrong_types_are_left_out() -> None:
    rows = [
        None,
        7,
        {"id": {"a": 1}, "url": ["/x"], "external_url": "/9", "title": None, "authors": {"name": "x"}},
        {"id": 3.5, "url": "/10", "title": 12, "date_published": 1764497700, "authors": [None, {"name": 4}]},
    ]
    found = take({**WHOLE, "items": rows, "home_page_url": 5, "language": ["de"]})
    assert [(entry.url, entry.title) for entry in found.entries] == [
        ("https://notes.example/9", ""),
        ("https://notes.example/10", "12"),
    ]
    assert take({**WHOLE, "items": {"a": 1}}).entries == ()


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("https://jsonfeed.org/version/1", "JSON Feed 1"),
        ("http://www.jsonfeed.org/version/1.1/", "JSON Feed 1.1"),
        ("https://jsonfeed.org/version/2", "JSON Feed"),
    ],
)
def test_versions(version: str, name: str) -> None:
    assert take({**WHOLE, "version": version}).format == name


def test_a_version_that_is_a_mere_number_will_do_where_more_speaks_for_a_feed() -> None:
    bare = {**WHOLE, "version": "1.0"}
    assert take({**bare, "feed_url": "/feed.json"}).format == "JSON Feed 1"
    with pytest.raises(FeedError, match="not a JSON Feed"):
        take(bare)


@pytest.mark.parametrize(
    "body", ['{"kind": "youtube#list", "items": []}', "[]", '"text"', "{}", '{"rss": {"channel": {}}}', "{not json"]
)
def test_other_json_is_no_feed(body: str) -> None:
    with pytest.raises(FeedError) as caught:
        take(body)
    assert caught.value.reason == "not-a-feed"
