"""Small things that the ledger's tests put into it. Time is a constant, moved on by `at`."""

from __future__ import annotations

import itertools
import multiprocessing
from datetime import UTC, datetime, timedelta
from multiprocessing.context import BaseContext
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, func, select

from pipeline.ledger import Ledger, articles, feeds, hosts, storylines, work
from pipeline.ledger.schema import articles as article_rows
from pipeline.ledger.work import Claim
from pipeline.records import Article, ArticleState, Entry, Extraction

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
VERSION = "model/form"
LEASE = 30.0
_numbers = itertools.count(1)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def entry(url: str, *, key: str = "", **fields: Any) -> Entry:
    return Entry(key=key or url, url=url, **fields)


def feed(tx: Connection, url: str = "https://paper.example/feed") -> int:
    made = feeds.add(tx, url, START)
    assert made is not None
    return made


def queued(ledger: Ledger, *urls: str) -> list[int]:
    """Ids of newly recorded articles at these URLs, in that order."""
    with ledger.write() as tx:
        return [articles.record_url(tx, url, START)[0] for url in urls]


def claimed(
    ledger: Ledger, *ids: int, state: ArticleState = ArticleState.QUEUED, owner: str = "worker-1", seconds: float = 0.0
) -> list[Claim]:
    """These articles handed out as one job and claimed by a worker at `seconds` after the start."""
    job = f"job-{next(_numbers)}"
    with ledger.write() as tx:
        work.hand_out(tx, ids, job, at(seconds + 20))
        return work.claim(tx, ids, state, job, owner, at(seconds), LEASE)


def page(title: str = "Mill closes", **fields: Any) -> Extraction:
    return Extraction(title=title, text=fields.pop("text", "The mill closed on Friday."), **fields)


def fetched(ledger: Ledger, url: str, extraction: Extraction | None = None) -> int:
    """Id of an article that has its text."""
    (article_id,) = queued(ledger, url)
    (claim,) = claimed(ledger, article_id)
    with ledger.write() as tx:
        assert work.finish_fetch(tx, claim, extraction or page(), None, at(1)) == "fetched"
    return article_id


def embedded(ledger: Ledger, url: str, extraction: Extraction | None = None) -> int:
    """Id of an article that waits to be filed."""
    article_id = fetched(ledger, url, extraction or page(f"Of {url}"))
    (claim,) = claimed(ledger, article_id, state=ArticleState.FETCHED, seconds=2)
    with ledger.write() as tx:
        work.finish_embed(tx, claim, VERSION, storylines.pack(direction(article_id)), at(3))
    return article_id


def direction(number: int, size: int = 8) -> np.ndarray:
    vector = np.random.default_rng(number).normal(size=size).astype(np.float32)
    return vector / np.linalg.norm(vector)


def waiting(ledger: Ledger) -> list[Article]:
    with ledger.read() as tx:
        return storylines.embedded(tx, VERSION, 100)


def processes() -> BaseContext:
    """For pools of processes that share nothing with this one but what is given to them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.ledger", "tests.ledger.making"])  # imported once, not in each of them
    return context


def row(ledger: Ledger, article_id: int) -> dict[str, Any]:
    with ledger.read() as tx:
        found = articles.one(tx, article_id)
    assert found is not None
    return found


def state(ledger: Ledger, article_id: int) -> str:
    return str(row(ledger, article_id)["state"])


def count(ledger: Ledger, table: Table = article_rows) -> int:
    with ledger.read() as tx:
        return int(tx.execute(select(func.count()).select_from(table)).scalar_one())


def host(tx: Connection, key: str = "paper.example") -> str:
    hosts.ensure(tx, [key], START)
    return key
