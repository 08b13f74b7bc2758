"""How fast the dashboard's pages answer with many storylines behind them.

    python -m benchmarks.dashboard [--storylines 50000] [--articles 4] [--database URL] [--plans]

Builds a ledger (SQLite in a temporary directory, or an empty database at URL), serves it as `slugline web` does, and
asks each page one after the other over HTTP. `--plans` prints how the database answers the questions behind the list.
"""

from __future__ import annotations

import argparse
import gzip
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sqlalchemy import Connection, text

from pipeline import embedding
from pipeline.ledger import Ledger, open_ledger, pace, words
from pipeline.ledger.schema import articles, memberships, storylines, texts, vectors
from pipeline.ledger.schema import words as word_table
from pipeline.settings import Settings
from workers.web.app import bind, create_app, server

AT_ONCE = 2_000
STORYLINE = "a storyline"  # of 1,000 articles
OUTLETS = [f"Outlet {number}" for number in range(400)]
STATES = ("surging", "developing", "emerging", "quiet", "closed")
LANGS = ("en", "en", "en", "de", "es", "fr")
PAGES = {
    "momentum": "/",
    "latest": "/?sort=updated",
    "largest": "/?sort=size",
    "one language": "/?lang=fr",
    "one state": "/?state=surging",
    "one outlet": "/?outlet=Outlet+17",
    "a rare name": "/?name=zoravar",
    "the last hour": "/?period=1",
    "language and outlet": "/?lang=de&outlet=Outlet+300",
    "search": "/?q=dam+harbour",
    "search by meaning": "/?q=who+leads+the+country",
    STORYLINE: "/storylines/1",
    "API list": "/api/v1/storylines?sort=momentum",
}


def parts(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for first in range(0, len(rows), AT_ONCE):
        yield rows[first : first + AT_ONCE]


def vocabulary(rng: random.Random, size: int) -> list[str]:
    made = ["dam", "harbour", "zoravar"]
    return made + ["".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(3)) for _ in range(size)]


