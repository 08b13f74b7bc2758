"""`storylines` and `storyline`: what has been filed, and storylines declared beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.errors import UsageError
from pipeline.ledger import storylines as ledger_storylines
from pipeline.records import Storyline
from workers import declare as declaring
from workers.cli import changes
from workers.cli.common import AsJson, console, ledger, print_json, print_table

storylines = typer.Typer(help="Storylines: list them, declare one, correct them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    changes.register(storylines)
    app.add_typer(storylines, name="storylines")
    app.command(help="One storyline, its coverage, and why each article is there.")(storyline)


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
    limit: Annotated[int, typer.Option(min=1)] = 100,
    as_json: AsJson = False,
) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        found = ledger_storylines.one(tx, storyline_id)
        if found is None:
            raise UsageError(f"there is no storyline {storyline_id}; `slugline storylines list` shows the ids")
        coverage = ledger_storylines.coverage(tx, found.id, limit)
    if as_json:
        print_json({**shown(found), "coverage": coverage})
        return
    console.print(f"[bold]{found.id}[/]  ", end="")
    console.print(found.headline or found.title, markup=False, style="bold")
    console.print(
        f"{found.articles} articles ({found.originals} original) of {len(found.outlets)} outlets, {found.state}"
    )
    rows = [(one["published"] or one["seen"], one["outlet"], one["title"], _why(one)) for one in coverage]
    print_table(("when", "outlet", "title", "why here"), rows)


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


def _why(article: dict[str, Any]) -> str:
    why = article["why"]
    if article["kind"] == "duplicate":
        return f"reprint of {article['original_id']} ({why['score']:.0%} of the text)"
    if why["storyline"] is None:
        return "opened it"
    strongest = sorted(why["evidence"], key=lambda one: -abs(one["contribution"]))[:3]
    reasons = ", ".join(f"{one['name']} {one['contribution']:+.2f}" for one in strongest)
    return f"{why['score']:.2f} of {why['threshold']:.2f}: {reasons}"
