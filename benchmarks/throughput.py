"""How many articles a second the whole running pipeline takes, how soon they are filed, and what each stage costs.

    python benchmarks/throughput.py [--rate N|max] [--minutes M] [--workers N] [--embed-workers N] [--poll S] [--json]

`benchmarks/world_site.py` serves 30 outlets on loopback, each a host of its own: pages of 50 to 300 KB, feeds that
bring out N articles a second in all. `slugline up` reads them in a temporary data directory: poller, Valkey, SQLite,
workers, clusterer, relay, janitor, web, as an operator would run them. With `--rate max` new articles come out as old
ones are done, so that a hundred always wait. After a warm-up (models, first polls) it is measured for M minutes.

Filed is when the clusterer's transaction could be read from the ledger, to 0.1 s; seconds are counted from
`articles.seen`, the receipt of the feed's body. From publication to that is the polling schedule's time, shown beside
it. CPU is from /proc for each service with its children, ended ones too; memory is PSS of all of them together.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from processes import busy, children, cpu, features, pss, tree
from sqlalchemy import func, select
from world import OUTLETS, address

from pipeline.ledger import Ledger, articles, open_ledger
from pipeline.ledger.schema import articles as article_table
from pipeline.ledger.schema import memberships, sightings, storylines
from workers.process import PARENT

HERE = Path(__file__).parent
STARTED = 60  # articles that have to be filed before the measurement may begin
START_SECONDS, WARM_SECONDS, TICK = 240.0, 20.0, 0.1
AHEAD = 150  # articles out and not done with `--rate max`: what is out but not yet polled, and a hundred that wait
SERVICES = {
    "poller": "cli poller", "backfill": "fetch --backfill", "fetch": "worker fetch", "embed": "worker embed",
    "clusterer": "cli clusterer", "relay": "cli relay", "alerter": "cli alerter", "deliverer": "cli deliverer",
    "janitor": "cli janitor",
    "web": "cli web", "valkey": "valkey",
}  # fmt: skip


class Site:
    """The serving process, and when each article came out."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "world_site.py")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.out: list[datetime] = []

    def publish(self, until: int) -> None:
        if until > len(self.out):
            assert self.process.stdin is not None
            self.out += [datetime.now(UTC)] * (until - len(self.out))
            self.process.stdin.write(f"{until}\n")
            self.process.stdin.flush()

    def opml(self) -> str:
        rows = "".join(
            f'<outline type="rss" text="" xmlUrl="http://{address(one)}:{self.port}/feed.xml"/>'
            for one in range(OUTLETS)
        )
        return f'<?xml version="1.0"?><opml version="2.0"><head/><body>{rows}</body></opml>'


@dataclass
class Watch:
    """What was seen of the ledger from outside."""

    ledger: Ledger
    position: int = 0
    filed: list[tuple[datetime, float, int]] = field(default_factory=list)
    """Of each filed article: when that could be read, the seconds since it was seen, its number on the wire."""

    def look(self) -> None:
        with self.ledger.read() as tx:
            chosen = (
                select(memberships.c.position, article_table.c.seen, article_table.c.url)
                .join(article_table, article_table.c.id == memberships.c.article_id)
                .where(memberships.c.position > self.position)
                .order_by(memberships.c.position)
            )
            rows = tx.execute(chosen).all()
        moment = datetime.now(UTC)
        for position, seen, url in rows:
            self.position = position
            self.filed.append((moment, (moment - seen).total_seconds(), _number(url)))

    def states(self) -> dict[str, int]:
        with self.ledger.read() as tx:
            return articles.counts(tx)

    def reasons(self) -> dict[str, int]:
        with self.ledger.read() as tx:
            return dict(
                Counter(articles.reasons(tx, articles.ArticleState.REJECTED))
                + Counter(articles.reasons(tx, articles.ArticleState.DEAD))
            )

    def to_seen(self, site: Site) -> list[float]:
        with self.ledger.read() as tx:
            rows = tx.execute(select(sightings.c.url, sightings.c.first_seen)).all()
        return [(seen - site.out[_number(url)]).total_seconds() for url, seen in rows]

    def stories(self) -> tuple[int, int]:
        with self.ledger.read() as tx:
            row = tx.execute(
                select(func.count(), func.max(storylines.c.articles)).where(storylines.c.articles > 0)
            ).one()
        return int(row[0]), int(row[1] or 0)


def _number(url: str) -> int:
    return int(url.rpartition("/")[2].split("-")[0])


@dataclass(frozen=True)
class Snapshot:
    at: float
    cpu: Mapping[str, float]
    machine: float
    filed: int
    waiting: int


