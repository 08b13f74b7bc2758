"""The waiting line: what is new before backfill, no host twice; long lines of one host block nobody."""

from __future__ import annotations

import pytest

from pipeline.ledger import Ledger, articles, work
from tests.ledger.making import START, at, claimed, entry, feed, fetched, queued


def test_one_article_of_each_host(ledger: Ledger) -> None:
    ids = queued(ledger, *(f"https://{name}.example/{number}" for number in (1, 2) for name in ("ant", "bee")))
    with ledger.write() as tx:
        assert work.due_for_fetch(tx, START, 10) == [(ids[0], "ant.example"), (ids[1], "bee.example")]


def test_no_more_than_asked_for(ledger: Ledger) -> None:
    ids = queued(ledger, *(f"https://{name}.example/1" for name in "abcde"))
    with ledger.write() as tx:
        assert [article for article, _ in work.due_for_fetch(tx, START, 3)] == ids[:3]


def test_what_is_new_goes_before_backfill(ledger: Ledger) -> None:
    with ledger.write() as tx:
        paper = feed(tx)
        articles.record_entries(tx, [entry("https://old.example/1")], START, feed_id=paper, backfill=True)
        articles.record_entries(tx, [entry("https://new.example/1")], at(5), feed_id=paper)
        assert [key for _, key in work.due_for_fetch(tx, at(5), 10)] == ["new.example", "old.example"]


def test_what_is_handed_out_is_not_due(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, "https://paper.example/one")
    claimed(ledger, article_id)
    with ledger.write() as tx:
        assert work.due_for_fetch(tx, at(1000), 10) == []


def test_texts_wait_in_the_order_they_came(ledger: Ledger) -> None:
    ids = [fetched(ledger, f"https://paper.example/{number}") for number in range(3)]
    with ledger.write() as tx:
        assert work.due_for_embed(tx, at(10), 2) == ids[:2]
    claimed(ledger, ids[0], state=articles.ArticleState.FETCHED, seconds=10)
    with ledger.write() as tx:
        assert work.due_for_embed(tx, at(10), 10) == ids[1:]


def test_one_host_with_a_long_line_does_not_hide_the_others(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SCAN", 3)
    queued(ledger, *(f"https://long.example/{number}" for number in range(10)))
    queued(ledger, *(f"https://longer.example/{number}" for number in range(10)), "https://short.example/1")
    with ledger.write() as tx:
        found = [key for _, key in work.due_for_fetch(tx, START, 10)]
    assert found == ["long.example", "longer.example", "short.example"]
