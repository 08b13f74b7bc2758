"""Articles that wait to be fetched, pages for them, and one job's run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import select

from pipeline.ledger import Ledger, articles, work
from pipeline.ledger.schema import articles as article_table
from pipeline.records import Entry
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from workers.fetch import Batch
from workers.process import now

SENTENCES = (
    "The city council of Orsel voted on Monday to close the old bridge until spring. ",
    "Engineers had found cracks in two of its piers, said the head of the works department, Ilsa Brandt. ",
    "Buses will take the road to the ferry, which runs every ten minutes from six in the morning. ",
    "The repairs are expected to cost nine million crowns, of which the province pays a third. ",
)
FULL_TEXT = (
    f"<p>{''.join(SENTENCES[:2])}</p><p>{''.join(SENTENCES[2:])}</p>"
    "<p>Shopkeepers on the far bank fear for the weeks before Christmas and ask the city for help.</p>"
)


def page(title: str = "Orsel closes its old bridge", more: str = "") -> str:
    paragraphs = "".join(f"<p>{sentence}{SENTENCES[0]}</p>" for sentence in SENTENCES)
    return (
        f"<!doctype html><html lang=en><head><title>{title}</title>{more}</head><body><nav><a href=/>Home</a></nav>"
        f"<article><h1>{title}</h1>{paragraphs}</article></body></html>"
    )


def take_in(ledger: Ledger, *urls: str, content: Mapping[str, str] | None = None) -> list[int]:
    """Record articles as the poller does; `content` is the full text that the feed carried of some."""
    known = content or {}
    entries = [
        Entry(key=url, url=url, title=f"About {url}", content=known.get(url, ""), lang="en", authors=("Ada Fell",))
        for url in reversed(urls)
    ]
    with ledger.write() as tx:
        articles.record_entries(tx, entries, now())
        chosen = select(article_table.c.url, article_table.c.id)
        found = {row.url: row.id for row in tx.execute(chosen)}
    return [found[url] for url in urls]


def hand_out(ledger: Ledger, ids: list[int], job: str = "fetch-1") -> None:
    with ledger.write() as tx:
        work.hand_out(tx, ids, job, now() + timedelta(seconds=20))


def run(settings: Settings, ledger: Ledger, sandbox: Sandbox, ids: list[int], job: str = "fetch-1") -> dict[str, int]:
    hand_out(ledger, ids, job)
    return Batch(settings, ledger, sandbox, job).run(ids)


def text_of(ledger: Ledger, article: int) -> str:
    with ledger.read() as tx:
        found = articles.one(tx, article)
    assert found is not None
    return str(found["text"])
