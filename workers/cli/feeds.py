"""`feeds`: the list of what is polled."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from pipeline import urls
from pipeline.errors import FetchError, InputError, UsageError
from pipeline.feeds.addresses import feed_url
from pipeline.feeds.words import often, spell
from pipeline.ledger import feed_list, subscriptions
from pipeline.ledger import feeds as ledger_feeds
from pipeline.ledger.feed_list import Choice, NewFeed
from pipeline.records import Feed, FeedState, Subscription
from pipeline.settings import Settings
from workers import feedview
from workers.cli import feedlists
from workers.cli.common import AsJson, ledger, print_json, print_table
from workers.process import now

feeds = typer.Typer(help="The feeds that are polled.", no_args_is_help=True)
Reference = Annotated[str, typer.Argument(metavar="ID|URL", help="Id or URL of the feed.")]


def register(app: typer.Typer) -> None:
    for name in ("import", "export", "discover"):
        feeds.command(name=name)(getattr(feedlists, f"{name}_" if name == "import" else name))
    app.add_typer(feeds, name="feeds")


@feeds.command(help="Add feeds by URL; they are polled at once.")
def add(
    addresses: Annotated[list[str], typer.Argument(metavar="URL...")],
    tag: Annotated[list[str] | None, typer.Option(help="A tag for all of them; may be repeated.")] = None,
) -> None:
    try:
        wanted = [feed_url(address) for address in addresses]
    except InputError as error:
        raise UsageError(f"{error}; nothing was added") from error
    with ledger() as (settings, opened):
        for url in wanted:
            _refuse_blocked(settings, url)
        with opened.write() as tx:
            added = feed_list.add_many(tx, [NewFeed(url, tags=tuple(tag or ())) for url in wanted], now())
    for url in wanted:
        typer.echo(f"{'added' if url in added.new else 'there already'}: {urls.mask(url)}")
    if any(_is_site(url) for url in added.new):
        typer.echo("an address of a web page? `slugline feeds discover URL` finds its feeds", err=True)


@feeds.command(name="list", help="All feeds: state, last success, next poll and why, trouble in words.")
def list_(
    state: Annotated[FeedState | None, typer.Option(help="Only those in this state.")] = None,
    trouble: Annotated[
        bool, typer.Option("--trouble", help="Only those whose last poll failed, or that are gone.")
    ] = False,
    silent: Annotated[bool, typer.Option("--silent", help="Only those silent against their own rhythm.")] = False,
    tag: Annotated[str, typer.Option(help="Only those with this tag.")] = "",
    as_json: AsJson = False,
) -> None:
    choice = Choice(state=state, trouble=trouble, silent=silent, tag=tag)
    with ledger() as (_, opened), opened.read() as tx:
        known = feed_list.chosen(tx, choice)
        hubs = feed_list.hubs(tx, [feed.id for feed in known]) if as_json else {}
    moment = now()
    if as_json:
        print_json([feedview.view(feed, hubs.get(feed.id), moment) for feed in known])
        return
    columns = ("id", "feed", "state", "last success", "next poll", "a day", "why, or what is wrong")
    print_table(columns, [_row(feed, moment) for feed in known])


@feeds.command(help="Everything that is known of one feed.")
def show(reference: Reference, as_json: AsJson = False) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        feed = _find(ledger_feeds.find(tx, reference), reference)
        hub, held = feed_list.hubs(tx, [feed.id]).get(feed.id), subscriptions.of_feed(tx, feed.id)
    moment = now()
    if as_json:
        print_json(feedview.view(feed, hub, moment))
        return
    print_table(("", ""), [row for row in _lines(feed, held, moment) if row[1] not in ("", None)])


@feeds.command(help="Forget a feed; its articles stay.")
def remove(reference: Reference) -> None:
    with ledger() as (_, opened), opened.write() as tx:
        feed = _find(ledger_feeds.find(tx, reference), reference)
        ledger_feeds.remove(tx, feed.id, now())
    typer.echo(f"removed: {urls.mask(feed.url)}")


@feeds.command(help="Stop polling a feed.")
def pause(reference: Reference) -> None:
    _set(reference, FeedState.PAUSED)


@feeds.command(help="Poll a paused or gone feed again, at once.")
def resume(reference: Reference) -> None:
    _set(reference, FeedState.ACTIVE)


@feeds.command(help="Poll a feed now, whatever its schedule says.")
def poll(reference: Reference) -> None:
    with ledger() as (_, opened), opened.write() as tx:
        feed = _find(ledger_feeds.find(tx, reference), reference)
        due = feed_list.make_due(tx, feed.id, now())
    if not due:
        raise UsageError(f"feed {feed.id} is {feed.state}; `slugline feeds resume {feed.id}` polls it again")
    typer.echo(f"due now: {urls.mask(feed.url)}")


def _refuse_blocked(settings: Settings, url: str) -> None:
    try:
        settings.block_list.refuse(url)
    except FetchError as error:
        raise UsageError(f"{error}; nothing was added") from error


def _row(feed: Feed, moment: datetime) -> tuple[Any, ...]:
    standing = feedview.standing(feed)
    return (
        feed.id,
        feed.title or urls.mask(feed.url),
        f"failing ×{feed.failures}" if standing == "failing" else standing,
        feed.last_success,
        feed.due if feed.state == FeedState.ACTIVE else None,
        f"{feed.entries_per_day:.1f}",
        feedview.why(feed, moment),
    )


def _lines(feed: Feed, held: Subscription | None, moment: datetime) -> list[tuple[str, Any]]:
    shown = feedview.view(feed, None, moment)
    moved = f"{shown['moved_to']} (seen {feed.moved_seen} times)" if feed.moved_to else ""
    return [
        ("feed", f"{feed.id}: {feed.title}"),
        ("URL", shown["url"]),
        ("state", f"{feed.state}, {shown['standing']}"),
        ("format", feed.format),
        ("tags", ", ".join(feed.tags)),
        ("trouble", shown["error"]),
        ("failed polls in a row", feed.failures or ""),
        ("last success", feed.last_success),
        ("last polled", feed.last_polled),
        ("last new entry", feed.last_new),
        ("next poll", feed.due if feed.state == FeedState.ACTIVE else ""),
        ("why then", shown["due_reason"]),
        ("interval", spell(feed.interval) if feed.interval else ""),
        ("rate", often(feed.entries_per_day)),
        ("silence", shown["silence"]),
        ("moves to", moved),
        ("WebSub", feedview.websub(feed, held, moment)),
        *(("in its last body", problem) for problem in shown["problems"]),
        *((f"pace: {name}", value) for name, value in shown["pace"].items()),
        *((f"it asks: {name}", value) for name, value in shown["hints"].items()),
        ("added", feed.created),
    ]


def _find(feed: Feed | None, reference: str) -> Feed:
    if feed is None:
        raise UsageError(f"there is no feed {urls.mask(reference)}; `slugline feeds list` shows ids and URLs")
    return feed


def _is_site(url: str) -> bool:
    """Whether this is the address of a host only, which is a page as a rule."""
    return url.split("://", 1)[-1].partition("?")[0].partition("/")[2] == ""


def _set(reference: str, state: FeedState) -> None:
    with ledger() as (_, opened), opened.write() as tx:
        feed = _find(ledger_feeds.find(tx, reference), reference)
        ledger_feeds.set_state(tx, feed.id, state, now())
    typer.echo(f"{state}: {urls.mask(feed.url)}")
