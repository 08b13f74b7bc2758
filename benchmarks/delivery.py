"""How fast events reach those who wait for them: `python -m benchmarks.delivery stream|webhook|soon`.

The services run as `slugline relay`, `alerter` and `deliverer`, each in its process, on a ledger of their own in a
temporary directory (SQLite; `--postgresql URL`: that empty database) and a Valkey of their own.

- `stream`: outstanding events are drained into the Redis stream.
- `webhook`: outstanding events go to a receiver on loopback while a second sink is dead.
- `soon`: 50 events a second are filed for a minute, with 10,000 rules, 2,000 of them by meaning. How long from when an
  event was filed until a webhook brought it, and until one brought the alert that it set off.

Each part gives seconds by the clock and the CPU seconds of the services, and how busy the machine was beside them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import alerting
from benchmarks.processes import busy, cpu
from pipeline import queues
from pipeline.ledger import Ledger, cursors, deliveries, events, open_ledger, sinks
from pipeline.ledger.schema import storylines as storyline_table
from pipeline.settings import Settings
from workers import sinkview, valkey
from workers.relay import last_published

ROOT = Path(__file__).resolve().parents[1]
OUTSTANDING = {"stream": 100_000, "webhook": 10_000}
SUBJECTS = 2_000
RATE, SECONDS = 50, 60  # of `soon`
DEAD = "http://127.0.0.1:9/"  # nobody listens there
PATIENCE = 600.0
PARTS = 5_000


@dataclass(frozen=True)
class Place:
    """Where one measurement runs."""

    folder: Path
    ledger: Ledger
    settings: Settings
    env: dict[str, str]


@contextlib.contextmanager
def place(postgresql: str) -> Iterator[Place]:
    """A ledger and a Valkey at work."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        settings = Settings(data_dir=folder, database_url=postgresql)
        folder.joinpath("valkey").mkdir(exist_ok=True)
        server = subprocess.Popen(valkey.command(settings), stdout=subprocess.DEVNULL)
        stack.callback(end, server)
        valkey.wait_ready(settings, server)
        ledger = stack.enter_context(contextlib.closing(open_ledger(settings.ledger_url, upgrade=True)))
        env = {
            **os.environ,
            "SLUGLINE_DATA_DIR": name,
            "SLUGLINE_REDIS_URL": settings.valkey_url,
            "SLUGLINE_DATABASE_URL": settings.ledger_url,
            "SLUGLINE_ALLOW_NETWORKS": "127.0.0.0/8",
            "SLUGLINE_LOG_LEVEL": "error",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        yield Place(folder, ledger, settings, env)


def end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)


@contextlib.contextmanager
def services(here: Place, *names: str) -> Iterator[dict[str, int]]:
    """These services at work; gives their process ids."""
    with contextlib.ExitStack() as stack:
        made = {}
        for name in names:
            child = subprocess.Popen([sys.executable, "-m", "workers.cli", name], env=here.env, cwd=ROOT)
            stack.callback(end, child)
            made[name] = child.pid
        yield made


@contextlib.contextmanager
def receiver(here: Place) -> Iterator[tuple[str, Callable[[], list[tuple[str, str, int, float]]]]]:
    """A receiver at work: its URL, and what ends it and gives what it took."""
    path = here.folder / "taken.tsv"
    command = [sys.executable, "-m", "benchmarks.receiving", str(path)]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    close = child.stdin.close

    def taken() -> list[tuple[str, str, int, float]]:
        close()
        child.wait(60)
        rows = (row.split("\t") for row in path.read_text(encoding="utf-8").splitlines())
        return [(event, type_, int(article), float(arrived)) for event, type_, article, arrived in rows]

    try:
        yield f"http://127.0.0.1:{int(child.stdout.readline())}/hook", taken
    finally:
        end(child)


def happen(ledger: Ledger, count: int, rng: random.Random) -> None:
    """Events as the clusterer writes them, of which the relay knows nothing yet."""
    sequence = dict.fromkeys(range(1, SUBJECTS + 1), 0)
    moment = datetime.now(UTC)
    for first in range(0, count, PARTS):
        with ledger.write() as tx:
            for number in range(first, min(first + PARTS, count)):
                storyline = rng.randrange(1, SUBJECTS + 1)
                sequence[storyline] += 1
                data = told(storyline, number, sequence[storyline])
                events.append(tx, "storyline.grew", f"storyline/{storyline}", sequence[storyline], moment, data)


def told(storyline: int, article: int, articles: int) -> dict[str, Any]:
    """The data of `storyline.grew`."""
    headline = f"After {articles} reports the council of town {storyline} votes on the harbour once more"
    of = {"id": storyline, "headline": headline, "state": "developing", "declared": False, "articles": articles}
    url = f"https://paper{article % 50}.example/2026/01/05/a-report-of-some-length-{article}"
    new = {"id": article, "url": url, "title": headline, "outlet": f"Paper{article % 50}", "published": None}
    return {
        "storyline": of | {"originals": articles, "outlets": min(articles, 9)},
        "article": new | {"copy_of": None},
        "backfill": False,
    }


def until(holds: Callable[[], bool], seconds: float = 0.05) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("it did not come to an end")
        time.sleep(seconds)


