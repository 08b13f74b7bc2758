"""Labelled articles through the clusterer that production runs, by way of a temporary ledger, and the scores."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import urls
from pipeline.articles import read_text
from pipeline.articles.page import DETECT_CHARS
from pipeline.embedding import Embedder
from pipeline.errors import InputError
from pipeline.ledger import Ledger, articles, coverage, open_ledger, work
from pipeline.records import Marks
from pipeline.settings import Settings
from pipeline.storylines import scores
from workers import marks
from workers.clusterer import Clusterer
from workers.embed import embed_articles
from workers.process import now

TEXTS = ("title", "text", "url", "source", "lang")  # fields that are text where they are given at all
LINES_AT_ONCE = 500
EMBED_AT_ONCE = 256  # sorted by length inside the model call, so that little is padded


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The articles of a JSON Lines file (`id, url, source, lang, published, title, text`), made ready for import.

    A bare date in `published` is midnight UTC. Raises InputError naming file and line when a line cannot be used.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _row(line, f"{path}, line {number}")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is no JSON in UTF-8 ({error})") from error
    if not isinstance(row, dict):
        raise InputError(f"{where} is no JSON object")
    if isinstance(row.get("id"), bool) or not isinstance(row.get("id"), str | int) or row["id"] == "":
        raise InputError(f"{where} lacks 'id'; each line needs at least id, title and text")
    for name in TEXTS:
        if not isinstance(row.get(name), str | None):
            raise InputError(f"{where}: {name!r} is {row[name]!r:.40}, it must be text")
        row[name] = _storable(row.get(name) or "")
    if not row["title"].strip():
        raise InputError(f"{where} lacks 'title'; each line needs at least id, title and text")
    row["id"], row["lang"] = _storable(str(row["id"])), row["lang"] or None
    row["published"] = _time(row.get("published"), where)
    return row


def _storable(text: str) -> str:
    """Without what a database refuses: NUL, and halves of surrogate pairs, both of which JSON can spell."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _time(stamp: Any, where: str) -> datetime | None:
    if stamp is None or stamp == "":
        return None
    try:
        moment = datetime.fromisoformat(str(stamp))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where}: published {stamp!r} is no ISO 8601 time") from error


def import_file(ledger: Ledger, path: Path) -> tuple[int, int]:
    """Take a file's articles into the ledger as fetched ones. Returns how many are new and how many were known.

    Raises InputError on a line that cannot be used, before anything is taken (a pipe cannot be read twice: of that,
    what came before the line stays).
    """
    if path.is_file():
        deque(read_lines(path), maxlen=0)
    new = known = 0
    for part in articles.chunks(read_lines(path), LINES_AT_ONCE):
        rows = [row if row["lang"] else row | {"lang": _language(row)} for row in part]
        marked = [(row, _marks(row)) for row in rows]
        with ledger.write() as tx:
            made = [articles.import_text(tx, row, now(), of_it.signature, of_it.features) for row, of_it in marked]
        new += sum(one is not None for one in made)
        known += sum(one is None for one in made)
    return new, known


def _language(row: Mapping[str, Any]) -> str | None:
    """The language of a text of which it is not said: a vector counts by what is ordinary in its language."""
    return read_text(row["text"][:DETECT_CHARS], title=row["title"]).lang


def _marks(row: Mapping[str, Any]) -> Marks:
    outlet, url = row.get("source") or "", articles.import_url(row)
    return marks.of_text(row["title"], row["text"], lang=row.get("lang"), outlet=outlet, url=url)


def evaluate(
    path: Path, embedder: Embedder, settings: Settings, progress: Callable[[str], None], *, settled: bool = False
) -> dict[str, Any]:
    """Scores of one labelled file (`story` is the label); `stories` holds the storyline of every article.

    The articles go in file order through the ledger and the clusterer that production runs; nothing is known of later
    lines. What counts is where each was filed at first, or, if `settled`, where it is when no second thought is left.
    A line whose URL came before is one more sighting of that article, and stands where that one was filed. Raises
    InputError when a line has no label or an id comes twice.
    """
    gold, sightings = _labels(path)
    with tempfile.TemporaryDirectory(prefix="slugline-evaluate-") as folder:
        ledger = open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True)
        try:
            import_file(ledger, path)
            progress(f"{path.name}: embedding {len(gold)} articles")
            _embed_all(ledger, embedder, settings)
            progress(f"{path.name}: filing")
            clusterer = Clusterer(ledger, embedder.version, batch=settings.file_batch)
            began = time.perf_counter()
            while clusterer.step(now()):
                pass
            seconds = time.perf_counter() - began
            while settled and not clusterer.settled:
                clusterer.step(now())
            with ledger.read() as tx:
                found = coverage.assignments(tx, first=not settled)
        finally:
            ledger.close()
    found |= {key: found[first] for key, first in sightings.items() if first in found}
    missing = [key for key in gold if key not in found]
    if missing:
        raise InputError(f"{path}: {len(missing)} articles could not be filed, the first is {missing[0]}")
    result = score(gold, found)
    latencies = np.array(clusterer.latencies) * 1000
    speed = {
        "articles_per_second": round(len(gold) / seconds, 1),
        "p99_ms": round(float(np.percentile(latencies, 99)), 2),
    }
    how = {"assignment": "settled" if settled else "online"}
    return {"file": str(path), **how, **result, **speed, "stories": {key: found[key] for key in gold}}


def score(gold: Mapping[str, str], found: Mapping[str, int]) -> dict[str, Any]:
    """The scores of an assignment against labels, over the articles that have a label."""
    keys = list(gold)
    truth, made = [gold[key] for key in keys], [found[key] for key in keys]
    return {
        "documents": len(keys),
        "gold": len(set(truth)),
        "found": len(set(made)),
        "largest": scores.largest(made),
        "bcubed": _plain(scores.bcubed(truth, made)),
        "pairwise": _plain(scores.pairwise(truth, made)),
        "ami": round(scores.ami(truth, made), 4),
        "ari": round(scores.ari(truth, made), 4),
    }


def mean(results: list[dict[str, Any]]) -> dict[str, float]:
    """Mean F1 over files, each file counting once."""
    return {
        f"{name}_f1": round(sum(result[name]["f1"] for result in results) / len(results), 4)
        for name in ("bcubed", "pairwise")
    }


def _plain(found: scores.Score) -> dict[str, float]:
    return {"precision": round(found.precision, 4), "recall": round(found.recall, 4), "f1": round(found.f1, 4)}


def _labels(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The label of each id, and for ids whose URL came before, the id that had it first."""
    gold: dict[str, str] = {}
    first: dict[str, str] = {}
    sightings: dict[str, str] = {}
    for row in read_lines(path):
        key, url = row["id"], row["url"]
        if row.get("story") in (None, ""):
            raise InputError(f"{path}: article {key} has no label `story`; evaluate needs labelled articles")
        if key in gold:
            raise InputError(f"{path}: the id {key} comes twice")
        gold[key] = str(row["story"])
        if url:
            known = first.setdefault(urls.key(url) if urls.is_http(url) else url, key)
            if known != key:
                sightings[key] = known
    if not gold:
        raise InputError(f"{path} holds no articles")
    return gold, sightings


def _embed_all(ledger: Ledger, embedder: Embedder, settings: Settings) -> None:
    job = f"evaluate-{os.getpid()}"
    while True:
        with ledger.write() as tx:
            due = work.due_for_embed(tx, now(), EMBED_AT_ONCE)
            work.hand_out(tx, due, job, now())
        if not due:
            return
        embed_articles(settings, ledger, embedder, job, due)
