"""Whether a feed has moved for good, by the redirects that its polls meet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.feeds.moves import Move, after_poll
from pipeline.records import Feed
from tests.feeds.polls import NOW, at

OLD, NEW = "https://courier.example/rss", "https://courier.example/feed.xml"
DAY = 86_400.0


def polls(
    *seen: tuple[float, list[tuple[int, str]]], url: str = OLD, is_feed: bool = True
) -> tuple[list[str | None], Move]:
    """Poll at these seconds and meet these hops. Returns to where each poll moved the feed, and the last decision."""
    feed, moved, move = Feed(id=1, url=url), [], Move()
    for seconds, hops in seen:
        move = after_poll(feed, hops, is_feed=is_feed, now=at(seconds))
        moved.append(move.url)
        known = {"moved_to": move.moved_to, "moved_seen": move.moved_seen, "moved_since": move.moved_since}
        feed = Feed(id=1, url=move.url or feed.url, **known)  # type: ignore[arg-type]
    return moved, move


@pytest.mark.parametrize("status", [301, 308])
def test_a_feed_moves_after_three_polls_over_a_day(status: int) -> None:
    hops = [(status, NEW)]
    moved, move = polls((0, hops), (3600, hops), (7200, hops), (DAY, hops))
    assert moved == [None, None, None, NEW]
    assert move.reason == f"moved to {NEW}: it redirected there for good in 4 polls over 24 h"
    assert (move.moved_to, move.moved_seen, move.moved_since) == (None, 0, None)


def test_a_day_alone_is_not_enough() -> None:
    moved, move = polls((0, [(301, NEW)]), (3 * DAY, [(301, NEW)]))
    assert moved == [None, None]
    assert (move.moved_to, move.moved_seen, move.moved_since) == (NEW, 2, NOW)
    assert move.reason == f"it redirects for good to {NEW}, seen 2 times"


@pytest.mark.parametrize("hops", [[(302, NEW)], [(307, NEW)], [(301, "https://x.example/"), (302, NEW)], [(303, NEW)]])
def test_a_temporary_hop_never_moves_it(hops: list[tuple[int, str]]) -> None:
    moved, move = polls(*((number * DAY, hops) for number in range(20)))
    assert moved == [None] * 20
    assert move.moved_seen == 0


def test_all_hops_may_be_permanent() -> None:
    hops = [(301, "https://www.courier.example/rss"), (308, NEW)]
    assert polls((0, hops), (DAY, hops), (2 * DAY, hops))[0] == [None, None, NEW]


def test_the_target_must_stay_the_same() -> None:
    one, two = [(301, NEW)], [(301, NEW + "?page=2")]
    moved, move = polls((0, one), (DAY, one), (2 * DAY, two), (3 * DAY, one), (4 * DAY, one))
    assert moved == [None] * 5
    assert (move.moved_to, move.moved_seen, move.moved_since) == (NEW, 2, at(3 * DAY))


def test_an_answer_at_its_own_address_begins_the_count_anew() -> None:
    moved, move = polls((0, [(301, NEW)]), (DAY, [(301, NEW)]), (2 * DAY, []), (3 * DAY, [(301, NEW)]))
    assert moved == [None] * 4
    assert move.moved_seen == 1
    assert polls((0, [(301, NEW)]), (DAY, []))[1].reason == "it answers at its own address again"


def test_a_home_page_or_a_parked_domain_is_no_new_address() -> None:
    hops = [(301, "https://parking.example/")]
    moved, move = polls(*((number * DAY, hops) for number in range(10)), is_feed=False)
    assert moved == [None] * 10
    assert move.moved_to is None
    assert move.reason == "it redirects to https://parking.example/, but no feed is there"


def test_the_same_address_on_https_needs_two_polls_only() -> None:
    hops = [(301, OLD)]
    moved, _ = polls((0, hops), (900, hops), url="http://courier.example/rss")
    assert moved == [None, OLD]
    moved, _ = polls((0, hops), (900, hops), url="http://courier.example:80/rss")
    assert moved == [None, OLD]
    other = [(301, "https://www.courier.example/rss")]
    assert polls((0, other), (900, other), url="http://courier.example/rss")[0] == [None, None]
    port = [(301, "https://courier.example:8443/rss")]
    assert polls((0, port), (900, port), url="http://courier.example/rss")[0] == [None, None]


def test_it_never_moves_back_to_plain_http() -> None:
    hops = [(301, "http://courier.example/rss")]
    moved, move = polls(*((number * DAY, hops) for number in range(5)))
    assert moved == [None] * 5
    assert "a step back to plain http" in move.reason


def test_a_password_is_taken_along_on_the_same_host_and_to_no_other() -> None:
    url = "https://ana:s3cret@courier.example/rss"
    hops = [(301, NEW)]
    moved, move = polls((0, hops), (DAY, hops), (2 * DAY, hops), url=url)
    assert moved[-1] == "https://ana:s3cret@courier.example/feed.xml"
    assert "s3cret" not in move.reason
    away = [(301, "https://other.example/feed.xml")]
    moved, move = polls(*((number * DAY, away) for number in range(5)), url=url)
    assert moved == [None] * 5
    assert move.reason.endswith("but its user name and password are not for another host")


@pytest.mark.parametrize("target", [OLD, OLD + "#top", "ftp://courier.example/rss", "https://"])
def test_a_redirect_to_itself_or_to_no_address_is_none(target: str) -> None:
    assert polls(*((number * DAY, [(301, target)]) for number in range(5)))[0] == [None] * 5


def test_what_a_feed_was_before_its_poll_is_not_changed() -> None:
    feed = Feed(id=1, url=OLD, moved_to=NEW, moved_seen=2, moved_since=NOW - timedelta(days=2))
    assert after_poll(feed, [(301, NEW)], is_feed=True, now=NOW).url == NEW
    assert feed.url == OLD
