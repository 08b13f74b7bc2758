"""What feeds are known to do from one poll to the next, and what it must not lead to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, update

from pipeline.feeds.identity import POLLS, Rung, after_poll, rekeyed, rung_of
from pipeline.ledger import Ledger, articles, work
from pipeline.ledger.articles import BACKFILL, FRESH, Recorded
from pipeline.ledger.intake import LATE, MOST_SIGHTINGS
from pipeline.ledger.schema import articles as article_rows
from pipeline.ledger.schema import feeds, sightings
from pipeline.records import Entry
from tests.ledger.making import START, at, claimed, count, entry, feed, page, queued, row

DAY = 86_400.0


def record(
    ledger: Ledger, feed_id: int | None, *entries: Entry, seconds: float = 0, backfill: bool = False
) -> Recorded:
    with ledger.write() as tx:
        return articles.record_entries(tx, entries, at(seconds), feed_id=feed_id, backfill=backfill)


def polls(ledger: Ledger, feed_id: int, *documents: list[Entry], first: int = 0) -> tuple[list[Recorded], Rung]:
    """What a poller does with documents that come five minutes apart; and the rung its feed has ended on."""
    with ledger.read() as tx:
        identity = tx.execute(select(feeds.c.identity).where(feeds.c.id == feed_id)).scalar_one()
    done = []
    for number, document in enumerate(documents, start=first):
        keyed = rekeyed(document, identity, not_links=["https://paper.example/"])
        done.append(record(ledger, feed_id, *keyed, seconds=300 * number))
        found = done[-1]
        identity = after_poll(identity, at(300 * number), known=found.known, renamed=found.renamed, moved=found.moved)
    with ledger.write() as tx:
        tx.execute(update(feeds).where(feeds.c.id == feed_id).values(identity=identity))
    return done, rung_of(identity)


def story(number: int, *, guid: str = "", url: str = "", **fields: object) -> Entry:
    values: dict[str, object] = {"title": f"Story {number}", "published": at(-60.0 * number)} | fields
    return entry(url or f"https://paper.example/{number}", key=f"guid:{guid or number}", **values)


@pytest.fixture
def paper(ledger: Ledger) -> int:
    with ledger.write() as tx:
        return feed(tx)


@pytest.fixture
def other(ledger: Ledger) -> int:
    with ledger.write() as tx:
        return feed(tx, "https://other.example/feed")


# ---- trap 14: guids that are new at each fetch, and links that are (FreshRSS#5151, lion-reader#1535) ----


def test_guids_that_are_new_at_each_fetch_make_no_rows_and_the_ladder_begins_at_the_link(
    ledger: Ledger, paper: int
) -> None:
    documents = [[story(n, guid=f"{poll}-{n}") for n in range(1, 11)] for poll in range(10)]
    done, rung = polls(ledger, paper, *documents)
    assert (count(ledger), count(ledger, sightings)) == (10, 10)
    assert rung is Rung.LINK, "after three documents that churned; the one after that renames everything once more"
    switched = POLLS + 1
    assert [one.renamed for one in done] == [0, *[10] * switched, *[0] * (9 - switched)], "stable once it has switched"
    assert {one.articles + one.sightings for one in done[1:]} == {0}, "nothing of it is news to the schedule"


def test_at_the_moment_of_switching_nothing_is_taken_for_new(ledger: Ledger, paper: int) -> None:
    documents = [[story(n, guid=f"{poll}-{n}") for n in range(1, 11)] for poll in range(POLLS + 1)]
    _, rung = polls(ledger, paper, *documents)
    assert rung is Rung.LINK
    fresh = [story(99, guid="x"), *[story(n, guid=f"y-{n}") for n in range(1, 11)]]
    (found,), _ = polls(ledger, paper, fresh, first=20)
    assert found == Recorded(articles=1, sightings=0, known=10, renamed=10)
    assert count(ledger, sightings) == 11


def test_guids_and_links_that_are_new_at_each_fetch_are_known_by_title_and_date(ledger: Ledger, paper: int) -> None:
    documents = [
        [story(n, guid=f"{poll}-{n}", url=f"https://paper.example/{n}?sid={poll}x{n}") for n in range(1, 11)]
        for poll in range(10)
    ]
    done, rung = polls(ledger, paper, *documents)
    assert (count(ledger), count(ledger, sightings)) == (10, 10)
    assert rung is Rung.TITLE
    assert done[1].moved == 10
    assert done[-1] == Recorded(articles=0, sightings=0, known=10), "stable once it has switched"


def test_a_row_that_was_taken_over_by_its_url_is_not_taken_again_by_title_and_date(ledger: Ledger, paper: int) -> None:
    """After a relaunch all guids are new, and one of the new articles has title and date of a known one."""
    same = {"title": "Correction", "published": at(-60)}
    record(ledger, paper, story(1, **same))
    found = record(
        ledger,
        paper,
        *(story(number, guid=f"new-{number}") for number in (3, 4)),
        story(2, guid="new-2", **same),
        story(1, guid="new-1", **same),
        seconds=300,
    )
    assert found == Recorded(articles=3, sightings=0, known=1, renamed=1)


def test_a_daily_programme_with_the_same_titles_stays_news(ledger: Ledger, paper: int) -> None:
    """Every day other links under the same titles, undated or with the date of the day."""
    week = [
        [story(n, guid=f"{day}-{n}", url=f"https://paper.example/{day}/{n}", published=dated) for n in range(1, 7)]
        for day in range(5)
        for dated in [at(day * DAY) if day % 2 else None]
    ]
    done, rung = polls(ledger, paper, *week)
    assert [one.articles for one in done] == [6] * 5
    assert rung is Rung.GUID


def test_a_guid_shared_by_all_entries_leaves_each_its_own_row(ledger: Ledger, paper: int) -> None:
    """The ladder within one document has given them their links for keys; from poll to poll these are stable."""
    documents = [[replace(story(n), key=f"link:https://paper.example/{n}") for n in range(1, 5)]] * 5
    done, rung = polls(ledger, paper, *documents)
    assert (done[-1], rung) == (Recorded(articles=0, sightings=0, known=4), Rung.GUID)


def test_one_page_as_several_entries_keeps_a_bounded_number_of_rows(ledger: Ledger, paper: int) -> None:
    """Posts of a live blog: one URL, a new guid for each, all of them in the document."""
    posts = [story(n, url="https://paper.example/live") for n in range(1, 40)]
    record(ledger, paper, *posts)
    for poll in range(1, 5):
        record(ledger, paper, *[story(100 + poll, url="https://paper.example/live"), *posts], seconds=300 * poll)
    assert (count(ledger), count(ledger, sightings)) == (1, MOST_SIGHTINGS)
    record(ledger, paper, *[story(n, url="https://paper.example/live") for n in range(200, 240)], seconds=3000)
    assert count(ledger, sightings) == MOST_SIGHTINGS


def test_urls_of_one_page_without_end_keep_a_bounded_number_of_rows(
    ledger: Ledger, paper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything churns, titles too, but the page names its canonical URL."""
    monkeypatch.setattr(work, "MOST_SIGHTINGS", 3)
    canonical = "https://paper.example/real"
    for number in range(8):
        record(ledger, paper, story(number, url=f"https://paper.example/{number}"), seconds=number)
        with ledger.read() as tx:
            newest = tx.execute(select(article_rows.c.id).order_by(article_rows.c.id.desc()).limit(1)).scalar_one()
        (mine,) = claimed(ledger, newest, seconds=number)
        with ledger.write() as tx:
            work.finish_fetch(tx, mine, page("The page", canonical_url=canonical), None, at(number))
    assert (count(ledger), count(ledger, sightings)) == (1, 3)


