"""How many feeds a second the poller polls, at which cost in CPU and memory, next to lemon24/reader in the same run.

    python benchmarks/polling.py [--feeds N] [--seconds S] [--pollers 1 2] [--bodies DIR] [--reader PYTHON]

`benchmarks/polling_site.py` serves N feeds on loopback, each at an address of its own; nine of ten answer 304. For
each number of pollers a fresh SQLite ledger is made, all feeds are read once (the first polls: all bodies are new) and
then polled without pause for S seconds. Polls are requests as the site counted them. CPU is that of the pollers with
their parsers, the site's apart; memory is PSS of these processes after the first polls, half way, and at the end.

With --reader a Python that has `reader` (python -m venv DIR; DIR/bin/pip install reader==3.26 sgmllib3k) polls the
same feeds with `update_feeds(workers=…)`, after trying which number of workers is its best.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.ledger import Ledger, articles, feeds, open_ledger
from pipeline.settings import Settings
from workers import valkey

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
FIRST_SECONDS = 1800.0  # the first polls of all feeds have to be over by then
SOME = 300  # feeds with which reader's number of workers is tried
WORKERS = (1, 4, 10, 25)


@dataclass(frozen=True)
class Measured:
    name: str
    first: float  # polls a second while every body is new
    rate: float
    cpu: float  # milliseconds a poll
    site: float
    memory: tuple[float, ...]  # MB
    entries: int


class Site:
    """The serving process and what it counted."""

    def __init__(self, count: int, bodies: Path | None) -> None:
        command = [sys.executable, str(HERE / "polling_site.py"), str(count)]
        self.process = subprocess.Popen(
            command + (["--bodies", str(bodies)] if bodies else []), stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        sys.path.insert(0, str(HERE))
        from polling_site import address

        self.urls = [f"http://{address(number)}:{self.port}/{number}" for number in range(count)]

    def asked(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/asked", timeout=30) as answer:
            return sum(json.load(answer).values())


def tree(root: int) -> list[int]:
    """A process and all that came from it."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = [root]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu(roots: list[int]) -> float:
    """CPU seconds that these processes and their children, ended ones too, have taken."""
    ticks = 0
    for pid in {one for root in roots for one in tree(root)}:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def pss(roots: list[int]) -> float:
    """Memory in MB, what is shared counted in shares."""
    total = 0
    for pid in {one for root in roots for one in tree(root)}:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


@contextlib.contextmanager
def running(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def waiting(ledger: Ledger, since: datetime) -> int:
    with ledger.read() as tx:
        return feeds.not_polled_since(tx, since)


def slugline(site: Site, pollers: int, seconds: float) -> Measured:
    with tempfile.TemporaryDirectory(prefix="slugline-bench-") as name, contextlib.ExitStack() as stack:
        settings = Settings(data_dir=Path(name))
        ledger = open_ledger(settings.ledger_url, upgrade=True)
        stack.callback(ledger.close)
        moment = datetime.now(UTC)
        with ledger.write() as tx:
            for url in site.urls:
                feeds.add(tx, url, moment)
        server = stack.enter_context(running(valkey.command(settings)))
        valkey.wait_ready(settings, server)  # type: ignore[arg-type]
        # Due again at once: what is measured is the rate at which it polls, not what its schedule makes of it.
        given = {"DATA_DIR": name, "ALLOW_NETWORKS": "127.0.0.0/8", "HOST_SPACING_SECONDS": "0"}
        given |= {"POLL_MIN_SECONDS": "0.01", "POLL_MAX_SECONDS": "0.01"}
        environment = os.environ | {f"SLUGLINE_{key}": value for key, value in given.items()}
        log = stack.enter_context((Path(name) / "log").open("w"))
        command = [sys.executable, "-m", "workers.cli", "poller"]
        processes = [
            stack.enter_context(running(command, env=environment, stdout=log, stderr=log)) for _ in range(pollers)
        ]
        roots = [process.pid for process in processes]
        began = time.monotonic()
        while waiting(ledger, moment):
            if time.monotonic() - began > FIRST_SECONDS or any(one.poll() is not None for one in processes):
                raise SystemExit("the first polls did not end:\n" + (Path(name) / "log").read_text()[-2000:])
            time.sleep(0.2)
        first = len(site.urls) / (time.monotonic() - began)
        found = measure(site, roots, seconds)
        with ledger.read() as tx:
            entries = articles.entries_seen(tx)
    words = f"slugline, {pollers} poller{'s' if pollers > 1 else ''}"
    return Measured(words, first, *found, entries)


def measure(site: Site, roots: list[int], seconds: float) -> tuple[float, float, float, tuple[float, ...]]:
    """Rate, CPU of these processes and of the site a poll, and memory at start, half way and at the end."""
    memory = [pss(roots)]
    before, used, served, began = site.asked(), cpu(roots), cpu([site.process.pid]), time.monotonic()
    for _ in range(2):
        time.sleep(seconds / 2)
        memory.append(pss(roots))
    took, polls = time.monotonic() - began, site.asked() - before
    each = 1000 / max(polls, 1)
    return polls / took, (cpu(roots) - used) * each, (cpu([site.process.pid]) - served) * each, tuple(memory)


def reader(python: str, site: Site, workers: int, seconds: float, count: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="reader-bench-") as name:
        urls = Path(name) / "urls"
        urls.write_text("\n".join(site.urls[:count]))
        command = [python, str(HERE / "polling_reader.py"), f"{name}/db.sqlite", str(urls), str(workers), str(seconds)]
        with running(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            began = time.monotonic()
            if process.stdout.readline().strip() != "ready":
                raise SystemExit("reader did not start")
            first = count / (time.monotonic() - began)
            roots = [process.pid]
            before, used, served, memory = site.asked(), cpu(roots), cpu([site.process.pid]), [pss(roots)]
            time.sleep(seconds / 2)
            memory.append(pss(roots))
            spent, polls_half = cpu(roots), site.asked()
            each = 1000 / max(polls_half - before, 1)
            site_cpu = (cpu([site.process.pid]) - served) * each
            took = float(process.stdout.readline())
            memory.append(memory[-1])
            polls = site.asked() - before
    return Measured(
        f"reader, {workers} workers", first, polls / took, (spent - used) * each, site_cpu, tuple(memory), 0
    )


def show(rows: list[Measured]) -> None:
    print(
        f"{'':22}{'polls/s':>9}{'first/s':>9}{'CPU ms':>8}{'site ms':>9}{'PSS MB start, middle, end':>28}{'entries':>9}"
    )
    for row in rows:
        memory = " ".join(f"{one:.0f}" for one in row.memory)
        entries = str(row.entries or "")
        print(f"{row.name:22}{row.rate:9.0f}{row.first:9.0f}{row.cpu:8.2f}{row.site:9.2f}{memory:>28}{entries:>9}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pollers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--bodies", type=Path)
    parser.add_argument("--reader")
    given = parser.parse_args()
    site = Site(given.feeds, given.bodies)
    try:
        rows = [slugline(site, pollers, given.seconds) for pollers in given.pollers]
        show(rows)
        if given.reader:
            trials = [reader(given.reader, site, workers, 3, min(SOME, given.feeds)) for workers in WORKERS]
            best = max(trials, key=lambda row: row.rate).name.split()[1]
            rows.append(reader(given.reader, site, int(best), given.seconds, given.feeds))
    finally:
        site.process.terminate()
        site.process.wait()
    show(rows)
    if given.reader:
        for row in rows[:-1]:
            print(f"{row.name}: {row.rate / rows[-1].rate:.1f} times reader's rate")


if __name__ == "__main__":
    main()
