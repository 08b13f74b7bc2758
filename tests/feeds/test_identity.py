"""Where a feed's ladder of identities begins, as measured from poll to poll."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.feeds.identity import POLLS, Rung, after_poll, rekeyed, rung_of, with_keys
from pipeline.records import Entry

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOME = "https://paper.example/"


def item(number: int, *, url: str = "", title: str = "", dated: bool = True, key: str = "") -> Entry:
    return Entry(
        key=key or f"guid:{number}",
        url=url or f"https://paper.example/{number}",
        title=title or f"Story {number}",
        published=NOON - timedelta(hours=number) if dated else None,
    )


def polled(identity: Mapping[str, Any], *documents: tuple[int, int, int]) -> Mapping[str, Any]:
    """What is remembered after documents of which so many entries were known, renamed and moved."""
    for known, renamed, moved in documents:
        identity = after_poll(identity, NOON, known=known, renamed=renamed, moved=moved)
    return identity


# ---- when the ladder begins lower ----


def test_guids_that_last_are_the_identity() -> None:
    assert rung_of(polled({}, *[(20, 0, 0)] * 50)) is Rung.GUID


def test_guids_that_are_new_at_each_fetch_are_left_for_links_and_it_is_said_why() -> None:
    found = polled({}, *[(20, 20, 0)] * POLLS)
    assert rung_of(found) is Rung.LINK
    assert found["why"] == (
        "20 of 20 known entries came with new guids, in 3 documents in a row: its entries are told apart by their links"
    )
    assert found["since"] == NOON.isoformat()


def test_guids_and_links_that_are_new_at_each_fetch_are_left_for_title_and_date() -> None:
    found = polled({}, *[(20, 2, 18)] * POLLS)
    assert rung_of(found) is Rung.TITLE
    assert "new guids and links" in found["why"]


def test_links_that_churn_on_the_second_rung_are_left_as_well() -> None:
    found = polled({"rung": "link"}, *[(20, 0, 15)] * POLLS)
    assert rung_of(found) is Rung.TITLE


@pytest.mark.parametrize("times", [1, POLLS - 1])
def test_a_relaunch_renames_everything_once_and_changes_nothing(times: int) -> None:
    found = polled({}, *[(20, 20, 0)] * times, (20, 0, 0), *[(20, 20, 0)] * times)
    assert rung_of(found) is Rung.GUID


def test_a_few_renamed_entries_are_edits() -> None:
    assert rung_of(polled({}, *[(20, 9, 0)] * 20)) is Rung.GUID


def test_documents_with_next_to_nothing_known_say_nothing() -> None:
    assert polled({}, *[(2, 2, 0)] * 20) == {}


def test_the_first_document_on_a_new_rung_renames_everything_and_does_not_count() -> None:
    lower = polled({}, *[(20, 20, 0)] * POLLS)
    again = polled(lower, (20, 20, 0))
    assert again["churned"] == 0
    assert rung_of(polled(again, *[(20, 0, 0)] * 10)) is Rung.LINK


def test_it_never_climbs_back_by_itself() -> None:
    found = polled({}, *[(20, 20, 0)] * POLLS, *[(20, 0, 0)] * 500)
    assert rung_of(found) is Rung.LINK


def test_the_last_rung_has_none_below() -> None:
    assert rung_of(polled({"rung": "title"}, *[(20, 10, 10)] * 10)) is Rung.TITLE


def test_what_is_remembered_is_json() -> None:
    found = polled({}, *[(20, 20, 0)] * POLLS)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("odd", [{}, {"rung": None}, {"rung": "cellar"}, {"rung": 3}])
def test_nonsense_is_taken_for_nothing(odd: Mapping[str, Any]) -> None:
    assert rung_of(odd) is Rung.GUID


# ---- keys by rung ----


def test_on_the_first_rung_keys_stay() -> None:
    entries = [item(1), item(2)]
    assert rekeyed(entries, {}) == entries


def test_on_the_second_rung_the_link_is_the_key_whatever_the_guid() -> None:
    first = rekeyed([item(1, key="guid:a"), item(2, key="guid:b")], {"rung": "link"})
    second = rekeyed([item(2, key="guid:c"), item(1, key="guid:d")], {"rung": "link"})
    assert [entry.key for entry in first] == ["link:https://paper.example/1", "link:https://paper.example/2"]
    assert {entry.key for entry in first} == {entry.key for entry in second}


def test_on_the_third_rung_a_session_id_in_the_link_makes_no_difference() -> None:
    one, two = (
        rekeyed([item(n, url=f"https://paper.example/{n}?sid={session}") for n in (1, 2)], {"rung": "title"})
        for session in ("a1", "b2")
    )
    assert [entry.key for entry in one] == [entry.key for entry in two]
    assert len({entry.key for entry in one}) == 2


def test_links_to_the_home_page_identify_nothing_on_any_rung() -> None:
    entries = rekeyed([item(1, url=HOME)], {"rung": "link"}, not_links=[HOME, "", "no url"])
    assert entries[0].key.startswith("title:")


def test_no_entry_is_lost_on_a_lower_rung() -> None:
    """Posts of a live blog: one page, one title, one minute; only their guids tell them apart."""
    posts = [item(1, key=f"guid:{n}") for n in range(3)]
    for rung in ("link", "title"):
        assert [entry.key for entry in rekeyed(posts, {"rung": rung})] == ["guid:0", "guid:1", "guid:2"]


def test_an_undated_title_identifies_nothing() -> None:
    """ "News at six" is another broadcast every day."""
    one, two = (
        with_keys([item(1, title="News at six", url=f"https://paper.example/{day}", dated=False)], [""])[0][0].key
        for day in ("monday", "tuesday")
    )
    assert one != two
    (undated,) = rekeyed([replace(item(1), published=None)], {"rung": "title"})
    (other,) = rekeyed([replace(item(1), published=None, url=HOME + "9")], {"rung": "title"})
    assert undated.key != other.key


@pytest.mark.parametrize("guids", [("/news/1", "/news/2"), ("1", "2"), ("tag:x,1", "tag:x,2")])
def test_a_guid_is_taken_as_it_is_relative_or_not(guids: tuple[str, str]) -> None:
    entries, left_out = with_keys([item(1), item(2)], guids)
    assert [entry.key for entry in entries] == [f"guid:{guid}" for guid in guids]
    assert left_out == 0
