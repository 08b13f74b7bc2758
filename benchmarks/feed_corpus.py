"""Read a folder of saved feeds as the poller would, and say what became of them.

    python benchmarks/feed_corpus.py FOLDER [--show] [--seconds S]

Every file under FOLDER goes through `pipeline.feeds.parse` in a process that is killed after S seconds (5), as in the
poller. A JSON file beside a feed of the same name (or NAME_expected.json beside NAME.json), as the test data of
mmcdole/gofeed has them, is not a feed but its expected reading: what both sides have is compared (number of entries,
titles, links, dates, names, language, hints). Differences of opinion are counted as mismatches as well; --show prints
each, and each refusal.

Printed are, for each folder, files, documents read, entries, documents that were broken and mended, refusals by reason,
compared and mismatching fields; then the slowest files and the most memory that a child took. The exit status is 1 when
anything but a FeedError came out of a file.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import FeedError, SandboxError
from pipeline.feeds.fields import Item, plain
from pipeline.feeds.parse import parse, read
from pipeline.records import FeedDocument
from pipeline.sandbox import Parser, Sandbox
from pipeline.urls import absolute

URL = "http://example.org/feeds/feed.xml"  # what relative links are resolved against; gofeed leaves them as they are
NOW = datetime(2030, 1, 1, tzinfo=UTC)  # later than every date in the known corpora


@dataclass
class Folder:
    """What became of the files of one folder."""

    files: int = 0
    read: int = 0
    entries: int = 0
    mended: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    mismatches: list[str] = field(default_factory=list)


def take(body: bytes) -> tuple[FeedDocument, FeedDocument, list[Item], int]:
    """In the child: the document as the poller gets it, as it was read, and the memory of the child so far in KiB."""
    document = parse(body, url=URL, content_type=None, now=NOW)
    source, items = read(body, url=URL, content_type=None, now=NOW)
    return document, source, items, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def feeds_of(folder: Path) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """Each feed under `folder`, and its expected reading where there is one."""
    files = {path for path in folder.rglob("*") if path.is_file() and path.name != "LICENSE"}
    expected: dict[Path, dict[str, Any]] = {}
    readings = set()
    for path in files:
        name = f"{path.stem}_expected.json" if path.suffix == ".json" else f"{path.stem}.json"
        beside = path.with_name(name)
        if beside in files and (reading := _reading(beside)) is not None:
            readings.add(beside)
            expected[path] = reading
    for path in sorted(files - readings):
        yield path, expected.get(path)


def _reading(path: Path) -> dict[str, Any] | None:
    """The expected reading that `path` holds, or None for JSON that is a feed in its own right."""
    try:
        found = json.loads(path.read_text())
    except ValueError:
        return None
    of_its_own = not isinstance(found, dict) or str(found.get("version", "")).startswith("http") or "rss" in found
    return None if of_its_own else found


def compare(expected: dict[str, Any], source: FeedDocument, items: list[Item]) -> Iterator[tuple[str, Any, Any]]:
    """Each field that the expected reading has, with what it expects and what was read."""
    rows = expected.get("items") or expected.get("entries") or []
    yield "entries", len(rows), len(items)
    if expected.get("title"):
        yield "feed title", _line(expected["title"]), _line(source.title)
    if expected.get("language"):
        yield "language", expected["language"].lower()[:2], source.lang
    if expected.get("ttl"):
        yield "ttl", float(expected["ttl"]) * 60, source.hints.ttl
    if expected.get("skipHours"):
        yield "skipHours", tuple(sorted(map(int, expected["skipHours"]))), source.hints.skip_hours
    if expected.get("skipDays"):
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        yield (
            "skipDays",
            tuple(sorted(days.index(day.lower()[:3]) for day in expected["skipDays"])),
            source.hints.skip_days,
        )
    for row, item in zip(rows, items, strict=False):
        yield from _compare_item(row, item)


def _compare_item(row: dict[str, Any], item: Item) -> Iterator[tuple[str, Any, Any]]:
    entry = item.entry
    if row.get("title"):
        yield "title", _line(row["title"]), _line(entry.title)
    if isinstance(row.get("link"), str):
        yield "link", absolute(URL, row["link"]), entry.url or None
    for name in ("publishedParsed", "pubDateParsed"):
        if row.get(name):
            yield "published", _second(row[name]), entry.published
    if row.get("updatedParsed"):
        yield "updated", _second(row["updatedParsed"]), entry.updated
    names = [one["name"] for one in row.get("authors") or [] if one.get("name")]
    if names:
        yield "authors", names, list(entry.authors)


def _second(text: str) -> datetime:
    """Dates are kept to the second."""
    return datetime.fromisoformat(text).replace(microsecond=0)


def _line(text: str) -> str:
    """Both sides without markup: gofeed keeps it in titles, here they are one line of plain text."""
    return plain(plain(text, markup=True), markup=True)


def run(folder: Path, parser: Parser) -> tuple[dict[str, Folder], list[tuple[float, str]], int, list[str]]:
    """Read everything; gives what became of it by folder, times in seconds, memory in KiB, and what escaped."""
    folders: dict[str, Folder] = {}
    times: list[tuple[float, str]] = []
    memory, escaped = 0, []
    for path, expected in feeds_of(folder):
        name = str(path.relative_to(folder))
        into = folders.setdefault(str(path.parent.relative_to(folder)), Folder())
        into.files += 1
        started = time.perf_counter()
        try:
            document, source, items, kib = parser.call("take", path.read_bytes())
        except FeedError as error:
            into.reasons[error.reason] += 1
            into.mismatches += (
                [f"{name}: {error}"] if expected and (expected.get("items") or expected.get("title")) else []
            )
            continue
        except SandboxError as error:
            into.reasons[f"parser-{error.reason}"] += 1
            if error.reason == "error":
                escaped.append(f"{name}: {error}")
            continue
        finally:
            times.append((time.perf_counter() - started, name))
        memory = max(memory, kib)
        into.read += 1
        into.entries += len(document.entries)
        into.mended += bool(source.problems)
        for what, wanted, got in compare(expected, source, items) if expected else ():
            into.compared += 1
            if wanted != got:
                into.mismatches.append(f"{name}: {what}: {wanted!r} expected, {got!r} read")
    return folders, times, memory, escaped


def show(folders: dict[str, Folder]) -> None:
    width = max(map(len, folders), default=10)
    columns = ("files", "read", "entries", "mended", "compared", "mismatches")
    print(f"{'folder':{width}} {' '.join(f'{name:>10}' for name in columns)}  refused")
    total = Folder()
    for name, one in [*sorted(folders.items()), ("all", total)]:
        figures = (one.files, one.read, one.entries, one.mended, one.compared, len(one.mismatches))
        refused = ", ".join(f"{count} {reason}" for reason, count in sorted(one.reasons.items()))
        print(f"{name:{width}} {' '.join(f'{figure:>10,}' for figure in figures)}  {refused}")
        for attribute in ("files", "read", "entries", "mended", "compared"):
            setattr(total, attribute, getattr(total, attribute) + getattr(one, attribute))
        total.reasons += one.reasons
        total.mismatches += one.mismatches


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--show", action="store_true", help="print each mismatch")
    options.add_argument("--seconds", type=float, default=5.0, help="time for one file")
    given = options.parse_args()
    if not given.folder.is_dir():
        options.error(f"{given.folder} is no folder")
    with Sandbox({"take": take}, seconds=given.seconds) as sandbox, sandbox.connect() as parser:
        folders, times, memory, escaped = run(given.folder, parser)
    show(folders)
    print(f"\n{len(times):,} files in {sum(seconds for seconds, _ in times):.1f} s (each read twice); slowest:")
    for seconds, name in sorted(times, reverse=True)[:5]:
        print(f"  {seconds * 1000:6.0f} ms  {name}")
    print(f"most memory of a child: {memory / 1024:.0f} MiB")
    if given.show:
        print("\n".join(["", *(line for one in folders.values() for line in one.mismatches)]))
    print("\n".join(["", "escaped:", *escaped]) if escaped else "no exception but FeedError")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
