"""What filing wants to know of a text is kept beside it, with every version of it and however it came."""

from __future__ import annotations

from sqlalchemy import select

from pipeline.ledger import Ledger, articles, dead, work
from pipeline.ledger.schema import texts
from pipeline.records import ArticleState
from tests.ledger.making import START, at, claimed, page, queued

FETCHED = ArticleState.FETCHED


def marks(ledger: Ledger, article_id: int) -> list[tuple[bytes | None, bytes | None]]:
    """Of each version, the first first."""
    chosen = select(texts.c.signature, texts.c.features).where(texts.c.article_id == article_id)
    with ledger.read() as tx:
        return [tuple(row) for row in tx.execute(chosen.order_by(texts.c.generation))]  # type: ignore[misc]


def test_of_a_page(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, "https://paper.example/one")
    (mine,) = claimed(ledger, article_id)
    with ledger.write() as tx:
        work.finish_fetch(tx, mine, page(), b"signature", at(1), features=b"features")
    assert marks(ledger, article_id) == [(b"signature", b"features")]


def test_of_a_given_text_and_when_it_is_tried_again(ledger: Ledger) -> None:
    given = {"id": "a-1", "title": "Title", "text": "Text."}
    with ledger.write() as tx:
        made = articles.import_text(tx, given, START, b"signature", b"features")
    assert made is not None
    (mine,) = claimed(ledger, made, state=FETCHED)
    with ledger.write() as tx:
        work.fail(tx, mine, FETCHED, "embedding-failed", "no numbers", at(1), None)
        assert dead.retry(tx, at(2), dead.Which(ids=[made])) == 1
    assert marks(ledger, made) == [(b"signature", b"features")] * 2
