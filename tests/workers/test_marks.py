"""A text is marked as the article that it becomes will be filed: an edited one keeps its outlet and language."""

from __future__ import annotations

import pytest
from sqlalchemy import Update, select

from pipeline.articles import EntryHint
from pipeline.ledger import Ledger, articles, forgotten, storylines
from pipeline.ledger.revisions import Revision
from pipeline.ledger.schema import articles as articles_table
from pipeline.ledger.schema import texts
from pipeline.ledger.work import Claim
from pipeline.records import Article, ArticleState
from pipeline.storylines import copies, evidence
from tests.storylines.wire import about
from tests.workers.fetching import FULL_TEXT, page
from tests.workers.wire import NOON, VERSION, embed, filed
from workers import parsers
from workers.clusterer import Clusterer
from workers.marks import Asked, of_text

URL = "https://paper.example/bridge"


def claim(revision: Revision | None) -> Claim:
    return Claim(
        id=1, generation=2, url=URL, host_key="paper.example", attempts=1, job_id="j", owner="o", revision=revision
    )


def test_pages_and_feed_texts_are_signed() -> None:
    body = page().encode()
    read, marks = parsers.read_article(body, f"{URL}?from=elsewhere", "text/html", None, Asked(url=URL))
    assert marks.signature == copies.signature(read.text) is not None
    assert marks.features is not None
    made = parsers.read_feed_text(EntryHint(title="Orsel closes its bridge", content=FULL_TEXT), Asked(url=URL))
    assert made is not None
    assert made[1].signature == copies.signature(made[0].text) is not None


def test_only_what_was_filed_keeps_its_outlet_and_language() -> None:
    filed = Revision(generation=1, state=ArticleState.FILED, outlet="The Paper", lang="sv")
    rejected = Revision(generation=1, state=ArticleState.REJECTED, outlet="The Paper", lang="sv")
    assert Asked.of(claim(filed)) == Asked(url=URL, filed=True, outlet="The Paper", lang="sv")
    assert Asked.of(claim(rejected)) == Asked.of(claim(None)) == Asked(url=URL)


def waiting(ledger: Ledger) -> Article:
    with ledger.read() as tx:
        (article,) = storylines.embedded(tx, VERSION, 5)
    return article


def marked(ledger: Ledger, **fields: str) -> int:
    """An article that came with the marks of a worker, and waits to be filed."""
    given = {"id": "m-1", "url": URL, "source": "The Paper", "title": "Orsel closes its bridge - The Paper"} | fields
    given["text"] = FULL_TEXT
    made = of_text(given["title"], FULL_TEXT, lang="en", outlet=given["source"], url=given["url"])
    with ledger.write() as tx:
        article = articles.import_text(tx, given, NOON, made.signature, made.features)
        assert article is not None
        embed(tx, article, about("bridge"))
    return article


def test_filing_is_given_the_features_as_they_would_be_read(ledger: Ledger) -> None:
    marked(ledger)
    article = waiting(ledger)
    assert article.features == evidence.stored(article.title, article.text, "en", article.outlet, article.url)


@pytest.mark.parametrize(
    "change",
    [
        articles_table.update().values(outlet="Another Paper"),
        articles_table.update().values(url="https://another.example/bridge"),
        texts.update().values(title="Orsel opens its bridge"),
        texts.update().values(text="Another text."),
        texts.update().values(features=None),
        texts.update().values(features=b"damaged"),
    ],
    ids=["outlet", "URL", "title", "text", "none", "damaged"],
)
def test_features_of_anything_else_are_left_and_the_text_is_read(ledger: Ledger, change: Update) -> None:
    article_id = marked(ledger)
    with ledger.write() as tx:
        tx.execute(change)
    article = waiting(ledger)
    assert article.features is None
    Clusterer(ledger, VERSION).step(NOON)
    assert set(filed(ledger)) == {article_id}


def test_a_text_that_the_ledger_had_to_clean_is_read_again(ledger: Ledger) -> None:
    marked(ledger, title="Orsel closes\0its bridge")
    assert waiting(ledger).features is None


def test_what_is_forgotten_leaves_no_features(ledger: Ledger) -> None:
    article_id = marked(ledger)
    with ledger.write() as tx:
        forgotten.erase(tx, article_id, NOON)
    with ledger.read() as tx:
        assert tx.execute(select(texts.c.features)).all() == []