# ---- trap 15: dates (OpenCTI#15231, NetNewsWire#2808) ----


def test_undated_stays_undated_and_the_future_is_clamped_to_first_seen(ledger: Ledger, paper: int) -> None:
    ahead = story(1, published=at(3 * DAY))
    record(ledger, paper, ahead, story(2, published=None))
    record(ledger, paper, ahead, story(2, published=None), seconds=600)
    with ledger.read() as tx:
        dates = dict(tx.execute(select(article_rows.c.url, article_rows.c.published)).all())
        seen = dict(tx.execute(select(sightings.c.url, sightings.c.published)).all())
    assert dates == seen == {"https://paper.example/1": START, "https://paper.example/2": None}


def test_a_date_is_never_a_watermark(ledger: Ledger, paper: int) -> None:
    record(ledger, paper, story(1, published=at(-60)))
    older = record(ledger, paper, story(2, published=at(-3600)), story(3, published=None), seconds=60)
    assert older.articles == 2


# ---- trap 16: order is arbitrary, and old items resurface ----


def test_an_old_item_that_resurfaces_only_moves_last_seen(ledger: Ledger, paper: int) -> None:
    record(ledger, paper, story(1), story(2))
    record(ledger, paper, story(2), seconds=60)
    before = row(ledger, 1)
    found = record(ledger, paper, story(1), story(2), seconds=30 * DAY)
    assert found == Recorded(articles=0, sightings=0, known=2)
    after = row(ledger, 1)
    assert after == before, "neither its state nor its time of first sight"
    with ledger.read() as tx:
        assert set(tx.execute(select(sightings.c.last_seen)).scalars()) == {at(30 * DAY)}