@dataclass
class Watch:
    """Seconds by the clock and CPU seconds since it was made; `others` are CPU seconds of the rest of the machine."""

    pids: dict[str, int]

    def __post_init__(self) -> None:
        self._began, self._busy = time.perf_counter(), busy()
        self._used = {name: cpu([pid]) for name, pid in self.pids.items()}

    def read(self, count: int) -> dict[str, Any]:
        seconds, rest = time.perf_counter() - self._began, busy() - self._busy
        used = {name: cpu([pid]) - self._used[name] for name, pid in self.pids.items()}
        return {
            "events": count,
            "seconds": round(seconds, 2),
            "per_second": round(count / seconds),
            "cpu_seconds": {name: round(one, 2) for name, one in used.items()},
            "per_cpu_second": round(count / max(sum(used.values()), 0.01)),
            "others_cores": round((rest - sum(used.values())) / seconds, 2),
        }


def stream(here: Place) -> dict[str, Any]:
    count = OUTSTANDING["stream"]
    happen(here.ledger, count, random.Random(1))
    with contextlib.closing(queues.connect(here.settings.valkey_url)) as client, services(here, "relay") as pids:
        until(lambda: last_published(client) > 0, 0.005)
        first, watch = last_published(client), Watch(pids)
        until(lambda: last_published(client) >= count)
        return watch.read(count - first)


def webhook(here: Place) -> dict[str, Any]:
    count = OUTSTANDING["webhook"]
    with receiver(here) as (url, taken):
        with here.ledger.write() as tx:
            sinks_of = [sinkview.add(tx, name, at, (), None)[0].id for name, at in (("dead", DEAD), ("desk", url))]
        happen(here.ledger, count, random.Random(1))
        with here.ledger.write() as tx:
            events.number(tx, count)

        def delivered() -> int:
            with here.ledger.read() as tx:
                found = sinks.one(tx, sinks_of[1])
            return found.delivered if found else 0

        with services(here, "deliverer") as pids:
            until(lambda: delivered() > 0, 0.01)
            first, watch = delivered(), Watch(pids)
            until(lambda: delivered() >= count)
            found = watch.read(count - first)
        got = taken()
    return found | {"missing": count - len({one[0] for one in got}), "twice": len(got) - count}


def soon(here: Place) -> dict[str, Any]:
    language, rng = alerting.Language(1), np.random.default_rng(1)
    with receiver(here) as (url, taken):
        with here.ledger.write() as tx:
            alerting.fill(tx, language, rng)
            tx.execute(storyline_table.update().values(opened=datetime.now(UTC), updated=datetime.now(UTC)))
            sinkview.add(tx, "desk", url, (), None)
        with services(here, "relay", "alerter", "deliverer") as pids:
            warm(here)
            watch = Watch(pids)
            filed = file_steadily(here, language)
            found = watch.read(len(filed))
            until(lambda: settled(here), 0.25)
        got = taken()
    events_ms = [
        1000 * (at - filed[article]) for _, type_, article, at in got if type_ == "storyline.grew" and article in filed
    ]
    alerts_ms = [
        1000 * (at - filed[article]) for _, type_, article, at in got if type_ == "alert.matched" and article in filed
    ]
    return found | {"events_ms": spread(events_ms), "alerts_ms": spread(alerts_ms)}


def warm(here: Place) -> None:
    """Wait until the services are at work: one event has come through, and the alerter has read its rules."""
    alerting.happen(here.ledger, alerting.Language(2), 10**6, 1)
    until(lambda: settled(here), 0.25)


def settled(here: Place) -> bool:
    """Whether all that was filed was looked at by the alerter, and told."""
    with here.ledger.read() as tx:
        last = events.last_position(tx)
        read, told_to = cursors.position(tx, cursors.RULES), sinks.need(tx, "desk")
        waits = events.waiting(tx) + deliveries.waiting(tx, told_to.id)
    return bool(last) and waits == 0 and read == last == told_to.read_to


def file_steadily(here: Place, language: alerting.Language) -> dict[int, float]:
    """File events one by one, so many a second. Returns when each was, by the number of its article."""
    filed: dict[int, float] = {}
    began, sequence = time.time(), 10**7
    for number in range(RATE * SECONDS):
        time.sleep(max(0.0, began + number / RATE - time.time()))
        storyline = language.rng.randrange(1, alerting.STORYLINES + 1)
        article, sequence = 10**9 + number, sequence + 1
        moment = datetime.now(UTC)
        with here.ledger.write() as tx:
            data = told(storyline, article, 9)
            events.append(tx, "storyline.grew", f"storyline/{storyline}", sequence, moment, data)
        filed[article] = moment.timestamp()
    return filed


def spread(found: list[float]) -> dict[str, Any]:
    """How many, the median, the 99th of a hundred, and the longest, in ms."""
    if not found:
        return {"count": 0}
    p50, p99 = np.percentile(found, [50, 99])
    return {"count": len(found), "p50": round(float(p50)), "p99": round(float(p99)), "most": round(max(found))}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {"stream": stream, "webhook": webhook, "soon": soon}
    asked.add_argument("part", choices=list(parts))
    asked.add_argument("--postgresql", default="", metavar="URL", help="An empty database, instead of SQLite.")
    asked.add_argument("--events", type=int, help="So many outstanding events instead.")
    given = asked.parse_args()
    if given.events:
        OUTSTANDING[given.part] = given.events
    with place(given.postgresql) as here:
        print(json.dumps({"part": given.part, "ledger": here.ledger.engine.dialect.name, **parts[given.part](here)}))


if __name__ == "__main__":
    main()
