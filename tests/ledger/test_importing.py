"""Articles whose text is known already start as fetched, once."""

from __future__ import annotations

from typing import Any

from pipeline.ledger import Ledger, articles, work
from tests.ledger.making import START, at, count, queued, row


def given(**fields: Any) -> dict[str, Any]:
    return {"id": "a-1", "title": "Title", "text": "Text.", "published": at(-60), "source": "Paper", **fields}


def take(ledger: Ledger, **fields: Any) -> int | None:
    with ledger.write() as tx:
        return articles.import_text(tx, given(**fields), START, b"signature")


def test_it_waits_for_its_vector(ledger: Ledger) -> None:
    made = take(ledger)
    assert made is not None
    article = row(ledger, made)
    assert (article["state"], article["text"], article["outlet"]) == ("fetched", "Text.", "Paper")
    with ledger.write() as tx:
        assert work.due_for_embed(tx, START, 10) == [made]


def test_an_id_or_url_that_is_known_is_not_taken_again(ledger: Ledger) -> None:
    queued(ledger, "https://paper.example/seen")
    assert take(ledger, url="https://paper.example/new") is not None
    assert take(ledger) is None
    assert take(ledger, id="a-2", url="https://paper.example/new?utm_source=x") is None
    assert take(ledger, id="a-3", url="https://paper.example/seen") is None
    assert take(ledger, id="a-4", url="https://paper.example/other") is not None
    assert count(ledger) == 3


def test_several_without_url_are_several(ledger: Ledger) -> None:
    assert take(ledger) != take(ledger, id="a-2") is not None