def test_the_order_of_a_document_makes_no_difference(ledger: Ledger, paper: int, other: int) -> None:
    document = [story(n) for n in (3, 1, 4, 2, 5)]
    record(ledger, paper, *document)
    again = record(ledger, paper, *reversed(document), seconds=60)
    assert again == Recorded(articles=0, sightings=0, known=5)
    with ledger.read() as tx:
        urls = tx.execute(select(article_rows.c.url).order_by(article_rows.c.id)).scalars().all()
    assert [url[-1] for url in urls] == ["5", "4", "3", "2", "1"]


# ---- trap 17: what is no news (Feeder#660, hookshot#768) ----


def test_the_first_poll_is_a_backfill_however_fresh_its_entries(ledger: Ledger, paper: int) -> None:
    record(ledger, paper, story(1, published=at(-1)), backfill=True)
    assert (row(ledger, 1)["backfill"], row(ledger, 1)["priority"]) == (True, BACKFILL)


def test_an_entry_that_is_old_when_it_is_first_seen_is_marked_as_well(ledger: Ledger, paper: int) -> None:
    late = LATE.total_seconds()
    record(ledger, paper, story(1, published=at(-late - 60)), story(2, published=at(60 - late)))
    marked = {row(ledger, n)["url"][-1]: (row(ledger, n)["backfill"], row(ledger, n)["priority"]) for n in (1, 2)}
    assert marked == {"1": (True, BACKFILL), "2": (False, FRESH)}


def test_after_a_long_silence_undated_entries_are_no_news(ledger: Ledger, paper: int, other: int) -> None:
    """They may be as old as the time for which nobody looked; dated ones say themselves how old they are."""
    for feed_id, success in ((paper, START - timedelta(days=20)), (other, START - timedelta(hours=1))):
        with ledger.write() as tx:
            tx.execute(update(feeds).where(feeds.c.id == feed_id).values(last_success=success))
    record(ledger, paper, story(1, published=None), story(2, published=at(-60)), story(3, published=at(-9 * DAY)))
    record(ledger, other, story(4, published=None))
    with ledger.read() as tx:
        marked = dict(tx.execute(select(article_rows.c.url, article_rows.c.backfill)).all())
    assert {url[-1]: backfill for url, backfill in marked.items()} == {"1": True, "2": False, "3": True, "4": False}


def test_what_a_moved_feed_brings_again_is_no_news(ledger: Ledger, paper: int, other: int) -> None:
    """The same entries under the guids and tracking parameters of a new address."""
    record(ledger, paper, *(story(n) for n in range(1, 6)))
    moved = [story(n, guid=f"new-{n}", url=f"http://paper.example/{n}?utm_source=new") for n in range(1, 6)]
    assert record(ledger, other, *moved, seconds=60) == Recorded(articles=0, sightings=5, known=0)
    assert count(ledger) == 5


