"""Articles from outside the feeds, and what is made of them: `ingest`, `import`, `forget`, `extract`, `evaluate`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline import urls
from pipeline.errors import RejectedError, UsageError
from pipeline.ledger import forgotten
from pipeline.settings import load
from workers import forgetting, logs
from workers.cli import extracted
from workers.cli.common import AsJson, console, ledger, print_json, print_table
from workers.cli.ingesting import ingest
from workers.process import now


def register(app: typer.Typer) -> None:
    app.command()(ingest)
    app.command(name="import")(import_)
    app.command()(forget)
    app.command()(extract)
    app.command()(evaluate)


def import_(file: Annotated[Path, typer.Argument(metavar="FILE.jsonl")]) -> None:
    """Take articles whose text is known: one JSON object a line with id, url, source, lang, published, title, text."""
    from workers.evaluate import import_file

    with ledger() as (_, opened):
        new, known = import_file(opened, file)
    typer.echo(f"{new} articles taken, {known} known already")


def forget(
    targets: Annotated[list[str] | None, typer.Argument(metavar="[URL or ID...]")] = None,
    reason: Annotated[str, typer.Option(help="Why; kept and shown.")] = "",
    reprints: Annotated[bool, typer.Option("--reprints", help="Its reprints at other places, too.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Let it come in again.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="What was forgotten so far.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase articles' texts everywhere and keep them from coming back, under whatever URL."""
    if list_:
        _list_forgotten(as_json)
        return
    if not targets:
        raise UsageError("name the articles to forget by URL or id, or give --list")
    bad = [target for target in targets if not target.isdecimal() and not urls.is_http(target)]
    if bad:
        raise UsageError(f"{urls.mask(bad[0])} is neither an http or https URL nor an article's id; nothing was done")
    with ledger() as (_, opened):
        for target in targets:
            if undo:
                typer.echo(f"{urls.mask(target)}: {_undone(forgetting.undo(opened, target))}")
            else:
                outcome = forgetting.forget(opened, target, now(), reason=reason.strip(), reprints=reprints)
                for sentence in outcome.sentences():
                    typer.echo(f"{urls.mask(target)}: {sentence}")
        if not undo and not forgotten.scrub(opened):
            typer.echo(
                "the database's write-ahead log could not be emptied, since somebody reads all the time, so older "
                "versions of its pages are still on the disk; give the same command again later",
                err=True,
            )


def _undone(freed: int) -> str:
    if not freed:
        return "was not forgotten"
    return f"may come in again ({freed} names); its text is gone, `slugline ingest URL` fetches it anew"


def _list_forgotten(as_json: bool) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        rows, (names, owners) = forgotten.listing(tx, 1000), forgotten.count(tx)
    if as_json:
        print_json({"names": names, "articles": owners, "forgotten": rows})
        return
    shown = [(row["forgotten"], row["article"] or "", row["names"], row["reason"]) for row in rows]
    print_table(("when", "article", "names", "reason"), shown)
    console.print(f"{owners} articles under {names} names are kept away; of the names only hashes are kept")


def extract(
    file: Annotated[Path, typer.Argument(metavar="FILE.html")],
    url: Annotated[str, typer.Option(help="Where the page is from.")] = "https://example.com/article",
    timings: Annotated[bool, typer.Option("--timings", help="How long each step took.")] = False,
    as_json: AsJson = False,
) -> None:
    """What would be made of this page, field by field, with where each field came from."""
    from pipeline.articles import warm
    from workers.ingest import timed_article
    from workers.marks import Asked

    try:
        body = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}); give the path of a saved page") from error
    try:
        warm()  # else the first reading would be timed with all that it loads
        (page, _), took = timed_article(body, url, None, None, Asked(url=url))
    except RejectedError as error:
        raise RejectedError(f"{file} is no article ({error.reason}): {error}", reason=error.reason) from error
    if as_json:
        clock = {"timings_ms": extracted.rounded(took)} if timings else {}
        print_json({**extracted.fields(page), "sources": dict(page.sources), **clock})
        return
    extracted.show(page)
    if timings:
        extracted.show_timings(took)


def evaluate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.jsonl...")],
    as_json: AsJson = False,
    assignments: Annotated[bool, typer.Option("--assignments", help="Include each article's storyline.")] = False,
    settled: Annotated[
        bool, typer.Option("--settled/--online", help="Score where articles are after second thoughts, not at first.")
    ] = False,
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
    embedder = Embedder(settings.model, threads=os.cpu_count() or 1, runtime=settings.embed_runtime)
    results = []
    for file in files:
        result = evaluating.evaluate(file, embedder, settings, lambda line: typer.echo(line, err=True), settled=settled)
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
