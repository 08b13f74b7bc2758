"""Articles from outside the feeds, and what is made of them: `ingest`, `import`, `extract`, `evaluate`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import urls
from pipeline.errors import RejectedError, UsageError
from pipeline.ledger import articles
from pipeline.settings import load
from workers import logs
from workers.cli.common import AsJson, console, ledger, print_json, print_table
from workers.process import now


def register(app: typer.Typer) -> None:
    app.command()(ingest)
    app.command(name="import")(import_)
    app.command()(extract)
    app.command()(evaluate)


def ingest(addresses: Annotated[list[str], typer.Argument(metavar="URL...")]) -> None:
    """Fetch these article URLs; a running Slugline takes them up within a second."""
    bad = [address for address in addresses if not urls.is_http(address)]
    if bad:
        raise UsageError(f"{urls.mask(bad[0])} is no http or https URL; nothing was taken")
    with ledger() as (_, opened), opened.write() as tx:
        for address in addresses:
            article, new = articles.record_url(tx, address, now())
            typer.echo(f"{article}: {'queued' if new else 'known already'}: {urls.mask(address)}")


def import_(file: Annotated[Path, typer.Argument(metavar="FILE.jsonl")]) -> None:
    """Take articles whose text is known: one JSON object a line with id, url, source, lang, published, title, text."""
    from workers.evaluate import import_file

    with ledger() as (_, opened):
        new, known = import_file(opened, file)
    typer.echo(f"{new} articles taken, {known} known already")


def extract(
    file: Annotated[Path, typer.Argument(metavar="FILE.html")],
    url: Annotated[str, typer.Option(help="Where the page is from.")] = "https://example.com/article",
    as_json: AsJson = False,
) -> None:
    """What would be made of this page, field by field, with where each field came from."""
    from pipeline.articles import read_page

    try:
        body = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}); give the path of a saved page") from error
    try:
        page = read_page(body, url=url)
    except RejectedError as error:
        raise RejectedError(f"{file} is no article ({error.reason}): {error}", reason=error.reason) from error
    fields: dict[str, Any] = {
        "title": page.title,
        "authors": list(page.authors),
        "published": page.published,
        "modified": page.modified,
        "lang": page.lang,
        "outlet": page.outlet,
        "canonical_url": page.canonical_url,
        "image_url": page.image_url,
        "lead": page.lead,
        "text": page.text,
    }
    if as_json:
        print_json({**fields, "sources": dict(page.sources)})
        return
    shown = [(name, _words(value), page.sources.get(name, "")) for name, value in fields.items() if name != "text"]
    print_table(("field", "value", "from"), shown)
    console.print()
    console.print(page.text, markup=False, highlight=False)


def evaluate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.jsonl...")],
    as_json: AsJson = False,
    assignments: Annotated[bool, typer.Option("--assignments", help="Include each article's storyline.")] = False,
) -> None:
    """Run labelled articles through the clusterer that production runs, and score where they were filed.

    BCubed and pairwise precision, recall and F1, AMI, ARI, the largest storyline, articles a second, p99 in
    milliseconds. Each line needs id, title, text and the label `story`.
    """
    from pipeline.embedding import Embedder
    from workers import evaluate as evaluating

    missing = [file for file in files if not file.is_file()]
    if missing:
        raise UsageError(f"{missing[0]} is no file")
    settings = load(log_level="warning")
    logs.configure(settings, "evaluate")
    embedder = Embedder(settings.model, threads=os.cpu_count() or 1)
    results = []
    for file in files:
        result = evaluating.evaluate(file, embedder, settings, lambda line: typer.echo(line, err=True))
        if not assignments:
            del result["stories"]
        results.append(result)
    if as_json:
        print_json({"files": results, "mean": evaluating.mean(results)})
        return
    rows = [
        (
            Path(one["file"]).name,
            one["documents"],
            one["gold"],
            one["found"],
            one["largest"],
            "{precision:.3f}/{recall:.3f}/{f1:.3f}".format(**one["bcubed"]),
            "{precision:.3f}/{recall:.3f}/{f1:.3f}".format(**one["pairwise"]),
            f"{one['ami']:.3f}",
            f"{one['ari']:.3f}",
            one["articles_per_second"],
            one["p99_ms"],
        )
        for one in results
    ]
    columns = ("file", "articles", "stories", "found", "largest", "BCubed P/R/F1", "pairwise P/R/F1", "AMI", "ARI")
    print_table((*columns, "articles/s", "p99 ms"), rows)
    mean = evaluating.mean(results)
    console.print(f"mean BCubed F1 {mean['bcubed_f1']:.3f}, mean pairwise F1 {mean['pairwise_f1']:.3f}")


def _words(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