# ---- trap 18: a burst is not cut ----


def test_a_burst_is_taken_in_whole(ledger: Ledger, paper: int) -> None:
    burst = [story(n) for n in range(1, 1001)]
    assert record(ledger, paper, *burst).articles == 1000
    with ledger.read() as tx:
        order = tx.execute(select(article_rows.c.published).order_by(article_rows.c.id)).scalars().all()
    assert order == sorted(order)


# ---- trap 19: items whose content changes at every fetch ----


def test_a_counter_in_every_entry_costs_few_looks(ledger: Ledger, paper: int) -> None:
    """Views and relative times: each poll shows another text; the pages are asked a few times, ever less often."""
    (article_id,) = _filed(ledger, paper, story(1, summary="0 views"))
    looked = []
    for minute in range(15, 60 * 24 * 9, 15):
        done = record(ledger, paper, story(1, summary=f"{minute} views, {minute // 60} h ago"), seconds=60.0 * minute)
        if done.edited:
            looked.append(minute)
            (mine,) = claimed(ledger, article_id, seconds=60.0 * minute)
            with ledger.write() as tx:
                assert work.unchanged(tx, mine, at(60.0 * minute)) == "unchanged"
        assert row(ledger, article_id)["state"] == "filed"
    gaps = [after - before for before, after in pairwise(looked)]
    assert 3 <= len(looked) <= 10
    assert gaps == sorted(gaps)
    assert gaps[-1] > 20 * gaps[0]
    assert count(ledger, sightings) == 1


def _filed(ledger: Ledger, feed_id: int, *entries: Entry) -> list[int]:
    record(ledger, feed_id, *entries)
    with ledger.write() as tx:
        tx.execute(update(article_rows).values(state="filed", fetched=START))
        return list(tx.execute(select(article_rows.c.id).order_by(article_rows.c.id)).scalars())


def test_the_first_sight_after_an_upgrade_only_stores_what_is_shown(ledger: Ledger, paper: int) -> None:
    """Before it, nothing was kept by which an edit could be told."""
    _filed(ledger, paper, story(1))
    with ledger.write() as tx:
        tx.execute(update(sightings).values(digest=None))
    assert record(ledger, paper, story(1, summary="Other."), seconds=DAY).edited == 0
    assert record(ledger, paper, story(1, summary="Yet another."), seconds=2 * DAY).edited == 1


def test_an_edit_that_comes_too_soon_is_seen_again(ledger: Ledger, paper: int) -> None:
    _filed(ledger, paper, story(1))
    edited = story(1, summary="Edited.")
    assert record(ledger, paper, edited, seconds=300).edited == 0
    assert record(ledger, paper, edited, seconds=600).edited == 0
    assert record(ledger, paper, edited, seconds=1200).edited == 1
    with ledger.read() as tx:
        assert tx.execute(select(sightings.c.changes)).scalar_one() == 1


def test_an_edit_that_two_feeds_show_is_one(ledger: Ledger, paper: int, other: int) -> None:
    record(ledger, other, story(1))
    _filed(ledger, paper, story(1))
    edited = story(1, summary="Edited.")
    found = [record(ledger, feed_id, edited, seconds=3600).edited for feed_id in (paper, other)]
    assert found == [1, 0]
    assert (row(ledger, 1)["generation"], row(ledger, 1)["revisions"]) == (2, 1)


def test_an_edit_waits_behind_what_is_new(ledger: Ledger, paper: int) -> None:
    _filed(ledger, paper, story(1))
    record(
        ledger, paper, story(1, summary="Edited."), entry("https://host.example/2", published=at(3600)), seconds=3600
    )
    with ledger.write() as tx:
        assert [key for _, key in work.due_for_fetch(tx, at(3600), 10)] == ["host.example", "paper.example"]


def test_what_was_ingested_by_hand_has_its_first_sight_too(ledger: Ledger, paper: int) -> None:
    queued(ledger, "https://paper.example/1")
    assert record(ledger, paper, story(1), seconds=60) == Recorded(articles=0, sightings=1, known=0)
