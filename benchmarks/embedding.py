"""What embedding costs: sentence-transformers as it comes, next to the production embedder, in one run.

    python benchmarks/embedding.py [--texts FILE.jsonl] [--count N] [--rounds N] [--runtimes NAME…] [--json]

The baseline is `SentenceTransformer(model).encode(texts)` with its defaults: float32, batches of 32, as many threads as
there are cores; a second row gives it one thread in each of as many processes as there are cores, which is how the
production embedder runs, in each of its runtimes. All get the same prepared texts (title and first 120 words; titles
alone), in rounds in which each takes its turn, so that whatever else the machine does falls on all alike; a factor is
the median over the rounds. FILE.jsonl has `title` and `text`; without it the texts are made up.

CPU is that of all processes of a row, per text. Memory is the proportional set size of one process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, get_args

import numpy as np

from pipeline.embedding import Embedder, Wanted, prepare
from pipeline.embedding.choice import cpu_features, look
from pipeline.embedding.files import packaged
from pipeline.embedding.preparation import TOKENS

PLAIN, PLAIN_ONE = "sentence-transformers", "… one thread a process"
WORDS = (
    "the the the the of of of to to to and and in in in a a a for on that is said was with by at from it as has had "
    "its are have will an be were which who after not this but they more than their year new people government been "
    "over two would about last first other up one could police president country against all when company percent "
    "week out into before three some also state market million years city between most between because national court "
    "minister day where only under during while party support election security report officials trade economy plan "
    "workers group public law budget parliament district announced expected according agreement negotiations quarterly"
).split()
SYLLABLES = "nor vik hal den mar ka tol bru sen ost li ber gan ro sha pe quin tar wel dor".split()


def made_up(count: int) -> list[tuple[str, str]]:
    """Titles and texts with the mixture of common words, names and numbers that news has."""
    chance = random.Random(7)

    def word() -> str:
        kind = chance.random()
        if kind < 0.08:
            return "".join(chance.choices(SYLLABLES, k=chance.randint(2, 3))).capitalize()
        return f"{chance.randint(2, 2_000):,}" if kind < 0.1 else chance.choice(WORDS)

    def text(words: int) -> str:
        made = [word() for _ in range(words)]
        return " ".join(
            f"{one}{'.' if chance.random() < 0.06 else ',' if chance.random() < 0.05 else ''}" for one in made
        )

    return [(text(chance.randint(5, 14)), text(chance.randint(60, 600))) for _ in range(count)]


def read(path: Path, count: int) -> list[tuple[str, str]]:
    """Title and text of the first lines of a JSON Lines file."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line, _ in zip(file, range(count), strict=False)]
    return [(row["title"], row["text"]) for row in rows]


def _serve(pipe: Connection, name: str, threads: int) -> None:
    """A process that has loaded one runtime and encodes what it is sent."""
    encode: Any
    if name in (PLAIN, PLAIN_ONE):
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        model = SentenceTransformer(str(packaged()), device="cpu", local_files_only=True)
        model.max_seq_length = TOKENS
        said, encode = (
            f"torch, float32 on cpu, {threads} threads",
            lambda texts: model.encode(texts, show_progress_bar=False),
        )
    else:
        embedder = Embedder(runtime=name)  # type: ignore[arg-type]
        said, encode = embedder.runtime, embedder.encode
    encode(["A first call sets things up."] * 8)
    pipe.send(said)
    while (texts := pipe.recv()) is not None:
        cpu = time.process_time()
        vectors = encode(texts)
        pipe.send((np.asarray(vectors), time.process_time() - cpu))
    pipe.send(_pss())


