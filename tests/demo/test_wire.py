"""What a demo leaves in a ledger that outlives it."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.ledger import Ledger, feed_list, feeds, sinks
from pipeline.ledger.feed_list import NewFeed
from workers.demo import receiver, wire

NOW = datetime(2026, 11, 27, tzinfo=UTC)
MINE = "https://example.org/rss"


def test_its_feeds_and_its_sink_go_and_those_of_people_stay(ledger: Ledger) -> None:
    with ledger.write() as tx:
        listed = [
            NewFeed("http://north-post.localhost:4711/atom.xml", "", (wire.DEMO_TAG,)),
            NewFeed(MINE, "", (wire.DEMO_TAG,)),
            NewFeed("http://paper.localhost:4711/rss", "", ()),
        ]
        feed_list.add_many(tx, listed, NOW)
        sinks.add(tx, wire.SINK, "webhook", f"http://127.0.0.1:4711{receiver.PATH}", NOW)
        sinks.add(tx, "desk", "webhook", "https://desk.example/hook", NOW)
    assert wire.forget(ledger) == 2
    with ledger.read() as tx:
        assert {feed.url for feed in feeds.every(tx)} == {MINE, "http://paper.localhost:4711/rss"}
        assert [sink.name for sink in sinks.every(tx)] == ["desk"]


def test_a_sink_of_that_name_that_leads_elsewhere_stays(ledger: Ledger) -> None:
    with ledger.write() as tx:
        sinks.add(tx, wire.SINK, "webhook", "https://desk.example/hook", NOW)
    wire.forget(ledger)
    with ledger.read() as tx:
        assert sinks.by_name(tx, wire.SINK) is not None
