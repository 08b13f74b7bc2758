"""The clusterer itself on a ledger in a file: what commits in batches cost beside filing."""

from __future__ import annotations

import itertools
import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import structlog
from clustering_wire import START, Wire

from pipeline.ledger import Ledger, articles, open_ledger, sealed, storylines, work
from pipeline.records import Article, ArticleState
from workers.clusterer import Clusterer

_VERSION = "benchmark"
_AT_ONCE = 200  # articles written in one transaction on the way in


@dataclass(frozen=True, slots=True)
class Filed:
    """Processor seconds and seconds on the clock for so many articles, and each one's latency in seconds."""

    articles: int
    processor: float
    clock: float
    latencies: list[float]


def through_the_ledger(wire: Wire, seconds: float) -> Iterator[str]:
    """Lines of the table: about as many articles as are filed in so many seconds, in batches of several sizes."""
    yield "| articles in a batch | articles | articles/s (processor) | articles/s (clock) | p50 ms | p99 ms |"
    yield "|---|---|---|---|---|---|"
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    wire.in_full = True
    taken = list(itertools.islice((article for article, _ in wire), max(200, int(100 * seconds))))
    for batch in (1, 20, 100):
        filed = _run(taken, batch)
        p50, p99 = np.percentile(filed.latencies, (50, 99)) * 1000
        yield (
            f"| {batch} | {filed.articles} | {filed.articles / filed.processor:,.0f} "
            f"| {filed.articles / filed.clock:,.0f} | {p50:.2f} | {p99:.2f} |"
        )


def _run(taken: list[Article], batch: int) -> Filed:
    with tempfile.TemporaryDirectory(prefix="slugline-benchmark-") as folder:
        ledger = open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True)
        try:
            parts = (taken[start : start + _AT_ONCE] for start in range(0, len(taken), _AT_ONCE))
            count = sum(_take_in(ledger, part) for part in parts)
            clusterer = Clusterer(ledger, _VERSION, batch=batch)
            clock, processor = time.perf_counter(), time.process_time()
            while clusterer.step(START):
                pass
            return Filed(count, time.process_time() - processor, time.perf_counter() - clock, list(clusterer.latencies))
        finally:
            ledger.close()


def _take_in(ledger: Ledger, part: list[Article]) -> int:
    """Bring articles to where an embed worker leaves them; returns how many."""
    count = 0
    with ledger.write() as tx:
        for article in part:
            row = asdict(article) | {"id": str(article.id), "source": article.outlet}
            url, features = articles.import_url(row), article.features or b""
            told = {"title": article.title, "text": article.text, "outlet": article.outlet, "url": url}
            made = articles.import_text(tx, row, START, article.signature, sealed.seal(features, **told))
            if made is None or article.vector is None:
                continue
            job = f"job-{made}"
            work.hand_out(tx, [made], job, START)
            (claim,) = work.claim(tx, [made], ArticleState.FETCHED, job, "benchmark", START, 60)
            work.finish_embed(tx, claim, _VERSION, storylines.pack(article.vector), START)
            count += 1
    return count