def _pss() -> float:
    """Megabytes of memory, what is shared counted in parts (Linux; else 0)."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


@dataclass(slots=True)
class Contender:
    """A row: processes that share the texts, and what was measured of them."""

    name: str
    pipes: list[Connection]
    processes: list[multiprocessing.process.BaseProcess]
    said: str = ""
    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    cosines: list[float] = field(default_factory=list)
    megabytes: float = 0.0

    def encode(self, kind: str, texts: list[str]) -> Any:
        """One turn: the texts in equal parts to all processes at once."""
        began = time.perf_counter()
        for number, pipe in enumerate(self.pipes):
            pipe.send(texts[number :: len(self.pipes)])
        answers = [pipe.recv() for pipe in self.pipes]
        self.wall.setdefault(kind, []).append(time.perf_counter() - began)
        self.cpu.setdefault(kind, []).append(sum(cpu for _, cpu in answers))
        vectors = np.zeros((len(texts), answers[0][0].shape[1]), np.float32)
        for number, (made, _) in enumerate(answers):
            vectors[number :: len(self.pipes)] = made
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.send(None)
        self.megabytes = statistics.mean(pipe.recv() for pipe in self.pipes)
        for process in self.processes:
            process.join()


def started(name: str, cores: int) -> Contender:
    """A contender with its model loaded."""
    context = multiprocessing.get_context("spawn")
    one = name == PLAIN or (name in ("auto", "torch") and bool(look().gpu))
    made = Contender(name, [], [])
    for _ in range(1 if one else cores):
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, name, cores if one else 1), daemon=True)
        process.start()
        made.pipes.append(here)
        made.processes.append(process)
    for pipe in made.pipes:
        made.said = pipe.recv()
    return made


def measured(names: list[str], kinds: dict[str, list[str]], rounds: int, cores: int) -> list[Contender]:
    """All contenders after their turns; the first is the baseline."""
    rows = [started(name, cores) for name in names]
    for kind, texts in kinds.items():
        exact = rows[0].encode("warm-up", texts)
        for row in rows:
            row.cosines.extend((row.encode("warm-up", texts) * exact).sum(axis=1))
        for _ in range(rounds):
            for row in rows:
                row.encode(kind, texts)
    for row in rows:
        row.close()
    return rows


def report(rows: list[Contender], kinds: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    for kind, texts in kinds.items():
        base = rows[0]
        for row in rows:
            turns = list(zip(base.wall[kind], row.wall[kind], strict=True))
            loads = list(zip(base.cpu[kind], row.cpu[kind], strict=True))
            yield {
                "texts": kind,
                "runtime": row.name,
                "texts_per_second": len(texts) / statistics.median(row.wall[kind]),
                "cpu_ms_a_text": 1000 * statistics.median(row.cpu[kind]) / len(texts),
                "faster": statistics.median(first / second for first, second in turns),
                "less_cpu": statistics.median(first / second for first, second in loads),
                "cosine_min": float(min(row.cosines)),
                "cosine_mean": float(np.mean(row.cosines)),
                "pss_mb": row.megabytes,
                "is": row.said,
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--texts", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--count", type=int, default=128, help="texts in one turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runtimes", nargs="+", choices=get_args(Wanted), default=get_args(Wanted), metavar="NAME")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    articles = read(given.texts, given.count) if given.texts else made_up(given.count)
    kinds = {
        "title": [title for title, _ in articles],
        "title+120 words": [prepare(title, text) for title, text in articles],
    }
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    made = list(report(measured([PLAIN, PLAIN_ONE, *given.runtimes], kinds, given.rounds, cores), kinds))
    if given.json:
        print(json.dumps({"cpu": cpu_features(), "cores": cores, "rows": made}, indent=1))
        return
    print(f"{cores} cores, {cpu_features()}; {len(articles)} texts a turn, {given.rounds} rounds")
    for runtime, said in {row["runtime"]: row["is"] for row in made}.items():
        print(f"  {runtime}: {said}")
    print("\n| texts | runtime | texts/s | CPU ms a text | × texts/s | × less CPU | cosine min / mean | MB a process |")
    print("|---|---|---|---|---|---|---|---|")
    for row in made:
        print(
            "| {texts} | {runtime} | {texts_per_second:.0f} | {cpu_ms_a_text:.1f} | {faster:.2f} | {less_cpu:.2f} "
            "| {cosine_min:.5f} / {cosine_mean:.5f} | {pss_mb:.0f} |".format(**row)
        )


if __name__ == "__main__":
    main()
