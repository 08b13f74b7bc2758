"""Score the production extractor on pages with hand-made truth, next to plain trafilatura, in one run.

    python benchmarks/extraction.py DIR [--repeat N] [--passes N] [--worst N] [--slowest N] [--json]

DIR holds `truth.jsonl` (`id, url, title, date, authors, text, set`; null where not known) and `html/ID.html.gz`.

Text is scored over 4-grams of word tokens: precision and recall of each page, their means over the pages of a set, and
F1 of these means. A title is right when it equals the truth but for case, blanks and kinds of quotes and dashes; a date
when it is the same day in some time zone; authors are scored by F1 over all names of the set. Rejected pages count as
empty. CPU is the time of this process for each page, the least of N readings, with the nearest rank for its 99th
percentile; trafilatura reads with its metadata, as the production extractor does, and `CPU` is given as a share of
trafilatura's. htmldate is what trafilatura asks for the date, here by itself on the whole page.

Memory is that of another process, which reads all pages N times with the production extractor alone: resident set
after each pass, and the most it ever had.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import multiprocessing
import re
import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trafilatura
from htmldate import find_date
from trafilatura.settings import use_config

from pipeline.articles import read_page, warm
from pipeline.errors import RejectedError

TOKEN = re.compile(r"\w+")
QUOTES = str.maketrans("‘’‚‛“”„‟«»–—‐‑−", '\'\'\'\'""""""-----')
GRAM = 4
EVERY = "all"


@dataclass(frozen=True, slots=True)
class Reading:
    """What an extractor made of one page; `refused` is its reason to make nothing of it."""

    text: str = ""
    title: str = ""
    days: frozenset[str] = frozenset()
    authors: tuple[str, ...] = ()
    refused: str = ""


@dataclass(slots=True)
class Score:
    """The figures of one extractor on one set."""

    pages: int = 0
    precision: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    titles: list[bool] = field(default_factory=list)
    dates: list[bool] = field(default_factory=list)
    authors: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def row(self) -> dict[str, Any]:
        read = any(self.precision)  # not by what gives a date alone
        precision, recall = statistics.mean(self.precision), statistics.mean(self.recall)
        right, given, true = (self.authors[name] for name in ("right", "given", "true"))
        ordered = sorted(self.seconds)
        return {
            "pages": self.pages,
            "precision": precision if read else None,
            "recall": recall if read else None,
            "f1": 2 * precision * recall / (precision + recall) if read else None,
            "title": statistics.mean(self.titles) if read and self.titles else None,
            "date": statistics.mean(self.dates) if self.dates else None,
            "authors_f1": 2 * right / (given + true) if read and true else None,
            "refused": sum(self.refused.values()),
            "cpu_ms_mean": 1000 * statistics.mean(ordered),
            "cpu_ms_p50": 1000 * ordered[len(ordered) // 2],
            "cpu_ms_p99": 1000 * ordered[math.ceil(0.99 * len(ordered)) - 1],
            "cpu_seconds": sum(ordered),
        }


def slugline(body: bytes, url: str) -> Reading:
    """The code that fetch workers run, without a feed's hints."""
    try:
        page = read_page(body, url=url, content_type="text/html")
    except RejectedError as error:
        return Reading(refused=error.reason)
    return Reading(page.text, page.title, days_of(page.published), page.authors)


def plain(favor_precision: bool) -> Callable[[bytes, str], Reading]:
    """Trafilatura as it comes, comments off, with metadata."""
    config = use_config()
    config.set("DEFAULT", "EXTRACTION_TIMEOUT", "0")

    def read(body: bytes, url: str) -> Reading:
        found = trafilatura.bare_extraction(
            body, url=url, include_comments=False, with_metadata=True, favor_precision=favor_precision, config=config
        )
        if found is None:
            return Reading(refused="nothing found")
        about = found.as_dict()
        names = tuple(name.strip() for name in (about["author"] or "").split(";") if name.strip())
        days = frozenset([about["date"]] if about["date"] else [])
        return Reading(about["text"] or "", about["title"] or "", days, names)

    return read


def htmldate(body: bytes, url: str) -> Reading:
    """The date alone, by htmldate as trafilatura calls it."""
    found = find_date(body, url=url, original_date=True, extensive_search=True)
    return Reading(days=frozenset([found] if found else []))


def days_of(moment: datetime | None) -> frozenset[str]:
    """The days that a moment is on, somewhere between Los Angeles and Sydney: truths give the publisher's day."""
    if moment is None:
        return frozenset()
    utc = moment.astimezone(UTC)
    return frozenset((utc + timedelta(hours=hours)).date().isoformat() for hours in (-8, 0, 11))


def shingles(text: str) -> Counter[tuple[str, ...]]:
    tokens = TOKEN.findall(text)
    if len(tokens) < GRAM:
        return Counter([tuple(tokens)] if tokens else [])
    return Counter(zip(*(tokens[place:] for place in range(GRAM)), strict=False))


def text_score(truth: str, found: str) -> tuple[float, float]:
    """Precision and recall of one page's text."""
    wanted, given = shingles(truth), shingles(found)
    right = sum((wanted & given).values())
    if not wanted:
        return (0.0 if given else 1.0), 1.0
    return (right / given.total() if given else 0.0), right / wanted.total()


