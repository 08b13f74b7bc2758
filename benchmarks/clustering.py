"""How many articles a second filing takes with many active storylines, and how it does against other methods.

    python benchmarks/clustering.py STREAM.jsonl [STREAM.jsonl ...] [--vectors FOLDER]
        [--storylines 10000 300000] [--seconds N] [--parts speed ledger quality]

A stream has one article a line, in order of arrival: title, text, published, lang, source, url and story (the label).
`benchmarks/clustering_wire.py` makes an endless wire of them. Until so many storylines are active its articles are
filed under their stories, with features and signatures of the same make but without text, which is faster; then
articles with text are decided and filed for N seconds of processor time on one core, in both ways: with the features
that workers store, and read from the text (`features from text`). Vectors and signatures are given. Ledger: the
clusterer itself on a SQLite file, commits in batches included. Seconds are processor time, so that other work on the
machine counts little.

Quality: BCubed and pairwise F1 and speed on each labelled stream, online, of Slugline and of the methods of
`benchmarks/clustering_rivals.py`. Vectors are computed, or read from FOLDER/vec_STREAM.npy.
"""

from __future__ import annotations

import argparse
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy is imported: one core is what is measured

import gc  # noqa: E402
import itertools  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from dataclasses import dataclass, replace  # noqa: E402
from pathlib import Path  # noqa: E402

import clustering_rivals as rivals  # noqa: E402
import numpy as np  # noqa: E402
from clustering_ledger import through_the_ledger  # noqa: E402
from clustering_wire import Labelled, Wire, load  # noqa: E402

from pipeline.records import Article  # noqa: E402
from pipeline.storylines import scores  # noqa: E402
from pipeline.storylines.filing import Filing  # noqa: E402

_PER_HOUR = 3_000.0  # articles of the synthetic wire an hour: 300,000 storylines are open within a week
_WARM = 300  # articles before it is measured
_AT_A_TIME = 500  # articles made before their time is taken


@dataclass(frozen=True, slots=True)
class Speed:
    """`latencies` in seconds; `joined` is the share that went to a storyline that was there."""

    storylines: int
    what: str
    latencies: list[float]
    memory: int
    joined: float

    @property
    def mean(self) -> float:
        return sum(self.latencies) / len(self.latencies)


def memory() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fill(filing: Filing, wire: Wire, storylines: int) -> None:
    """File the wire under its stories until so many are active."""
    wire.in_full = False
    for article, story in wire:
        filing.file(article, story)
        if len(filing) >= storylines:
            return


def measure(filing: Filing, wire: Wire, seconds: float, *, from_text: bool, first: int) -> Speed:
    """Decide and file for so many seconds of processor time; `first` is the id of the first new storyline."""
    wire.in_full = True
    there, latencies, joined, following = len(filing), list[float](), 0, itertools.count(first)
    articles = (article for article, _ in wire)
    while sum(latencies) < seconds:
        batch = list(itertools.islice(articles, _AT_A_TIME))
        if from_text:
            batch = [replace(article, features=None) for article in batch]
        for article in batch:
            began = time.process_time()
            decision = filing.decide(article)
            storyline = next(following) if decision.storyline is None else decision.storyline
            filing.file(article, storyline, copy_of=decision.copy_of)
            latencies.append(time.process_time() - began)
            joined += decision.storyline is not None
    count = len(latencies)
    what = "features from text" if from_text else "features stored"
    return Speed(there, what, latencies[min(_WARM, count // 2) :], memory(), joined / count)


def speed(streams: Sequence[Labelled], storylines: Sequence[int], seconds: float) -> Iterator[str]:
    """Lines of the table of speed."""
    yield "| storylines | | articles/s | p50 ms | p99 ms | RSS MB | joined | filled at /s |"
    yield "|---|---|---|---|---|---|---|---|"
    filing, wire, found, first = Filing(), Wire(streams, per_hour=_PER_HOUR), list[Speed](), 10**9
    for wanted in sorted(storylines):
        began, before = time.process_time(), len(filing)
        fill(filing, wire, wanted)
        rate = (wanted - before) / max(1e-9, time.process_time() - began)
        gc.collect()
        for from_text in (False, True):
            it = measure(filing, wire, seconds, from_text=from_text, first=first)
            first += len(it.latencies) + _WARM * 10
            found.append(it)
            p50, p99 = np.percentile(it.latencies, (50, 99)) * 1000
            yield (
                f"| {it.storylines:,} | {it.what} | {1 / it.mean:,.0f} | {p50:.2f} | {p99:.2f} "
                f"| {it.memory / 1e6:,.0f} | {it.joined:.0%} | {rate:,.0f} |"
            )
    if len(storylines) > 1:
        for n in range(2):
            yield f"\n{found[n].what}: cost per article grows {found[-2 + n].mean / found[n].mean:.2f} times"


def quality(streams: Sequence[Labelled]) -> Iterator[str]:
    """Lines of the table of quality."""
    yield "| method | " + " | ".join(stream.name for stream in streams) + " | mean B | mean P | articles/s |"
    yield "|---" * (len(streams) + 4) + "|"
    methods: dict[str, Callable[[Sequence[Article]], Sequence[int]]] = {
        "Slugline, online": _own,
        f"Slugline, online, first {rivals.FIRST}": lambda articles: _own(articles[: rivals.FIRST]),
        **rivals.methods(),
    }
    for name, method in methods.items():
        cells, b, p, seconds, count = list[str](), list[float](), list[float](), 0.0, 0
        for stream in streams:
            began = time.process_time()
            found = method(stream.articles)
            seconds += time.process_time() - began
            labels = stream.labels[: len(found)]  # river's methods are given the first ones only
            count += len(found)
            b.append(scores.bcubed(labels, found).f1)
            p.append(scores.pairwise(labels, found).f1)
            cells.append(f"{b[-1]:.3f} / {p[-1]:.3f}")
        yield (
            f"| {name} | " + " | ".join(cells) + f" | {np.mean(b):.3f} | {np.mean(p):.3f} | {count / seconds:,.0f} |"
        )
    yield from rivals.missing()


def _own(articles: Sequence[Article]) -> list[int]:
    filing, found = Filing(), list[int]()
    for article in articles:
        decision = filing.decide(article)
        storyline = len(found) + 1 if decision.storyline is None else decision.storyline
        filing.file(article, storyline, copy_of=decision.copy_of)
        found.append(storyline)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("streams", nargs="+", type=Path, metavar="STREAM.jsonl")
    parser.add_argument("--vectors", type=Path, help="folder of vec_STREAM.npy files")
    parser.add_argument("--storylines", type=int, nargs="+", default=[10_000, 300_000])
    parser.add_argument("--seconds", type=float, default=20.0, help="processor time of each measurement")
    every = ["speed", "ledger", "quality"]
    parser.add_argument("--parts", nargs="+", choices=every, default=every)
    args = parser.parse_args()
    streams = [load(path, args.vectors) for path in args.streams]
    parts = {
        "speed": lambda: speed(streams, args.storylines, args.seconds),
        "ledger": lambda: through_the_ledger(Wire(streams, per_hour=_PER_HOUR), args.seconds),
        "quality": lambda: quality(streams),
    }
    for part in args.parts:
        print(f"\n## {part.capitalize()}\n", flush=True)
        for line in parts[part]():
            print(line, flush=True)


if __name__ == "__main__":
    main()
