"""Entries become articles once, whatever feed brings them and however often."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from pipeline.errors import InputError
from pipeline.ledger import Ledger, articles, feeds, hints
from pipeline.ledger.articles import CHUNK, Recorded
from pipeline.ledger.schema import articles as rows
from pipeline.ledger.schema import hosts, sightings
from pipeline.records import Entry
from tests.ledger.making import START, at, count, entry, feed, row

ONE = entry("https://paper.example/one", title="One")
TWO = entry("https://paper.example/two", title="Two")


def record(
    ledger: Ledger, feed_id: int | None, *entries: Entry, seconds: float = 0, backfill: bool = False
) -> Recorded:
    with ledger.write() as tx:
        return articles.record_entries(tx, entries, at(seconds), feed_id=feed_id, backfill=backfill)


@pytest.fixture
def paper(ledger: Ledger) -> int:
    with ledger.write() as tx:
        return feed(tx)


def test_the_same_feed_again_only_moves_last_seen(ledger: Ledger, paper: int) -> None:
    assert record(ledger, paper, ONE, TWO) == Recorded(articles=2, sightings=0, known=0)
    assert record(ledger, paper, ONE, TWO, seconds=60) == Recorded(articles=0, sightings=0, known=2)
    assert count(ledger) == 2
    with ledger.read() as tx:
        seen = tx.execute(select(sightings.c.first_seen, sightings.c.last_seen)).all()
    assert seen == [(START, at(60))] * 2


def test_an_entry_that_fell_out_of_the_feed_keeps_its_last_seen(ledger: Ledger, paper: int) -> None:
    record(ledger, paper, ONE, TWO)
    record(ledger, paper, TWO, seconds=60)
    with ledger.read() as tx:
        seen = dict(tx.execute(select(sightings.c.entry_key, sightings.c.last_seen)).all())
    assert seen == {ONE.key: START, TWO.key: at(60)}


def test_the_same_url_from_another_feed_is_a_sighting(ledger: Ledger, paper: int) -> None:
    with ledger.write() as tx:
        other = feed(tx, "https://other.example/feed")
    record(ledger, paper, ONE)
    assert record(ledger, other, entry(ONE.url, key="guid-7")) == Recorded(articles=0, sightings=1, known=0)
    assert (count(ledger), count(ledger, sightings)) == (1, 2)


@pytest.mark.parametrize(
    "url",
    ["https://paper.example/one?utm_source=rss&UTM_Medium=feed", "http://PAPER.example:80/one#top", ONE.url],
)
def test_another_address_of_the_same_page_is_a_sighting(ledger: Ledger, paper: int, url: str) -> None:
    record(ledger, paper, ONE)
    assert record(ledger, paper, ONE, entry(url, key="other")) == Recorded(articles=0, sightings=1, known=1)
    assert count(ledger) == 1


def test_two_entries_of_one_document_with_one_url_make_one_article(ledger: Ledger, paper: int) -> None:
    recorded = record(ledger, paper, entry(ONE.url, key="a"), entry(ONE.url, key="b"))
    assert recorded == Recorded(articles=1, sightings=1, known=0)


def test_another_page_is_another_article(ledger: Ledger, paper: int) -> None:
    record(ledger, paper, entry("https://paper.example/?p=1"), entry("https://paper.example/?p=2"))
    assert count(ledger) == 2


def test_ids_follow_publication_oldest_first(ledger: Ledger, paper: int) -> None:
    newest_first = [
        entry("https://paper.example/3", published=at(-10)),
        entry("https://paper.example/1", published=at(-30)),
        entry("https://paper.example/2", published=at(-20)),
    ]
    record(ledger, paper, *newest_first)
    with ledger.read() as tx:
        urls = tx.execute(select(rows.c.url).order_by(rows.c.id)).scalars().all()
    assert [url[-1] for url in urls] == ["1", "2", "3"]


def test_undated_entries_are_taken_in_the_reverse_of_the_feed(ledger: Ledger, paper: int) -> None:
    record(ledger, paper, *(entry(f"https://paper.example/{number}") for number in (3, 2, 1)))
    with ledger.read() as tx:
        urls = tx.execute(select(rows.c.url).order_by(rows.c.id)).scalars().all()
    assert [url[-1] for url in urls] == ["1", "2", "3"]


def test_the_first_poll_is_a_backfill_and_waits_behind_what_is_new(ledger: Ledger, paper: int) -> None:
    record(ledger, paper, ONE, backfill=True)
    record(ledger, paper, TWO)
    first, second = row(ledger, 1), row(ledger, 2)
    assert (first["backfill"], second["backfill"]) == (True, False)
    assert first["priority"] > second["priority"]


def test_what_the_feed_said_is_kept(ledger: Ledger, paper: int) -> None:
    full = Entry(
        key="k",
        url="https://paper.example/full",
        title="Full",
        published=at(-5),
        summary="Short.",
        content="Long.",
        authors=("Ada Crane", "Bo Lund"),
        lang="en-GB",
    )
    record(ledger, paper, full)
    with ledger.read() as tx:
        assert hints.entries_of(tx, [1]) == {1: full}
    article = row(ledger, 1)
    assert (article["title"], article["published"], article["lang"]) == ("Full", at(-5), "en-GB")
    assert (article["feed_id"], article["state"], article["seen"]) == (paper, "queued", START)


def test_each_host_gets_a_row_of_its_own(ledger: Ledger, paper: int) -> None:
    record(ledger, paper, entry("https://www.paper.com/a"), entry("https://news.other.co.uk/b"))
    with ledger.read() as tx:
        keys = set(tx.execute(select(hosts.c.host_key)).scalars())
    assert keys == {"paper.example", "paper.com", "other.co.uk"}, "the first is the feed's own"


def test_many_entries_at_once(ledger: Ledger, paper: int) -> None:
    many = [entry(f"https://paper.example/{number}") for number in range(CHUNK + 50)]  # more than one statement takes
    assert record(ledger, paper, *many).articles == len(many)
    assert record(ledger, paper, *many).known == len(many)


def test_a_feed_that_was_removed_meanwhile_brings_nothing(ledger: Ledger, paper: int) -> None:
    with ledger.write() as tx:
        feeds.remove(tx, paper, START)
    assert record(ledger, paper, ONE) == Recorded(articles=0, sightings=0, known=0)


def test_articles_outlive_their_feed(ledger: Ledger, paper: int) -> None:
    record(ledger, paper, ONE)
    with ledger.write() as tx:
        feeds.remove(tx, paper, START)
    assert row(ledger, 1)["feed_id"] is None
    with ledger.write() as tx:
        again = feed(tx)
    assert again != paper
    assert record(ledger, again, ONE) == Recorded(articles=0, sightings=1, known=0)


def test_a_url_recorded_by_hand_is_the_same_article(ledger: Ledger, paper: int) -> None:
    record(ledger, paper, ONE)
    with ledger.write() as tx:
        assert articles.record_url(tx, ONE.url + "?fbclid=x", START) == (1, False)
        assert articles.record_url(tx, "https://paper.example/new", START) == (2, True)
        with pytest.raises(InputError, match="ftp://"):
            articles.record_url(tx, "ftp://paper.example/file", START)
    assert count(ledger) == 2


def statements(ledger: Ledger, feed_id: int, *entries: Entry, seconds: float) -> int:
    """How many statements it takes to record these."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(ledger.engine, "before_cursor_execute", note)
    try:
        record(ledger, feed_id, *entries, seconds=seconds)
    finally:
        event.remove(ledger.engine, "before_cursor_execute", note)
    return len(seen)


def test_the_statements_of_a_poll_do_not_grow_with_its_entries(ledger: Ledger, paper: int) -> None:
    def some(many: int, guid: str, text: str, *, first: int = 0) -> list[Entry]:
        return [
            entry(f"https://paper.example/{n}", key=f"{guid}:{n}", title=f"Story {n}", summary=text, published=at(-n))
            for n in range(first, first + many)
        ]

    record(ledger, paper, *some(100, "a", "A teaser."))
    assert statements(ledger, paper, *some(100, "a", "A teaser."), seconds=60) <= 6, "known"
    assert statements(ledger, paper, *some(100, "b", "A teaser."), seconds=120) <= 12, "under new keys"
    assert statements(ledger, paper, *some(100, "b", "Another one."), seconds=180) <= 10, "edited"
    assert statements(ledger, paper, *some(100, "b", "New.", first=500), seconds=240) <= 16, "new"