def same(text: str) -> str:
    return " ".join(text.translate(QUOTES).split()).casefold()


def names(values: Iterable[str]) -> set[str]:
    return {same(value) for value in values if value}


def measure(read: Callable[[bytes, str], Reading], body: bytes, url: str, repeat: int) -> tuple[Reading, float]:
    seconds = []
    for _ in range(repeat):
        began = time.process_time()
        reading = read(body, url)
        seconds.append(time.process_time() - began)
    return reading, min(seconds)


def note(score: Score, truth: dict[str, Any], reading: Reading, seconds: float) -> float:
    """Add one page. Returns the F1 of its text."""
    score.pages += 1
    score.seconds.append(seconds)
    if reading.refused:
        score.refused[reading.refused] += 1
    precision, recall = text_score(truth["text"] or "", reading.text)
    score.precision.append(precision)
    score.recall.append(recall)
    if truth["title"]:
        score.titles.append(same(truth["title"]) == same(reading.title))
    if truth["date"]:
        score.dates.append(str(truth["date"])[:10] in reading.days)
    if truth["authors"]:
        wanted, given = names(truth["authors"]), names(reading.authors)
        score.authors.update(right=len(wanted & given), given=len(given), true=len(wanted))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the directory, and what the production extractor made of it."""

    f1: float
    seconds: float
    url: str
    refused: str
    bytes: int


def truths_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "truth.jsonl").read_text("utf-8").splitlines() if line.strip()]


def body_of(folder: Path, truth: dict[str, Any]) -> bytes:
    return gzip.decompress((folder / "html" / f"{truth['id']}.html.gz").read_bytes())


def run(folder: Path, repeat: int) -> tuple[dict[str, dict[str, Score]], list[Page]]:
    extractors = {
        "slugline": slugline,
        "trafilatura": plain(False),
        "trafilatura, precision": plain(True),
        "htmldate": htmldate,
    }
    scores: dict[str, dict[str, Score]] = {}
    pages = []
    truths = truths_of(folder)
    for read in extractors.values():  # what is loaded at the first page is no page's cost
        read(body_of(folder, truths[0]), truths[0]["url"])
    for truth in truths:
        body = body_of(folder, truth)
        for name, read in extractors.items():
            reading, seconds = measure(read, body, truth["url"], repeat)
            for kind in (truth["set"], EVERY):
                f1 = note(scores.setdefault(kind, {}).setdefault(name, Score()), truth, reading, seconds)
            if name == "slugline":
                pages.append(Page(f1, seconds, truth["url"], reading.refused, len(body)))
    if len(scores) == 2:
        del scores[EVERY]
    return dict(sorted(scores.items(), key=lambda item: item[0] == EVERY)), pages


def memory(folder: Path, passes: int) -> list[float]:
    """Read all pages so often, and give the resident set in MB before, after each pass, and at its greatest."""
    warm()
    found = [_resident()]
    for _ in range(passes):
        for truth in truths_of(folder):
            slugline(body_of(folder, truth), truth["url"])
        found.append(_resident())
    return [*found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024**2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--repeat", type=int, default=1, help="readings of each page; the fastest counts")
    parser.add_argument("--passes", type=int, default=3, help="over all pages, for memory; 0 leaves it out")
    parser.add_argument("--slowest", type=int, default=0, metavar="N", help="name the N pages that took longest")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="name the N pages with the lowest F1")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not (options.folder / "truth.jsonl").is_file():
        parser.error(f"{options.folder} holds no truth.jsonl; give a directory of pages with their truth")
    scores, pages = run(options.folder, max(1, options.repeat))
    rows = {kind: {name: score.row() for name, score in found.items()} for kind, found in scores.items()}
    held: list[float] = []
    if options.passes > 0:
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            held = alone.apply(memory, (options.folder, options.passes))
    if options.json:
        print(json.dumps({"sets": rows, "memory_mb": held}))
        return
    show(rows)
    if held:
        before, *after, most = held
        print(f"\nMB resident: {before:.0f} at the start, after each pass", *(f"{size:.0f}" for size in after), end="")
        print(f"; at most {most:.0f}")
    for page in sorted(pages, key=lambda page: page.f1)[: options.worst]:
        print(f"{page.f1:.3f}  {page.url}  {page.refused}")
    for page in sorted(pages, key=lambda page: -page.seconds)[: options.slowest]:
        print(f"{1000 * page.seconds:.1f} ms  {page.bytes // 1000} KB  {page.url}")


def show(rows: dict[str, dict[str, dict[str, Any]]]) -> None:
    heads = ("precision", "recall", "f1", "title", "date", "authors_f1", "refused", "cpu_ms_p50", "cpu_ms_p99")
    for kind, found in rows.items():
        print(f"\n{kind}: {found['slugline']['pages']} pages")
        print(f"{'':24}" + "".join(f"{head:>11}" for head in heads) + f"{'CPU':>8}")
        base = found["trafilatura"]["cpu_seconds"]
        for name, row in found.items():
            cells = (("-" if row[head] is None else _cell(row[head])) for head in heads)
            print(f"{name:24}" + "".join(f"{cell:>11}" for cell in cells) + f"{row['cpu_seconds'] / base:8.2f}")


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}" if value <= 1 else f"{value:.1f}"


if __name__ == "__main__":
    main()
