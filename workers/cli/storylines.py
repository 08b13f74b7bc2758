"""`storylines` and `storyline`: what has been filed, and storylines declared beforehand."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.errors import UsageError
from pipeline.ledger import storylines as ledger_storylines
from pipeline.records import Storyline
from workers import declare as declaring
from workers import digest as digests
from workers.cli import changes, telling
from workers.cli.common import AsJson, ledger, print_json, print_table
from workers.meaning import Meaning
from workers.web import finding
from workers.web.finding import FOUND
from workers.web.queries import Filters

storylines = typer.Typer(help="Storylines: list them, declare one, correct them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    changes.register(storylines)
    app.add_typer(storylines, name="storylines")
    app.command(help="What a storyline is about, who covers it, and why each article is there.")(storyline)
    app.command()(search)


@storylines.command(name="list", help="Storylines, the one that changed last first.")
def list_(limit: Annotated[int, typer.Option(min=1, max=1000)] = 30, as_json: AsJson = False) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        found = ledger_storylines.listing(tx, limit=limit)
    if as_json:
        print_json([shown(one) for one in found])
        return
    rows = [
        (one.id, one.headline or one.title, one.articles, len(one.outlets), one.state, one.updated) for one in found
    ]
    print_table(("id", "storyline", "articles", "outlets", "state", "updated"), rows)


@storylines.command(help="Declare a storyline beforehand; coverage that belongs to it is filed there.")
def declare(
    title: Annotated[str, typer.Option(help="What it is called.")] = "",
    text: Annotated[Path | None, typer.Option(help="File with a paragraph or two of what it is about.")] = None,
    lang: Annotated[str, typer.Option(help="Language of title and text.")] = "en",
    toml: Annotated[Path | None, typer.Option("--file", help="TOML file with [[storyline]] tables instead.")] = None,
) -> None:
    if toml is not None:
        wanted = declaring.read(toml)
    elif title.strip() and text is not None:
        wanted = [{"title": title.strip(), "text": _read(text), "lang": lang}]
    else:
        raise UsageError("give --title and --text FILE, or --file FILE.toml")
    with ledger() as (_, opened):
        made = declaring.declare(opened, wanted)
    typer.echo(f"{len(made)} asked for, {len(wanted) - len(made)} there already; the clusterer opens them in turn")


def storyline(
    storyline_id: Annotated[int, typer.Argument(metavar="ID", max=2**63 - 1)],
    limit: Annotated[int, typer.Option("--articles", "--limit", min=0, help="Articles listed at the end.")] = 100,
    as_json: AsJson = False,
) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        found = ledger_storylines.one(tx, storyline_id)
        if found is None:
            raise UsageError(f"there is no storyline {storyline_id}; `slugline storylines list` shows the ids")
        told = digests.of(tx, found)
        coverage = ledger_storylines.coverage(tx, found.id, limit) if limit else []
    if as_json:
        print_json({**shown(found), "digest": asdict(told), "coverage": coverage})
        return
    telling.show(found, told, coverage)


def search(
    query: Annotated[list[str], typer.Argument(metavar="QUERY...", help="Words, or what it is about.")],
    limit: Annotated[int, typer.Option(min=1, max=FOUND)] = 10,
    lang: Annotated[str | None, typer.Option(help="Only storylines in this language.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those that are surging, developing, …")] = None,
    as_json: AsJson = False,
) -> None:
    """Find storylines by words and by meaning together, as the page and the API do."""
    question = " ".join(query).strip()
    if not question:
        raise UsageError("give words to look for, or say what it is about")
    with ledger() as (settings, opened):
        meaning = Meaning(opened, settings.model)
        found, trouble = finding.search(opened, meaning, question, limit, Filters(lang=lang, state=state))
    if trouble:
        typer.echo(f"slugline: by words alone, since {trouble}", err=True)
    if as_json:
        print_json(finding.told(found, trouble).model_dump(mode="json"))
        return
    rows = [
        (
            row["id"],
            row["headline"] or row["title"],
            row["articles"],
            row["state"],
            row["updated"],
            "words" if hit.words else "",
            "" if hit.likeness is None else f"{hit.likeness:.2f}",
        )
        for row, hit in found
    ]
    print_table(("id", "storyline", "articles", "state", "updated", "found by", "meaning"), rows)
    if not found:
        typer.echo("nothing matches; fewer words find more", err=True)


def shown(one: Storyline) -> dict[str, Any]:
    """A storyline as JSON."""
    return {
        "id": one.id,
        "headline": one.headline or one.title,
        "lead": one.lead,
        "state": one.state,
        "declared": one.declared,
        "articles": one.articles,
        "originals": one.originals,
        "outlets": list(one.outlets),
        "opened": one.opened,
        "first_article": one.first_article,
        "last_article": one.last_article,
        "updated": one.updated,
    }


def _read(path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); --text takes a text file in UTF-8") from error
    if not content:
        raise UsageError(f"{path} is empty; a storyline needs a paragraph of what it is about")
    return content
