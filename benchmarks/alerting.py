"""How fast alerting is: `python benchmarks/alerting.py rules`.

Part `rules`: 10,000 rules, 2,000 of them by meaning, and events of storylines of 1 to 40 articles, through the alerter
as it runs, on one core, with a ledger of its own in a temporary directory (SQLite). Words are drawn as in language (the
n-th commonest one in n times as often), vectors at random. Gives events a second, and how long single events take.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from pipeline.embedding import version
from pipeline.ledger import Ledger, events, open_ledger, rules, storylines
from pipeline.ledger.schema import articles, memberships, texts, vectors
from pipeline.ledger.schema import storylines as storyline_table
from pipeline.settings import Settings
from workers.alerter import Alerter, loop

RULES, BY_MEANING = 10_000, 2_000
STORYLINES, EVENTS, SINGLE = 300, 3_000, 600
VOCABULARY, WORDS, DIMENSIONS = 30_000, 220, 384
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Language:
    """Words drawn as often as in language, and the same every time."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self._weights = np.cumsum([1.0 / (n + 3) for n in range(VOCABULARY)]).tolist()

    def words(self, count: int) -> list[str]:
        return [f"w{n}" for n in self.rng.choices(range(VOCABULARY), cum_weights=self._weights, k=count)]

    def rare(self) -> str:
        """A word that a person would ask for: none of the commonest 200."""
        return f"w{self.rng.randrange(200, VOCABULARY)}"

    def rule(self, number: int) -> str:
        if number < BY_MEANING:
            return f'meaning:"sentence {number}"' + (f" {self.rare()}" if number % 4 == 0 else "")
        a, b, c = self.rare(), self.rare(), self.rare()
        return self.rng.choice(
            [
                f"{a} AND {b}",
                f"({a} OR {b}) AND NOT {c}",
                f'"{a} {b}" OR {c}',
                f"{a} outlets>=3 lang:en",
                f"{a}* {b} state:surging",
                f"name:{a.upper()} pace>=2",
                f"outlet:paper{number % 50} {a}",
            ]
        )


def unit(rng: np.random.Generator, rows: int) -> np.ndarray:
    made = rng.normal(size=(rows, DIMENSIONS)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def fill(tx: Connection, language: Language, rng: np.random.Generator) -> None:
    """Storylines with their articles, and the rules."""
    number = 0
    for storyline in range(1, STORYLINES + 1):
        size = language.rng.choice([1, 1, 2, 3, 5, 8, 20, 40])
        row = {"id": storyline, "state": "developing", "headline": " ".join(language.words(8)), "articles": size}
        tx.execute(storyline_table.insert(), {**row, "opened": NOW, "updated": NOW, "sequence": size})
        for vector in unit(rng, size):
            number += 1
            url, seen = f"https://paper{number % 50}.example/{number}", NOW - timedelta(minutes=number % 90)
            common = {"id": number, "url": url, "url_key": url, "host_key": "example", "state": "filed", "due": NOW}
            tx.execute(articles.insert(), {**common, "seen": seen, "outlet": f"Paper{number % 50}", "lang": "en"})
            title, text = " ".join(language.words(9)).capitalize(), " ".join(language.words(WORDS))
            of = {"article_id": number, "generation": 1, "created": NOW}
            tx.execute(texts.insert(), {**of, "title": title, "text": text})
            tx.execute(vectors.insert(), {**of, "version": version(), "vector": storylines.pack(vector)})
            member = {"article_id": number, "generation": 1, "storyline_id": storyline, "position": number}
            tx.execute(memberships.insert(), {**member, "kind": "original", "why": {}, "filed": seen})
    for number, vector in zip(range(RULES), unit(rng, RULES), strict=True):
        text = language.rule(number)
        made = rules.add(tx, f"rule {number}", text, {}, NOW - timedelta(days=1))
        if number < BY_MEANING:
            rules.put_vectors(tx, made, text, version(), storylines.pack(vector))


def happen(ledger: Ledger, language: Language, first: int, count: int) -> None:
    """Each event: an article filed just now under a storyline."""
    with ledger.write() as tx:
        for number in range(first, first + count):
            storyline = language.rng.randrange(1, STORYLINES + 1)
            told = {"id": storyline, "headline": "", "state": "developing", "declared": False, "articles": 9}
            article = {"id": 10**9, "url": "", "title": "", "outlet": "", "published": None, "copy_of": None}
            data = {"storyline": told | {"originals": 9, "outlets": 9}, "article": article, "backfill": False}
            events.append(tx, "storyline.grew", f"storyline/{storyline}", 1000 + number, NOW, data)
        events.number(tx, 10**6)


def measure(folder: Path) -> dict[str, Any]:
    ledger = open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True)
    language, rng = Language(1), np.random.default_rng(1)
    with ledger.write() as tx:
        fill(tx, language, rng)
    alerter = Alerter(Settings(), ledger, version(), lambda _sentences: np.empty((0, DIMENSIONS), np.float32))
    began = time.perf_counter()
    alerter.step(NOW)
    ready = time.perf_counter() - began
    happen(ledger, language, 0, EVENTS)
    began, used = time.perf_counter(), time.process_time()
    while alerter.step(NOW):
        pass
    seconds, used = time.perf_counter() - began, time.process_time() - used
    happen(ledger, language, EVENTS, 0)  # the alerts are events as well, and are passed over
    while alerter.step(NOW):
        pass
    happen(ledger, language, EVENTS, SINGLE)
    loop.BATCH, single = 1, []
    for _ in range(SINGLE):
        began = time.perf_counter()
        alerter.step(NOW)
        single.append(1000 * (time.perf_counter() - began))
    happen(ledger, language, EVENTS + SINGLE, 0)
    with ledger.read() as tx:
        rung = len(events.latest(tx, 10**6, types=["alert.matched"]))
    ledger.close()
    return {
        "rules": RULES,
        "by_meaning": BY_MEANING,
        "ready_seconds": round(ready, 2),
        "events_per_second": round(EVENTS / seconds),
        "events_per_core_second": round(EVENTS / used),
        "p50_ms": round(float(np.percentile(single, 50)), 1),
        "p99_ms": round(float(np.percentile(single, 99)), 1),
        "rings": rung,
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("part", choices=["rules"])
    asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder))))


if __name__ == "__main__":
    main()
