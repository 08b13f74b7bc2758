"""`feeds`: the list of what is polled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline import urls
from pipeline.errors import UsageError
from pipeline.feeds import opml
from pipeline.ledger import feeds as ledger_feeds
from pipeline.records import Feed, FeedState
from workers.cli.common import AsJson, ledger, print_json, print_table
from workers.process import now

feeds = typer.Typer(help="The feeds that are polled.", no_args_is_help=True)
Reference = Annotated[str, typer.Argument(help="Id or URL of the feed.")]


def register(app: typer.Typer) -> None:
    app.add_typer(feeds, name="feeds")


@feeds.command(help="Add feeds by URL; they are polled at once.")
def add(addresses: Annotated[list[str], typer.Argument(metavar="URL...")]) -> None:
    bad = [address for address in addresses if not urls.is_http(address)]
    if bad:
        raise UsageError(f"{urls.mask(bad[0])} is no http or https URL; nothing was added")
    with ledger() as (_, opened), opened.write() as tx:
        for address in addresses:
            made = ledger_feeds.add(tx, address, now())
            typer.echo(f"{'added' if made else 'there already'}: {urls.mask(address)}")


@feeds.command(name="list", help="All feeds: state, last success, next poll and why, trouble in words.")
def list_(as_json: AsJson = False) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        known = ledger_feeds.every(tx)
    if as_json:
        print_json([shown(feed) for feed in known])
        return
    rows = [
        (
            feed.id,
            feed.title or urls.mask(feed.url),
            feed.state,
            feed.last_success,
            feed.due,
            feed.error or feed.due_reason,
        )
        for feed in known
    ]
    print_table(("id", "feed", "state", "last success", "next poll", "why, or what is wrong"), rows)


@feeds.command(name="import", help="Add the feeds of an OPML file; folders become tags.")
def import_(file: Path) -> None:
    outlines, problems = read_opml(file)
    with ledger() as (_, opened), opened.write() as tx:
        made = [ledger_feeds.add(tx, one.url, now(), title=one.title, tags=one.tags) for one in outlines]
    for problem in problems:
        typer.echo(f"left out: {problem}", err=True)
    new = sum(one is not None for one in made)
    typer.echo(f"{new} feeds added, {len(made) - new} there already, {len(problems)} left out")


@feeds.command(help="Print all feeds as OPML.")
def export() -> None:
    with ledger() as (_, opened), opened.read() as tx:
        known = ledger_feeds.every(tx)
    typer.echo(opml.write(known, title="Slugline"))


@feeds.command(help="Forget a feed; its articles stay.")
def remove(reference: Reference) -> None:
    with ledger() as (_, opened), opened.write() as tx:
        feed = _find(ledger_feeds.find(tx, reference), reference)
        ledger_feeds.remove(tx, feed.id)
    typer.echo(f"removed: {urls.mask(feed.url)}")


@feeds.command(help="Stop polling a feed.")
def pause(reference: Reference) -> None:
    _set(reference, FeedState.PAUSED)


@feeds.command(help="Poll a paused or gone feed again, at once.")
def resume(reference: Reference) -> None:
    _set(reference, FeedState.ACTIVE)


def read_opml(path: Path) -> tuple[list[opml.Outline], list[str]]:
    """The feeds of an OPML file and what had to be left out. Raises UsageError or OpmlError naming the file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); give the path of an OPML file") from error
    return opml.read(content, source=str(path))


def shown(feed: Feed) -> dict[str, object]:
    """A feed as JSON, its credentials masked."""
    return {
        "id": feed.id,
        "url": urls.mask(feed.url),
        "title": feed.title,
        "tags": list(feed.tags),
        "state": str(feed.state),
        "last_polled": feed.last_polled,
        "last_success": feed.last_success,
        "last_new": feed.last_new,
        "due": feed.due,
        "due_reason": feed.due_reason,
        "failures": feed.failures,
        "error": feed.error,
    }


def _find(feed: Feed | None, reference: str) -> Feed:
    if feed is None:
        raise UsageError(f"there is no feed {urls.mask(reference)}; `slugline feeds list` shows ids and URLs")
    return feed


def _set(reference: str, state: FeedState) -> None:
    with ledger() as (_, opened), opened.write() as tx:
        feed = _find(ledger_feeds.find(tx, reference), reference)
        ledger_feeds.set_state(tx, feed.id, state, now())
    typer.echo(f"{state}: {urls.mask(feed.url)}")
