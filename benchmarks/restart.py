"""How long the clusterer takes to be back with many active articles, and what its snapshot costs.

    python benchmarks/restart.py STREAM.jsonl [STREAM.jsonl ...] [--vectors FOLDER] [--articles N] [--database URL]
        [--replay]

A ledger is filled with articles of the endless wire of `benchmarks/clustering_wire.py`, filed under their stories, with
features and vectors and without text. Then: the whole snapshot is written; memory is rebuilt from it in a new process;
some more articles are filed by the clusterer itself, and after each 500 the snapshot is brought up to date. Meanwhile
another process writes a row again and again: the longest that it had to wait is told. `--replay` rebuilds without the
snapshot as well. Times are those of the clock, with processor time behind them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy is imported: one core is what is measured

import itertools  # noqa: E402
import resource  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from datetime import datetime, timedelta  # noqa: E402
from multiprocessing.synchronize import Event  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from clustering_wire import START, Wire, load  # noqa: E402
from sqlalchemy import Connection, insert, text, update  # noqa: E402

from pipeline.ledger import (  # noqa: E402
    Ledger,
    connect,
    open_ledger,
    schema,
    sealed,
    snapshots,
    storylines,
)
from pipeline.records import Article  # noqa: E402
from pipeline.storylines.filing import FilingOptions  # noqa: E402
from workers.clusterer.keeping import KEEP_EVERY  # noqa: E402
from workers.clusterer.memory import Memory  # noqa: E402

VERSION = "benchmark"
_PER_HOUR = 600.0  # articles: 100,000 within a week
_AT_ONCE = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("streams", nargs="+", type=Path, metavar="STREAM.jsonl")
    parser.add_argument("--vectors", type=Path, help="folder of vec_STREAM.npy files")
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--database", help="URL of an empty database; a SQLite file by default")
    parser.add_argument("--replay", action="store_true", help="rebuild without the snapshot as well")
    args = parser.parse_args()
    wire = iter(Wire([load(path, args.vectors) for path in args.streams], per_hour=_PER_HOUR))
    with tempfile.TemporaryDirectory(prefix="slugline-benchmark-") as folder:
        url = args.database or f"sqlite:///{folder}/ledger.db"
        ledger = open_ledger(url, upgrade=True)
        for line in run(ledger, url, wire, args.articles, replay=args.replay):
            print(line, flush=True)
        ledger.close()


def run(ledger: Ledger, url: str, wire: Iterator[tuple[Article, int]], count: int, *, replay: bool) -> Iterator[str]:
    """Lines of the report."""
    memory, moment = Memory(VERSION, FilingOptions()), START + timedelta(hours=count / _PER_HOUR)
    fill(ledger, memory, itertools.islice(wire, count))
    before = size(ledger)
    with longest_wait(url) as waited, timed() as took:
        memory.keep_all(ledger, free, moment, held)
    with ledger.read() as tx:
        rows, held_bytes = snapshots.size(tx)
    yield f"{count:,} articles in {len(memory.filing):,} storylines"
    yield f"whole snapshot: {rows:,} rows, {held_bytes / 1e6:,.0f} MB; written in {took()}, others waited {waited()}"
    yield f"ledger: {before / 1e6:,.0f} MB before, {size(ledger) / 1e6:,.0f} MB with it"
    del memory
    for anew in (False, True) if replay else (False,):
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            seconds, processor, storylines_, rss = pool.apply(rebuild, (url, moment, anew))
        how = "what was filed" if anew else "the snapshot"
        yield (
            f"rebuilt from {how}: {storylines_:,} storylines in {seconds:.1f} s (processor {processor:.1f} s), "
            f"{rss / 1e3:,.0f} MB of memory"
        )
    memory = Memory.rebuilt(ledger, VERSION, FilingOptions(), moment, held)
    for _ in range(3):
        before = size(ledger)
        fill(ledger, memory, itertools.islice(wire, KEEP_EVERY))
        grown = size(ledger)
        with longest_wait(url) as waited, timed() as took:
            memory.keep_for_later(ledger, free, moment)
        yield (
            f"after {KEEP_EVERY} more: written in {took()}, others waited {waited()}; the ledger grew by "
            f"{(grown - before) / 1e6:.1f} MB for the articles, {(size(ledger) - grown) / 1e6:.1f} MB for the snapshot"
        )


def fill(ledger: Ledger, memory: Memory, wire: Iterator[tuple[Article, int]]) -> None:
    """File articles under their stories, in memory and in the ledger, without events."""
    known = set[int]()
    with ledger.read() as tx:
        known.update(tx.execute(schema.storylines.select().with_only_columns(schema.storylines.c.id)).scalars())
    while some := list(itertools.islice(wire, _AT_ONCE)):
        first = memory.position + 1
        for article, story in some:
            memory.filing.file(article, story)
        memory.position += len(some)
        memory.snapshot.articles += len(some)
        fresh = {story: article.seen for article, story in some if story not in known}
        known |= fresh.keys()
        rows = list(enumerate(some, start=first))
        with ledger.write() as tx:
            if fresh:
                tx.execute(insert(schema.storylines), [_storyline(story, seen) for story, seen in fresh.items()])
            tx.execute(insert(schema.articles), [_article(article) for _, (article, _) in rows])
            tx.execute(insert(schema.texts), [_text(article) for _, (article, _) in rows])
            tx.execute(insert(schema.vectors), [_vector(article) for _, (article, _) in rows])
            tx.execute(insert(schema.memberships), [_place(article, story, at) for at, (article, story) in rows])


def _storyline(story: int, seen: datetime) -> dict[str, Any]:
    return {"id": story, "state": "developing", "opened": seen, "updated": seen}


def _article(article: Article) -> dict[str, Any]:
    return {
        "id": article.id, "url_key": str(article.id), "url": article.url, "host_key": "host", "state": "filed",
        "due": article.seen, "outlet": article.outlet, "lang": article.lang, "published": article.published,
        "seen": article.seen, "filed": article.seen,
    }  # fmt: skip


def _text(article: Article) -> dict[str, Any]:
    told = {"title": article.title, "text": article.text}
    kept = sealed.seal(article.features or b"", **told, outlet=article.outlet, url=article.url)
    of_it = {"article_id": article.id, "generation": 1, "created": article.seen}
    return of_it | told | {"signature": article.signature, "features": kept}


def _vector(article: Article) -> dict[str, Any]:
    of_it = {"article_id": article.id, "generation": 1, "version": VERSION, "created": article.seen}
    return of_it | {"vector": b"" if article.vector is None else storylines.pack(article.vector)}


def _place(article: Article, story: int, position: int) -> dict[str, Any]:
    return {
        "article_id": article.id, "generation": 1, "storyline_id": story, "kind": "original", "position": position,
        "why": {}, "filed": article.seen,
    }  # fmt: skip


def rebuild(url: str, moment: datetime, anew: bool) -> tuple[float, float, int, int]:
    """Seconds, processor seconds, storylines, and the most memory in kB."""
    ledger = connect(url)
    began, processor = time.perf_counter(), time.process_time()
    memory = Memory.rebuilt(ledger, VERSION, FilingOptions(), moment, held, anew=anew)
    took = time.perf_counter() - began, time.process_time() - processor
    ledger.close()
    return *took, len(memory.filing), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def size(ledger: Ledger) -> int:
    """Bytes of the database, its log left out."""
    with ledger.read() as tx:
        if ledger.is_sqlite:
            pages, each = (tx.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("page_count", "page_size"))
            return int(pages * each)
        return int(tx.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


@contextmanager
def timed() -> Iterator[Callable[[], str]]:
    clock, processor, took = time.perf_counter(), time.process_time(), list[float]()
    yield lambda: f"{took[0]:.2f} s (processor {took[1]:.2f} s)"
    took += [time.perf_counter() - clock, time.process_time() - processor]


@contextmanager
def longest_wait(url: str) -> Iterator[Callable[[], str]]:
    """What another process waits for the write lock at most while the block runs."""
    context = multiprocessing.get_context("spawn")
    ready, stop, longest = context.Event(), context.Event(), context.Value("d", 0.0)
    other = context.Process(target=_write, args=(url, ready, stop, longest))
    other.start()
    ready.wait()
    try:
        yield lambda: f"{longest.value * 1000:.0f} ms at most"
    finally:
        stop.set()
        other.join()


def _write(url: str, ready: Event, stop: Event, longest: Any) -> None:
    ledger = connect(url)
    write(ledger)
    ready.set()
    while not stop.is_set():
        began = time.perf_counter()
        write(ledger)
        longest.value = max(longest.value, time.perf_counter() - began)
        time.sleep(0.005)
    ledger.close()


def write(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.execute(update(schema.articles).where(schema.articles.c.id == 1).values(priority=1))


def free(_tx: Connection) -> None:
    """Nobody else clusters here."""


def held(_moment: datetime) -> None:
    """The claim holds."""


if __name__ == "__main__":
    main()
