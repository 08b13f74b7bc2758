"""The event log at the terminal: `events tail` and `events replay`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

import typer

from pipeline.alerts.delivery import wanted
from pipeline.alerts.events import DECLARED, SOURCE, envelope
from pipeline.errors import LedgerError, UsageError
from pipeline.ledger import Ledger, events, sinks
from pipeline.records import Event
from pipeline.settings import Settings
from workers.cli.common import AsJson, ledger, plain, print_json

NEWEST = 20
BATCH = 500
LOOK_SECONDS = 0.25  # between looks for news, as the relay has between its own
AWAY_SECONDS = 1.0  # between looks while the ledger is away

commands = typer.Typer(help="The event log.", no_args_is_help=True)
Types = Annotated[list[str] | None, typer.Option("--type", help="Only events of this type; may be repeated.")]


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="events")


@commands.command(help="The newest events; with --follow, then those that happen.")
def tail(
    limit: Annotated[int, typer.Option("-n", min=0, help="How many of the newest.")] = NEWEST,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    after: Annotated[str | None, typer.Option("--after", help="Position or id: all behind it, instead of -n.")] = None,
    types: Types = None,
    as_json: AsJson = False,
) -> None:
    chosen = _known(types)
    with ledger() as (settings, opened):
        show = _Printer(settings, as_json)
        if after is None:
            with opened.read() as tx:
                position = events.last_position(tx)
                newest = events.latest(tx, limit, types=chosen)
            for one in newest:
                show(one)
        else:
            position = _position(opened, after)
        for one in _behind(opened, position, chosen):
            position = one.position or position
            show(one)
        if follow:
            _follow(opened, position, chosen, show)


def _follow(opened: Ledger, position: int, types: list[str], show: _Printer) -> None:
    """Show what happens behind a position, without end. While the ledger is away it is waited for, and said once."""
    away = False
    while True:
        time.sleep(AWAY_SECONDS if away else LOOK_SECONDS)
        try:
            for one in _behind(opened, position, types):
                position = one.position or position
                show(one)
        except LedgerError as error:
            if not away:
                typer.echo(f"slugline: {error}; waiting for it", err=True)
            away = True
            continue
        away = False


@commands.command(help="Published events behind a position or an event's id, in order, up to now.")
def replay(
    after: Annotated[str, typer.Option("--after", help="Position or id of the last event that was seen.")] = "0",
    limit: Annotated[int | None, typer.Option("-n", min=1, help="No more than so many.")] = None,
    types: Types = None,
    sink: Annotated[str | None, typer.Option("--sink", help="Tell this sink once more, instead of printing.")] = None,
    as_json: AsJson = False,
) -> None:
    chosen = _known(types)
    if sink is not None:
        if chosen or limit is not None:
            raise UsageError("--sink goes without -n and --type: a sink is told of what its own types choose")
        with ledger() as (_, opened):
            position = _position(opened, after)
            with opened.write() as tx:
                sinks.rewind(tx, sinks.need(tx, sink), position, wanted)
        typer.echo(f"{sink} is told once more of what lies behind {after}, under the same ids")
        return
    with ledger() as (settings, opened):
        show = _Printer(settings, as_json)
        for one in _behind(opened, _position(opened, after), chosen, limit):
            show(one)


class _Printer:
    """Prints events one a line: as CloudEvents, or in columns under a heading."""

    def __init__(self, settings: Settings, as_json: bool) -> None:
        self._source = settings.public_url or SOURCE
        self._json = as_json
        self._headed = False

    def __call__(self, one: Event) -> None:
        if self._json:
            print_json(envelope(one, self._source))
            return
        if not self._headed:
            typer.echo(_line("position", "time", "type", "subject", "about"))
            self._headed = True
        typer.echo(_line(str(one.position), f"{one.time:%Y-%m-%d %H:%M:%S}", one.type, one.subject, _about(one)))


def _line(position: str, when: str, type_: str, subject: str, about: str) -> str:
    return f"{position:>8}  {when:<19}  {type_:<20}  {subject:<16}  {about}".rstrip()


def _about(one: Event) -> str:
    data = one.data
    article, storyline, feed = (data.get(name) or {} for name in ("article", "storyline", "feed"))
    return plain(str(article.get("title") or storyline.get("headline") or data.get("error") or feed.get("url") or ""))


def _behind(opened: Ledger, position: int, types: list[str], limit: int | None = None) -> Iterator[Event]:
    """Events behind a position up to the present end of the log, read in parts."""
    left = limit
    while left is None or left > 0:
        size = BATCH if left is None else min(left, BATCH)
        with opened.read() as tx:
            found = events.after(tx, position, size, types=types)
        yield from found
        if len(found) < size:
            return
        position = found[-1].position or position
        left = None if left is None else left - len(found)


def _position(opened: Ledger, after: str) -> int:
    """The position that `after` names. Raises UsageError when there is none; says so when events are gone since."""
    with opened.read() as tx:
        last = events.last_position(tx)
        first = events.first_position(tx)
        known = None if after.isdecimal() else events.by_id(tx, after)
    if not after.isdecimal():
        if known is None or known.position is None:
            raise UsageError(f"there is no published event {after}; `slugline events tail` shows positions")
        return known.position
    if int(after) > last:
        raise UsageError(f"the log ends at position {last}; `slugline events tail` shows its end")
    if first is not None and events.is_gap(int(after), first):
        typer.echo(
            f"slugline: events up to position {first - 1} are kept no more (SLUGLINE_EVENT_RETENTION_DAYS)",
            err=True,
        )
    return int(after)


def _known(types: list[str] | None) -> list[str]:
    for one in types or ():
        if one not in DECLARED:
            raise UsageError(f"there is no event {one!r}; there are: {', '.join(DECLARED)}")
    return types or []
