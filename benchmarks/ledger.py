"""What an article takes in the ledger, table by table, and how fast a ledger moves to PostgreSQL.

    python -m benchmarks.ledger [--articles N] [--database URL]

Articles of the made-up wire of `benchmarks/world.py`, as long as real ones, are taken in with their text, get a vector
that is near those of their story, and are filed by the clusterer, with its events. Then the bytes of each table with
its indexes are counted. With the URL of an empty PostgreSQL database the ledger is moved there as `slugline db move-to`
does it, and its bytes are counted there as well. Not in it: sightings, and what feeds and their polls take.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import islice

import numpy as np
import structlog
from sqlalchemy import Connection, text

from benchmarks.world import Piece, wire
from pipeline.ledger import Ledger, articles, moving, open_ledger, storylines, work
from pipeline.records import ArticleState, Vector
from workers import marks
from workers.clusterer import Clusterer

VERSION = "benchmark"
SIZE = 384  # numbers of a vector: those of the default model
START = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 200
SHOWN = 0.01  # of all: tables with less are counted together

SQLITE_BYTES = """
    SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY m.tbl_name
"""
POSTGRESQL_BYTES = "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables"


def vector(piece: Piece) -> Vector:
    """A direction of the story's own, and some of the article's."""
    parts = [np.random.default_rng(seed).standard_normal(SIZE) for seed in (piece.story, 10**9 + piece.number)]
    made = parts[0] + 0.6 * parts[1]
    return np.asarray(made / np.linalg.norm(made), np.float32)


def fill(ledger: Ledger, count: int) -> int:
    """Take in and file so many articles. Returns the characters of their texts."""
    characters = 0
    pieces = islice(wire(1), count)
    while part := list(islice(pieces, AT_ONCE)):
        with ledger.write() as tx:
            characters += sum(_take_in(tx, piece) for piece in part)
    clusterer = Clusterer(ledger, VERSION)
    while clusterer.step(START + timedelta(seconds=count)):
        pass
    return characters


def _take_in(tx: Connection, piece: Piece) -> int:
    moment, body = START + timedelta(seconds=piece.number), "\n\n".join(piece.paragraphs)
    url, outlet = f"https://outlet{piece.outlet}.example{piece.path}", f"Outlet {piece.outlet}"
    found = marks.of_text(piece.title, body, lang="en", outlet=outlet, url=url)
    row = {"id": str(piece.number), "url": url, "source": outlet, "lang": "en", "published": moment}
    made = articles.import_text(tx, row | {"title": piece.title, "text": body}, moment, found.signature, found.features)
    assert made is not None
    job = f"job-{made}"
    work.hand_out(tx, [made], job, moment)
    (claim,) = work.claim(tx, [made], ArticleState.FETCHED, job, "benchmark", moment, 60)
    work.finish_embed(tx, claim, VERSION, storylines.pack(vector(piece)), moment)
    return len(body)


def sizes(ledger: Ledger) -> dict[str, int]:
    """Bytes of each table with its indexes, the largest first."""
    lite = ledger.engine.dialect.name == "sqlite"
    if not lite:
        with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    with ledger.read() as tx:
        rows = tx.execute(text(SQLITE_BYTES if lite else POSTGRESQL_BYTES)).all()
    return dict(sorted(((str(name), int(count)) for name, count in rows), key=lambda one: -one[1]))


def table(count: int, found: dict[str, dict[str, int]]) -> list[str]:
    """Lines of a table: bytes an article, by table and database."""
    lines = [f"| bytes an article | {' | '.join(found)} |", "|---|" + "---|" * len(found)]
    total = {name: sum(taken.values()) for name, taken in found.items()}
    names = next(iter(found.values()))
    large = [one for one in names if any(taken.get(one, 0) > SHOWN * total[name] for name, taken in found.items())]
    for one in large:
        lines.append(
            f"| `{one}` | " + " | ".join(f"{taken.get(one, 0) / count:,.0f}" for taken in found.values()) + " |"
        )
    rest = (total[name] - sum(taken.get(one, 0) for one in large) for name, taken in found.items())
    lines.append("| all others | " + " | ".join(f"{one / count:,.0f}" for one in rest) + " |")
    lines.append("| together | " + " | ".join(f"{one / count:,.0f}" for one in total.values()) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--database", default="", help="URL of an empty PostgreSQL database")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="slugline-benchmark-") as folder, contextlib.ExitStack() as stack:
        source = open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True)
        stack.callback(source.close)
        characters = fill(source, given.articles)
        found = {"SQLite": sizes(source)}
        moved = ""
        if given.database:
            target = open_ledger(given.database, upgrade=True)
            stack.callback(target.close)
            began, processor = time.perf_counter(), time.process_time()
            rows = moving.move(source, target)
            seconds, own = time.perf_counter() - began, time.process_time() - processor
            found["PostgreSQL"] = sizes(target)
            moved = (
                f"move-to: {rows:,} rows, {given.articles / seconds:,.0f} articles/s on the clock, "
                f"{given.articles / own:,.0f} articles/s of its own processor time"
            )
    load = os.getloadavg()[0]
    print(f"{given.articles:,} articles of {characters / given.articles:,.0f} characters, load {load:.0f}")
    print("\n".join(table(given.articles, found)))
    if moved:
        print(moved)


if __name__ == "__main__":
    main()
