"""Two pollers at once, on either database: the same story is one article, the same edit is looked into once."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

from sqlalchemy import select, update

from pipeline.ledger import Ledger, articles, connect
from pipeline.ledger.schema import articles as article_rows
from pipeline.ledger.schema import sightings
from tests.ledger.making import at, count, entry, feed, processes

POLLERS, POLLS, PAGES = 3, 8, 6
HOUR = 3600.0


def _poll(url: str, feed_id: int, text: str, first: float, polls: int) -> tuple[int, int, int]:
    """A poller whose feed shows the same pages as the others', under guids of its own, in another text at each poll."""
    ledger = connect(url)
    made = seen = edited = 0
    for poll in range(polls):
        entries = [
            entry(
                f"https://paper.example/{n}?utm_source={feed_id}", key=f"guid:{feed_id}-{n}", summary=f"{text} {poll}"
            )
            for n in range(PAGES)
        ]
        if feed_id % 2:
            entries.reverse()
        with ledger.write() as tx:
            done = articles.record_entries(tx, entries, at(first + poll), feed_id=feed_id)
        made, seen, edited = made + done.articles, seen + done.sightings, edited + done.edited
    ledger.close()
    return made, seen, edited


def polled(ledger_url: str, ids: list[int], text: str, first: float, polls: int) -> list[tuple[int, int, int]]:
    with ProcessPoolExecutor(len(ids), mp_context=processes()) as pool:
        jobs = [pool.submit(_poll, ledger_url, one, text, first, polls) for one in ids]
        return [job.result(timeout=120) for job in jobs]


def test_one_article_with_a_sighting_of_each_feed_and_one_look_at_each_edit(ledger_url: str, ledger: Ledger) -> None:
    with ledger.write() as tx:
        ids = [feed(tx, f"https://feed-{number}.example/feed") for number in range(POLLERS)]
    done = polled(ledger_url, ids, "new", 0, POLLS)
    assert sum(made for made, _, _ in done) == PAGES
    assert sum(seen for _, seen, _ in done) == PAGES * (POLLERS - 1)
    assert sum(edited for _, _, edited in done) == 0, "their pages have not been read yet"
    assert (count(ledger), count(ledger, sightings)) == (PAGES, PAGES * POLLERS)
    with ledger.write() as tx:
        tx.execute(update(article_rows).values(state="filed", fetched=at(0)))
    done = polled(ledger_url, ids, "edited", HOUR, 1)
    assert sum(edited for _, _, edited in done) == PAGES
    with ledger.read() as tx:
        rows = tx.execute(select(article_rows.c.state, article_rows.c.generation, article_rows.c.revisions)).all()
    assert rows == [("queued", 2, 1)] * PAGES
