"""`slugline sinks`: who is told of events, how that goes, and what was given up."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import InputError, UsageError
from pipeline.ledger import deliveries, held
from pipeline.ledger import sinks as table
from workers import sinkview
from workers.cli.common import AsJson, ledger, plain, print_json, print_table
from workers.process import now

commands = typer.Typer(help="Who is told of events: webhooks, Alertmanager, mail, chats.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The sink's name.")]
Secret = Annotated[
    str | None, typer.Option("--secret", help="whsec_… of your own, else one is made; Alertmanager: a bearer token.")
]
SHOWN = "which is not shown again"


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="sinks")


@commands.command(help="Tell URL of what is published from now on.")
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    url: Annotated[
        str | None, typer.Argument(help="A webhook: where events are POSTed, signed after Standard Webhooks.")
    ] = None,
    alertmanager: Annotated[
        str | None, typer.Option("--alertmanager", metavar="URL", help="A Prometheus Alertmanager instead.")
    ] = None,
    apprise: Annotated[
        str | None,
        typer.Option("--apprise", metavar="URL", help="Mail or a chat by Apprise instead; '-' reads it from stdin."),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="A type, or such as 'storyline.*'; repeat it. Without: all, elsewhere alerts."),
    ] = None,
    minutes: Annotated[
        int | None, typer.Option("--ends-after", help="Minutes after which a rule's alert ends in Alertmanager (240).")
    ] = None,
    title: Annotated[
        Path | None, typer.Option("--title", metavar="FILE", help="A template of your own for the title (Apprise).")
    ] = None,
    body: Annotated[
        Path | None, typer.Option("--body", metavar="FILE", help="A template of your own for the text (Apprise).")
    ] = None,
    secret: Secret = None,
    as_json: AsJson = False,
) -> None:
    if apprise == "-":
        apprise = sys.stdin.readline().strip()
    given = {"webhook": url, "alertmanager": alertmanager, "apprise": apprise}
    kinds = [kind for kind, one in given.items() if one]
    if len(kinds) != 1:
        raise UsageError("give one address: a webhook's URL, --alertmanager URL or --apprise URL")
    own = {"minutes": minutes, "title": _template(title), "body": _template(body)}
    options = {key: value for key, value in own.items() if value is not None}
    try:
        with ledger() as (settings, opened):
            checked, options = asyncio.run(sinkview.checked(settings, kinds[0], given[kinds[0]] or "", options))
            with opened.write() as tx:
                made, key = sinkview.add(tx, name, checked, types or (), secret, kinds[0], options)
    except InputError as error:
        raise UsageError(str(error)) from error
    if as_json:
        print_json({**sinkview.view(made), "secret": key})
    elif made.kind != "webhook":
        typer.echo(f"{made.name} is told of what is published from now on")
    else:
        typer.echo(f"{made.name} is told of what is published from now on; its secret, {SHOWN}:\n{key}")


@commands.command("list", help="All sinks, and how they answer.")
def list_(as_json: AsJson = False) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        waiting = dict(deliveries.oldest_waiting(tx))
        found = [sinkview.view(one, waiting.get(one.id), held.listed(tx, one.id)) for one in table.every(tx)]
    if as_json:
        print_json(found)
        return
    columns = ("name", "kind", "url", "state", "waiting_since", "held_back", "delivered", "dead", "lost", "last_error")
    print_table(columns, [tuple(one[column] for column in columns) for one in found])


@commands.command(help="A sink, and what it was last told.")
def show(name: Name, as_json: AsJson = False) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        sink = table.need(tx, name)
        shown = sinkview.view(sink, dict(deliveries.oldest_waiting(tx)).get(sink.id), held.listed(tx, sink.id))
        rows = deliveries.listed(tx, 20, sink_id=sink.id)
    if as_json:
        print_json({**shown, "deliveries": rows})
        return
    lines = [f"{one['events']} of {one['subject']}: {one['why']}" for one in shown.pop("held")]
    for key, value in {**shown, **{f"held {place}": line for place, line in enumerate(lines, start=1)}}.items():
        typer.echo(f"{key:<13} {'' if value is None else plain(str(value))}".rstrip())
    if rows:
        typer.echo("")
        _print(rows)


@commands.command("deliveries", help="What was given up, waits, or was told last; the newest first.")
def deliveries_(
    name: Annotated[str | None, typer.Argument(help="Only of this sink.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    limit: Annotated[int, typer.Option("-n", min=1, help="So many.")] = 50,
    as_json: AsJson = False,
) -> None:
    states = ("dead",) if dead else ("dead", "waiting", "done")
    with ledger() as (_, opened), opened.read() as tx:
        of = table.need(tx, name).id if name else None
        rows = deliveries.listed(tx, limit, sink_id=of, states=states)
    if as_json:
        print_json(rows)
    else:
        _print(rows)


@commands.command(help="Deliver again what ended: these, or all that was given up.")
def replay(
    name: Name,
    ids: Annotated[
        list[int] | None, typer.Argument(help="Deliveries, as `slugline sinks deliveries` lists them.")
    ] = None,
    all_dead: Annotated[bool, typer.Option("--dead", help="All that was given up.")] = False,
) -> None:
    if bool(ids) == all_dead:
        raise UsageError("name deliveries, or say --dead for all that was given up")
    with ledger() as (_, opened), opened.write() as tx:
        sink = table.need(tx, name)
        if all_dead:
            count = deliveries.replay_dead(tx, sink.id, now())
        else:
            mine = {row["id"] for row in deliveries.listed(tx, 100_000, sink_id=sink.id)}
            if strange := [one for one in ids or () if one not in mine]:
                raise UsageError(f"{name} has no delivery {strange[0]}; `slugline sinks deliveries {name}` lists them")
            count = sum(deliveries.replay(tx, one, now()) for one in ids or ())
    typer.echo(f"{count} wait to be delivered again, under the same ids")


@commands.command("test", help="Send an event that says that it is a test, and show the answer.")
def try_(name: Name, as_json: AsJson = False) -> None:
    with ledger() as (settings, opened):
        with opened.read() as tx:
            sink = table.need(tx, name)
        data, attempt = asyncio.run(sinkview.tried(settings, sink))
    found = {"sent": data, "status": attempt.status, "seconds": round(attempt.seconds, 3), "answer": attempt.answer}
    if as_json:
        print_json({**found, "error": attempt.error})
    else:
        for key, value in found.items():
            typer.echo(f"{key:<8} {'' if value is None else plain(str(value))}".rstrip())
    if attempt.error:
        raise InputError(f"{sink.name} did not take it: {attempt.error}")


@commands.command(help="Tell it nothing until it is resumed; what happens meanwhile waits.")
def pause(name: Name) -> None:
    _set(name, "paused", "paused by a person")


@commands.command(help="Go on with one that was paused, or that was disabled since it answered 410.")
def resume(name: Name) -> None:
    _set(name, "active", "")


@commands.command(help="Forget a sink and what waits for it.")
def remove(name: Name) -> None:
    with ledger() as (_, opened), opened.write() as tx:
        table.remove(tx, table.need(tx, name).id)
    typer.echo(f"{name} is told of nothing any more")


@commands.command(help="Give it a new secret; the one of before stays valid for a day.")
def rotate(name: Name, secret: Secret = None, as_json: AsJson = False) -> None:
    try:
        with ledger() as (_, opened), opened.write() as tx:
            key = sinkview.rotate(tx, name, secret)
    except InputError as error:
        raise UsageError(str(error)) from error
    if as_json:
        print_json({"name": name, "secret": key})
    else:
        typer.echo(f"the new secret of {name}, {SHOWN}; the one of before is valid for 24 hours:\n{key}")


def _template(path: Path | None) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path else None
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _set(name: str, state: str, reason: str) -> None:
    with ledger() as (_, opened), opened.write() as tx:
        table.set_state(tx, table.need(tx, name).id, state, reason)
    typer.echo(f"{name} is {state}")


def _print(rows: list[dict[str, object]]) -> None:
    columns = ("id", "state", "type", "subject", "position", "attempts", "since", "due", "status", "error")
    print_table(columns, [tuple(row[column] for column in columns) for row in rows])
