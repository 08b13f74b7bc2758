"""When the entries of a feed came, and which feeds are chosen by host and text: the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update

from pipeline.ledger import Ledger, feed_list, feeds, rhythms
from pipeline.ledger.feed_list import Choice, NewFeed
from pipeline.ledger.schema import articles, sightings
from pipeline.ledger.schema import feeds as feed_table

NOW = datetime(2026, 11, 29, 14, 5, tzinfo=UTC)
SINCE = NOW - timedelta(days=14)


def hours(ago: float) -> datetime:
    return NOW - timedelta(hours=ago)


def test_entries_came_when_they_were_published_or_else_first_seen(ledger: Ledger) -> None:
    rows = [
        {"published": hours(30), "first_seen": hours(2)},
        {"published": None, "first_seen": hours(3)},
        {"published": hours(-24), "first_seen": hours(4)},  # dated ahead
        {"published": hours(24 * 30), "first_seen": hours(1)},  # an old one that was seen today
        {"published": None, "first_seen": hours(24 * 20)},
    ]
    with ledger.write() as tx:
        feed, other = (feeds.add(tx, f"https://{name}.example/feed", NOW) for name in "ab")
        given: dict[str, Any] = {"url_key": "k", "url": "u", "host_key": "h", "state": "filed", "due": NOW, "seen": NOW}
        article = tx.execute(insert(articles).values(given)).inserted_primary_key[0]
        for number, row in enumerate(rows):
            seen = {"article_id": article, "entry_key": str(number), "url_key": "k", "url": "u", "last_seen": NOW}
            tx.execute(insert(sightings).values(**seen, **row, feed_id=feed))
        tx.execute(insert(sightings).values(**seen, **rows[0], feed_id=other))
    with ledger.read() as tx:
        assert feed is not None
        assert sorted(rhythms.came(tx, feed, SINCE)) == [hours(30), hours(4), hours(3)]


def test_feeds_are_chosen_by_host_and_text_and_counted_by_standing(ledger: Ledger) -> None:
    wanted = [
        NewFeed("https://feeds.news.co.uk/world", "Wörld 100%"),
        NewFeed("https://www.courier.org/rss", "The Courier"),
        NewFeed("https://courier.org.example.net/rss", "Another"),
    ]
    with ledger.write() as tx:
        first, second, third = feed_list.add_many(tx, wanted, NOW).new.values()
        tx.execute(update(feed_table).where(feed_table.c.id == first).values(failures=2, silent_since=NOW))
        tx.execute(update(feed_table).where(feed_table.c.id == third).values(state="gone"))

        def chosen(**choice: Any) -> list[int]:
            found = [feed.id for feed in feed_list.chosen(tx, Choice(**choice))]
            assert feed_list.count(tx, Choice(**choice)) == len(found)
            return found

        assert chosen(host="news.co.uk") == chosen(host="feeds.news.co.uk") == [first]
        assert chosen(host="courier.org") == [second]
        assert chosen(host="a b") == chosen(host="[") == []
        assert chosen(text="COURIER") == [second, third]
        assert chosen(text="100%") == [first]
        assert chosen(text="_") == []
        assert chosen(text="courier", trouble=True) == [third]
        assert feed_list.standings(tx) == {"all": 3, "trouble": 2, "silent": 1, "paused": 0, "gone": 1}
