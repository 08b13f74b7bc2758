"""A text is marked as the article that it becomes will be filed: an edited one keeps its outlet and language."""

from __future__ import annotations

from pipeline.articles import EntryHint
from pipeline.ledger.revisions import Revision
from pipeline.ledger.work import Claim
from pipeline.records import ArticleState
from pipeline.storylines import copies
from tests.workers.fetching import FULL_TEXT, page
from workers import parsers
from workers.marks import Asked

URL = "https://paper.example/bridge"


def claim(revision: Revision | None) -> Claim:
    return Claim(
        id=1, generation=2, url=URL, host_key="paper.example", attempts=1, job_id="j", owner="o", revision=revision
    )


def test_pages_and_feed_texts_are_signed() -> None:
    body = page().encode()
    read, marks = parsers.read_article(body, f"{URL}?from=elsewhere", "text/html", None, Asked(url=URL))
    assert marks.signature == copies.signature(read.text) is not None
    made = parsers.read_feed_text(EntryHint(title="Orsel closes its bridge", content=FULL_TEXT), Asked(url=URL))
    assert made is not None
    assert made[1].signature == copies.signature(made[0].text) is not None


def test_only_what_was_filed_keeps_its_outlet_and_language() -> None:
    filed = Revision(generation=1, state=ArticleState.FILED, outlet="The Paper", lang="sv")
    rejected = Revision(generation=1, state=ArticleState.REJECTED, outlet="The Paper", lang="sv")
    assert Asked.of(claim(filed)) == Asked(url=URL, filed=True, outlet="The Paper", lang="sv")
    assert Asked.of(claim(rejected)) == Asked.of(claim(None)) == Asked(url=URL)