class Pipeline:
    """`slugline up` and its services."""

    def __init__(self, process: subprocess.Popen[bytes], site: Site) -> None:
        self._up, self._site = process.pid, site.process.pid

    def groups(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {"supervisor": [self._up]}
        for pid, line in children(self._up).items():
            label = next((name for name, words in SERVICES.items() if words in line), "other")
            found.setdefault(label, []).extend(tree([pid]))
        return found

    def snapshot(self, watch: Watch) -> Snapshot:
        used = {name: cpu(pids) for name, pids in self.groups().items()}
        used["(site)"], used["(this)"] = cpu([self._site]), sum(os.times()[:2])
        states = watch.states()
        waiting = sum(states[state] for state in articles.UNFINISHED)
        return Snapshot(time.monotonic(), used, busy(), len(watch.filed), waiting)

    def memory(self) -> float:
        return pss(tree([self._up]))


@contextmanager
def running(site: Site, folder: Path, given: argparse.Namespace) -> Iterator[subprocess.Popen[bytes]]:
    """`slugline up` on the site's feeds; ended, with all it started, at the end of the block."""
    outlines = folder / "world.opml"
    outlines.write_text(site.opml())
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "SLUGLINE_CONFIG"}
    environment |= {f"SLUGLINE_{name}": value for name, value in settings(given).items()}
    environment[PARENT] = str(os.getpid())  # it ends when this ends, even by SIGKILL
    command = [sys.executable, "-m", "workers.cli", "up", "--data-dir", str(folder / "data"), "--port", str(port)]
    command += ["--feeds", str(outlines)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def settings(given: argparse.Namespace) -> dict[str, str]:
    """All that differs from the defaults; shown with the results."""
    return {
        "ALLOW_NETWORKS": "127.0.0.0/8",
        "HOST_SPACING_SECONDS": "0",
        "POLL_MIN_SECONDS": f"{given.poll:g}",
        "POLL_MAX_SECONDS": f"{given.poll:g}",
        "WORKERS": str(given.workers),
        "EMBED_WORKERS": str(given.embed_workers),
        "LOG_LEVEL": "warning",
    }


class Run:
    """Publishes at the asked rate and watches what becomes of it."""

    def __init__(self, site: Site, watch: Watch, pipeline: Pipeline, rate: float | None) -> None:
        self._site, self._watch, self._pipeline, self._rate = site, watch, pipeline, rate
        self._began, self._ended = time.monotonic(), 0

    def _step(self) -> None:
        self._watch.look()
        if self._rate is not None:
            self._site.publish(int((time.monotonic() - self._began) * self._rate))
        else:
            self._site.publish(len(self._watch.filed) + self._ended + AHEAD)
        time.sleep(TICK)

    def _until(self, end: float) -> None:
        while time.monotonic() < end:
            self._step()
        states = self._watch.states()
        self._ended = states["rejected"] + states["dead"]  # rare: a look now and then will do

    def warm_up(self, process: subprocess.Popen[bytes]) -> None:
        limit = time.monotonic() + START_SECONDS
        while len(self._watch.filed) < STARTED:
            if process.poll() is not None or time.monotonic() > limit:
                raise SystemExit("nothing was filed; the log says why")
            self._step()
        self._until(time.monotonic() + WARM_SECONDS)

    def measure(self, seconds: float) -> tuple[list[Snapshot], list[float]]:
        """Snapshots and memory at the start, at the parts of the window, and at the end."""
        parts = max(2, int(seconds // 60))
        shots, memory = [self._pipeline.snapshot(self._watch)], [self._pipeline.memory()]
        for _ in range(parts):
            self._until(shots[-1].at + seconds / parts)
            shots.append(self._pipeline.snapshot(self._watch))
            memory.append(self._pipeline.memory())
        return shots, memory


def result(
    watch: Watch, site: Site, shots: list[Snapshot], memory: list[float], given: argparse.Namespace
) -> dict[str, Any]:
    first, last = shots[0], shots[-1]
    seconds, count = last.at - first.at, last.filed - first.filed
    filed = watch.filed[first.filed : last.filed]
    latency, to_seen = [waited for _, waited, _ in filed], watch.to_seen(site)[-count:]
    spent = {name: last.cpu[name] - first.cpu.get(name, 0.0) for name in last.cpu}
    own = sum(used for name, used in spent.items() if not name.startswith("("))
    found, largest = watch.stories()
    return {
        "asked": given.rate,
        "rate": count / seconds,
        "rates": [(b.filed - a.filed) / (b.at - a.at) for a, b in itertools.pairwise(shots)],
        "seconds": seconds,
        "articles": count,
        "waiting": [shot.waiting for shot in shots],
        "seen_to_filed": quantiles(latency),
        "published_to_seen": quantiles(to_seen),
        "cpu_ms": {name: 1000 * used / max(count, 1) for name, used in spent.items()},
        "cores": {name: used / seconds for name, used in spent.items()},
        "machine": (last.machine - first.machine) / seconds,
        "others": (last.machine - first.machine) / seconds - (own + spent["(site)"] + spent["(this)"]) / seconds,
        "pss_mb": memory,
        "storylines": found,
        "largest": largest,
        "states": watch.states(),
        "reasons": watch.reasons(),
        "cpu": features(),
        "cores_there": os.cpu_count(),
        "settings": settings(given),
    }


def quantiles(values: list[float]) -> dict[str, float]:
    if len(values) < 2:
        return {"p50": float("nan"), "p99": float("nan")}
    cuts = statistics.quantiles(values, n=100)
    return {"p50": cuts[49], "p99": cuts[98]}


def show(found: dict[str, Any]) -> None:
    """The result as Markdown."""
    asked = "as many as it takes" if found["asked"] == "max" else f"{found['asked']} a second"
    features_ = " ".join(found["cpu"]) or "none of the features that embedding profits from"
    print(f"{found['seconds']:.0f} s on {found['cores_there']} cores ({features_}); articles published: {asked}.\n")
    latency, schedule, memory = found["seen_to_filed"], found["published_to_seen"], found["pss_mb"]
    filed = " ".join(f"{rate:.1f}" for rate in found["rates"])
    rows = [
        ("articles a second, sustained", f"{found['rate']:.1f} (in parts of the time: {filed})"),
        ("articles that waited, in the course of it", " ".join(map(str, found["waiting"]))),
        ("from seen to filed", f"{latency['p50']:.2f} s in the median, {latency['p99']:.2f} s at p99"),
        ("from published to seen", f"{schedule['p50']:.2f} s in the median, {schedule['p99']:.2f} s at p99"),
        ("memory (PSS), in the course of it", f"{' '.join(f'{one:.0f}' for one in memory)} MB"),
        ("how they ended", ", ".join(f"{count} {state}" for state, count in found["states"].items() if count)),
        ("storylines", f"{found['storylines']}, the largest of {found['largest']}"),
        ("bound by", bound(found)),
    ]
    table(("", ""), rows)
    own = {name: cost for name, cost in found["cpu_ms"].items() if not name.startswith("(")}
    costs = sorted(own.items(), key=lambda one: -one[1])
    costs += [("**all of Slugline**", sum(own.values()))]
    costs += [(name, found["cpu_ms"][name]) for name in ("(site)", "(this)")]
    cores = found["cores"] | {"**all of Slugline**": sum(found["cores"][name] for name in own)}
    print()
    shown = [(name, f"{cost:.1f}", f"{cores[name]:.2f}") for name, cost in costs]
    table(("process", "CPU ms an article", "cores"), [*shown, ("others on this machine", "", f"{found['others']:.2f}")])
    print(f"\nSettings: {' '.join(f'{name}={value}' for name, value in found['settings'].items())}")
    if found["reasons"]:
        print(f"Reasons: {found['reasons']}")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    for cells in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(cells)} |")


def bound(found: dict[str, Any]) -> str:
    """Which stage keeps it from being faster: one process at its core's end, or all of them at the machine's."""
    single = {name: found["cores"].get(name, 0.0) for name in ("clusterer", "poller", "relay", "janitor")}
    single |= {
        name: found["cores"].get(name, 0.0) / int(found["settings"][key]) for name, key in (("embed", "EMBED_WORKERS"),)
    }
    full = [name for name, cores in single.items() if cores > 0.9]
    if full:
        return f"{', '.join(full)} (a process that fills its core)"
    if found["machine"] > 0.93 * (found["cores_there"] or 1):
        own = {name: cores for name, cores in found["cores"].items() if not name.startswith("(")}
        return f"the machine's cores; {max(own, key=own.__getitem__)} takes the most"
    used = f"{found['machine']:.2f} of {found['cores_there']}"
    return f"the rate asked for, or waiting: the machine's cores were {used} busy"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", default="max", help="articles a second of all outlets together, or max")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=1, help="fetch workers")
    parser.add_argument("--embed-workers", type=int, default=1)
    parser.add_argument("--poll", type=float, default=5.0, help="seconds between two polls of a feed")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all that was started is ended as well
    rate = None if given.rate == "max" else float(given.rate)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slugline-bench-")))
        site = Site()
        stack.callback(site.process.wait)
        stack.callback(site.process.terminate)
        process = stack.enter_context(running(site, folder, given))
        try:
            database = folder / "data" / "slugline.db"
            ledger = _opened(database, process)
            stack.callback(ledger.close)
            watch = Watch(ledger)
            pipeline = Pipeline(process, site)
            run = Run(site, watch, pipeline, rate)
            run.warm_up(process)
            found = result(watch, site, *run.measure(given.minutes * 60), given)
        except BaseException:
            print((folder / "log").read_text()[-3000:], file=sys.stderr)
            raise
        log = (folder / "log").read_text()
    if given.json:
        print(json.dumps(found))
    else:
        show(found)
        if log:
            print(f"the log's last lines:\n{log[-1500:]}", file=sys.stderr)


def _opened(database: Path, process: subprocess.Popen[bytes]) -> Ledger:
    """The pipeline's ledger, as soon as it has made it."""
    limit = time.monotonic() + START_SECONDS
    while True:
        time.sleep(0.5)
        if process.poll() is not None or time.monotonic() > limit:
            raise SystemExit("slugline up did not start")
        if database.exists():
            try:
                return open_ledger(f"sqlite:///{database}")
            except Exception:  # noqa: BLE001 - not migrated yet
                continue


if __name__ == "__main__":
    main()
