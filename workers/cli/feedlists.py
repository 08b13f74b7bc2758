"""Lists of feeds: `feeds import`, `feeds export` and `feeds discover`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import UsageError
from pipeline.feeds import opml
from pipeline.feeds.discover import Found
from pipeline.ledger import Ledger, feed_list
from pipeline.ledger import feeds as ledger_feeds
from pipeline.ledger.feed_list import NewFeed
from pipeline.settings import load
from pipeline.urls import mask
from workers.cli.common import AsJson, ledger, print_json, print_table
from workers.process import now

MANY = 5  # feeds that are added without asking again; more are rarely what somebody meant
ADD = "best, all, or numbers such as 1,3"


def import_(
    file: Annotated[Path, typer.Argument(help="OPML, or a list of URLs, one a line.")],
) -> None:
    """Add the feeds of an OPML file, or of a list of URLs; folders become tags."""
    outlines, problems = read_opml(file)
    with ledger() as (_, opened), opened.write() as tx:
        added = feed_list.add_many(tx, (NewFeed(one.url, one.title, one.tags) for one in outlines), now())
    for problem in problems:
        typer.echo(problem, err=True)
    typer.echo(f"{len(added.new)} feeds added, {len(added.known)} there already, {len(problems)} remarks")


def export(
    with_credentials: Annotated[
        bool, typer.Option("--with-credentials", help="Write user names, passwords and tokens of URLs as well.")
    ] = False,
) -> None:
    """Print all feeds as OPML, tags as folders; credentials are masked unless asked for."""
    with ledger() as (_, opened), opened.read() as tx:
        known = ledger_feeds.every(tx)
    typer.echo(opml.write(known, title="Slugline", credentials=with_credentials))
    hidden = 0 if with_credentials else opml.masked(known)
    if hidden:
        typer.echo(
            f"the credentials of {hidden} feed{'s' * (hidden > 1)} are masked, which cannot be imported again; "
            "export with --with-credentials to keep them",
            err=True,
        )


def discover(
    address: Annotated[str, typer.Argument(metavar="URL", help="A page of the site, or its name.")],
    add: Annotated[str, typer.Option(metavar="best|all|N,M", help="Which of them to add.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A tag for what is added; may be repeated.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Add many without asking again.")] = False,
    guess: Annotated[
        bool, typer.Option("--guess", help="Try the usual places even where the site names feeds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for the feeds of a site: each is fetched and read; then say which to add."""
    from workers import discover as search

    settings = load()
    with search.sandbox(settings) as sandbox, ledger() as (_, opened):
        result = search.discover(settings, opened, sandbox, address, guess=guess)
        known = _known(opened, result.feeds)
        if not as_json:
            _print_found(result, known)
        asks = not add and not as_json and sys.stdin.isatty() and sys.stdout.isatty()
        if asks:
            add = typer.prompt(f"add which? ({ADD}; nothing: none)", default="", show_default=False)
        wanted = _chosen(result.feeds, add)
        if len(wanted) > MANY and not yes:
            _confirm(len(wanted), asks=asks)
        new = [NewFeed(one.url, one.title, tuple(tag or ())) for one in wanted]
        with opened.write() as tx:
            added = feed_list.add_many(tx, new, now())
    if as_json:
        rows = [_json(one, known.get(one.url) or added.new.get(one.url)) for one in result.feeds]
        print_json({"url": mask(result.url), "feeds": rows, "added": len(added.new), "not_looked_at": result.left})
        return
    for one in wanted:
        typer.echo(f"{'added' if one.url in added.new else 'there already'}: {mask(one.url)}")


def read_opml(path: Path) -> tuple[list[opml.Outline], list[str]]:
    """The feeds of an OPML file, or of a list of URLs, and what had to be left out. Raises UsageError or OpmlError
    naming the file."""
    try:
        with path.open("rb") as file:
            content = file.read(opml.MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); give the path of an OPML file") from error
    return opml.read_any(content, source=str(path))


def _known(opened: Ledger, found: list[Found]) -> dict[str, int]:
    """The ids of those that are in the ledger already."""
    with opened.read() as tx:
        feeds = {one.url: ledger_feeds.find(tx, one.url) for one in found}
    return {url: feed.id for url, feed in feeds.items() if feed is not None}


def _print_found(result: object, known: dict[str, int]) -> None:
    from workers.discover import Search

    assert isinstance(result, Search)
    rows = [
        (
            number,
            mask(one.url),
            one.title,
            one.format + (", comments" if one.comments else ""),
            one.entries,
            one.newest,
            f"{one.per_day:.1f}",
            _remark(one, known),
        )
        for number, one in enumerate(result.feeds, start=1)
    ]
    print_table(("", "feed", "title", "format", "entries", "newest", "a day", "remarks"), rows)
    for url, reason in result.failed:
        typer.echo(f"no feed: {mask(url)}: {mask(reason)}", err=True)
    if result.left:
        typer.echo(f"{result.left} more were named and not looked at", err=True)


def _remark(one: Found, known: dict[str, int]) -> str:
    parts = [str(one.source)]
    if one.url in known:
        parts.append(f"there already as {known[one.url]}")
    if one.stale:
        parts.append("nothing new for half a year")
    if one.same_as:
        parts.append(f"same as {', '.join(map(mask, one.same_as))}")
    return "; ".join(parts)


def _chosen(found: list[Found], add: str) -> list[Found]:
    """What was asked for. Raises UsageError for what is none of the answers."""
    wish = add.strip().lower()
    if wish in ("", "none", "nothing", "no", "n"):
        return []
    if wish == "all":
        return found
    if wish in ("best", "yes", "y"):
        return found[:1]
    numbers = [part.strip() for part in wish.split(",") if part.strip()]
    wrong = [part for part in numbers if not (part.isdecimal() and 1 <= int(part[:9]) <= len(found))]
    if wrong or not numbers:
        raise UsageError(f"{add!r} chooses nothing of 1 to {len(found)}; give {ADD}")
    return [found[int(number) - 1] for number in dict.fromkeys(numbers)]


def _confirm(count: int, *, asks: bool) -> None:
    """Raises UsageError when there is nobody to ask."""
    if not asks and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{count} feeds would be added; give --yes as well, or choose some of them with --add 1,2")
    typer.confirm(f"add {count} feeds?", abort=True, err=True)


def _json(one: Found, feed_id: int | None) -> dict[str, object]:
    names = ("source", "format", "title", "entries", "newest", "comments", "stale")
    return {
        "url": mask(one.url),
        **{name: getattr(one, name) for name in names},
        "per_day": round(one.per_day, 2),
        "same_as": [mask(url) for url in one.same_as],
        "feed": feed_id,
    }