def fill(ledger: Ledger, count: int, each: int, now: datetime) -> None:
    """`count` storylines of the last thirty days, with `each` articles on average (the first has a thousand)."""
    rng, version = random.Random(7), embedding.version()
    known = vocabulary(rng, 8_000)
    common = rng.choices(range(len(known)), k=200_000)

    def sentence(length: int) -> str:
        return " ".join(
            known[rng.choice(common)].capitalize() if n % 5 == 0 else known[rng.choice(common)] for n in range(length)
        )

    article, position = 0, 0
    block: dict[str, list[dict[str, Any]]] = {name: [] for name in ("s", "a", "t", "v", "m", "w")}
    for storyline in range(1, count + 1):
        began = now - timedelta(hours=rng.expovariate(1 / 200) % 720)
        size = 1_000 if storyline == 1 else max(1, int(rng.paretovariate(1.2)) * each // 4)
        times = sorted(min(now, began + timedelta(hours=rng.expovariate(1 / 12))) for _ in range(min(size, 1_000)))
        outlets = rng.sample(OUTLETS, min(len(times), rng.randint(1, 12)))
        headline, lead = sentence(8), sentence(40)
        row = {
            "id": storyline, "title": "", "text": "", "lang": rng.choice(LANGS),
            "state": rng.choice(STATES),
            "headline": headline, "lead": lead, "articles": len(times), "originals": len(times), "outlets": outlets,
            "opened": began, "first_article": times[0], "last_article": times[-1], "updated": times[-1],
            "sequence": len(times),
            **pace.counted([(when, True) for when in times], now),
        }  # fmt: skip
        block["s"].append(row)
        block["w"] += [{"word": one, "storyline_id": storyline} for one in words.entries(row)]
        mean = np.random.default_rng(storyline).standard_normal(384, dtype=np.float32)
        packed = (mean / np.linalg.norm(mean)).astype("<f2").tobytes()
        for when in times:
            article, position = article + 1, position + 1
            title = sentence(8)
            block["a"].append({
                "id": article, "url_key": f"outlet.example/{article}", "url": f"https://outlet.example/{article}",
                "host_key": "outlet.example", "state": "filed", "due": when, "title": title, "lead": lead[:120],
                "outlet": rng.choice(outlets), "lang": row["lang"], "published": when, "seen": when, "filed": when,
            })  # fmt: skip
            block["m"].append({
                "article_id": article, "generation": 1, "storyline_id": storyline, "kind": "original",
                "position": position, "why": {}, "filed": when,
            })  # fmt: skip
            if storyline == 1:
                block["t"].append(
                    {"article_id": article, "generation": 1, "title": title, "text": sentence(150), "created": when}
                )
            if when is times[0]:
                block["v"].append(
                    {"article_id": article, "generation": 1, "version": version, "vector": packed, "created": when}
                )
        if storyline % 5_000 == 0 or storyline == count:
            with ledger.write() as tx:
                write(tx, block)
            block = {name: [] for name in block}
    print(f"{count:,} storylines of {article:,} articles")


def write(tx: Connection, block: dict[str, list[dict[str, Any]]]) -> None:
    for table, name in (
        (storylines, "s"),
        (articles, "a"),
        (texts, "t"),
        (vectors, "v"),
        (memberships, "m"),
        (word_table, "w"),
    ):
        for part in parts(block[name]):
            tx.execute(table.insert(), part)


def measure(ledger: Ledger, settings: Settings, rounds: int, now: datetime) -> None:
    taken = bind(settings, "127.0.0.1", 0)
    app = create_app(settings, ledger, None, clock=lambda: now)
    running = server(app)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [taken]})
    thread.start()
    print(f"{'page':<20} {'first':>8} {'median':>8} {'p95':>8} {'worst':>8}   {'sent':>8} {'plain':>9}")
    try:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with httpx.Client(
            base_url=address, timeout=120, trust_env=False, headers={"accept-encoding": "gzip"}
        ) as client:
            for name, path in [*PAGES.items(), ("told anew each time", PAGES[STORYLINE])]:
                if name not in PAGES:
                    app.state.context.told.seconds = 0.0
                seconds = []
                for _ in range(rounds):
                    began = time.perf_counter()
                    with client.stream("GET", path) as answer:
                        sent = b"".join(answer.iter_raw())
                    seconds.append(1000 * (time.perf_counter() - began))
                    assert answer.status_code == 200, (path, answer.status_code)
                plain = gzip.decompress(sent) if answer.headers.get("content-encoding") == "gzip" else sent
                later = sorted(seconds[1:])
                p95 = later[int(0.95 * (len(later) - 1))]
                print(
                    f"{name:<20} {seconds[0]:>5.0f} ms {statistics.median(later):>5.1f} ms"
                    f" {p95:>5.1f} ms {later[-1]:>5.1f} ms   {len(sent) / 1000:>5.1f} kB {len(plain) / 1000:>6.1f} kB"
                )
    finally:
        running.should_exit = True
        thread.join(20)
        taken.close()


def plans(ledger: Ledger) -> None:
    listed = "merged_into IS NULL AND state != 'empty' AND NOT muted"
    fastest = "ORDER BY momentum DESC, id DESC LIMIT 31"
    of_outlet = "id IN (SELECT storyline_id FROM words WHERE word = '@outlet 17')"
    questions = {
        "momentum": f"SELECT * FROM storylines WHERE {listed} {fastest}",
        "latest": f"SELECT * FROM storylines WHERE {listed} ORDER BY updated DESC, id DESC LIMIT 31",
        "one language": f"SELECT * FROM storylines WHERE {listed} AND lang = 'fr' {fastest}",
        "one outlet": f"SELECT * FROM storylines WHERE {listed} AND {of_outlet} {fastest}",
        "how many": "SELECT count(*) FROM storylines WHERE merged_into IS NULL AND state != 'empty'",
    }
    with ledger.read() as tx:
        for name, question in questions.items():
            explained = tx.execute(text(("EXPLAIN QUERY PLAN " if ledger.is_sqlite else "EXPLAIN ") + question))
            print(f"{name}:", *("  " + str(row[-1]) for row in explained), sep="\n  ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storylines", type=int, default=50_000)
    parser.add_argument("--articles", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--database", default="")
    parser.add_argument("--plans", action="store_true")
    given = parser.parse_args()
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        ledger = open_ledger(given.database or f"sqlite:///{folder}/ledger.db", upgrade=True)
        try:
            began = time.perf_counter()
            fill(ledger, given.storylines, given.articles, now)
            with ledger.write() as tx:
                tx.execute(text("ANALYZE"))
            print(f"built in {time.perf_counter() - began:.0f} s, on {'SQLite' if ledger.is_sqlite else 'PostgreSQL'}")
            if given.plans:
                plans(ledger)
            measure(ledger, settings, given.rounds, now)
        finally:
            ledger.close()


if __name__ == "__main__":
    main()
