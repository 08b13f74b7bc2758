"""`slugline rules`: alert rules, seen, written, and tried on the last days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from pipeline.alerts.rules import RuleError, compile_rule
from pipeline.alerts.rules.options import LIMIT, Options, Quiet, span
from pipeline.embedding import version
from pipeline.errors import InputError, UsageError
from pipeline.ledger import alerts, rules
from pipeline.ledger.rules import StoredRule
from workers import ruleview
from workers.alerter.archive import rehearse
from workers.alerter.sentences import Embedding
from workers.cli.common import AsJson, ledger, plain, print_json, print_table
from workers.process import now

RECENT = 20
commands = typer.Typer(help="Alert rules: what rings, and whom.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The rule's name or id.")]


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="rules")


@commands.command(help="Ring when QUERY holds of a storyline; docs/alerting.md has the language.")
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    query: Annotated[str, typer.Argument(help="What to ring for, such as 'maduro AND \"phone call\" outlets>=3'.")],
    sinks: Annotated[list[str] | None, typer.Option("--sink", help="Where to; repeat it. Without: everywhere.")] = None,
    quiet: Annotated[str | None, typer.Option("--quiet", help="Hours without a ring, such as 22:00-07:00.")] = None,
    zone: Annotated[str, typer.Option("--zone", help="The time zone of these, such as Europe/Berlin.")] = "UTC",
    cooldown: Annotated[str, typer.Option("--cooldown", help="Least time between two rings, such as 1h.")] = "0s",
    limit: Annotated[int, typer.Option("--limit", help="Rings in an hour; what is more is told as a digest.")] = LIMIT,
    escalate: Annotated[bool, typer.Option(help="Ring once more when a storyline surges.")] = True,
    as_json: AsJson = False,
) -> None:
    _check(query)
    try:
        options = Options.of(
            {
                "sinks": sinks or (),
                "quiet": Quiet.of(quiet, zone).stored() if quiet else None,
                "cooldown": span(cooldown).total_seconds(),
                "escalate": escalate,
                "limit": limit,
            }
        )
        with ledger() as (_, opened), opened.write() as tx:
            made = ruleview.add(tx, name, query, options, now())
    except InputError as error:
        raise UsageError(str(error)) from error
    if as_json:
        print_json(ruleview.view(made))
    else:
        typer.echo(f"rule {made.id}, {made.name!r}, rings for what is written from now on")


@commands.command("list", help="All rules.")
def list_(as_json: AsJson = False) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        found = rules.every(tx)
    if as_json:
        print_json([ruleview.view(one) for one in found])
        return
    columns = ("id", "name", "query", "sinks", "state", "last rang")
    print_table(
        columns,
        [
            (
                one.id,
                one.name,
                one.text,
                ", ".join(Options.of(one.options).sinks) or "all",
                "paused" if one.paused else "active",
                one.last,
            )
            for one in found
        ],
    )


@commands.command(help="A rule, and what it rang for.")
def show(name: Name, as_json: AsJson = False) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        one = _found(tx, name)
        rung = [ruleview.alert_view(each) for each in alerts.latest(tx, one.id, RECENT)]
    shown = ruleview.view(one)
    if as_json:
        print_json({**shown, "alerts": rung})
        return
    for key, value in shown.items():
        typer.echo(f"{key:<10} {'' if value is None else plain(str(value))}".rstrip())
    if rung:
        typer.echo("")
        print_table(tuple(rung[0]), [tuple(each.values()) for each in rung])


@commands.command(help="Forget a rule and what it rang for.")
def remove(name: Name) -> None:
    with ledger() as (_, opened), opened.write() as tx:
        rules.remove(tx, _found(tx, name).id)


@commands.command(help="Ring no more until it is resumed; what was held back is let go.")
def pause(name: Name) -> None:
    _set(name, paused=True)


@commands.command(help="Ring again, for what is written from now on.")
def resume(name: Name) -> None:
    _set(name, paused=False)


@commands.command("import", help="Add the [[rule]] tables of a TOML file; rules that are there stay as they are.")
def import_(path: Annotated[Path, typer.Argument(metavar="FILE.toml")]) -> None:
    try:
        with ledger() as (_, opened):
            new, there = ruleview.load(opened, path, now())
    except InputError as error:
        raise UsageError(str(error)) from error
    typer.echo(f"{len(new)} added, {len(there)} there already")


@commands.command("test", help="What a rule, or one that is not saved yet, would have rung for.")
def try_(
    query: Annotated[str, typer.Argument(help="A query, or the name or id of a rule.")],
    since: Annotated[str, typer.Option("--since", help="From how long ago, such as 7d or 12h.")] = "7d",
    as_json: AsJson = False,
) -> None:
    try:
        back = span(since)
    except InputError as error:
        raise UsageError(str(error)) from error
    with ledger() as (settings, opened):
        with opened.read() as tx:
            known = rules.find(tx, query)
        text = known.text if known else query
        _check(text)
        made = rehearse(
            opened,
            text,
            now() - min(back, timedelta(days=36_500)),
            version=version(settings.model),
            embed=Embedding(settings.model),
        )
    shown = made.view()
    if as_json:
        print_json({"query": text, **shown})
        return
    _print(shown["matches"])
    typer.echo(
        f"{len(made.rings)} rings since {made.since:%Y-%m-%d %H:%M}, of {made.storylines} storylines in "
        f"{made.events} events"
    )


def _print(matches: Sequence[dict[str, Any]]) -> None:
    rows = []
    for one in matches:
        storyline, feed = one.get("storyline") or {}, one.get("feed") or {}
        about = storyline.get("headline") or feed.get("title") or feed.get("url") or "pipeline"
        why = "; ".join(f"{each['condition']}: {each['found']}" for each in one["why"])
        rows.append((one["time"], one["level"], storyline.get("id") or feed.get("id"), about, why))
    if rows:
        print_table(("time", "level", "id", "about", "why"), rows)


def _set(name: str, *, paused: bool) -> None:
    with ledger() as (_, opened), opened.write() as tx:
        rules.change(tx, _found(tx, name).id, {"paused": paused}, now())


def _found(tx: Connection, name: str) -> StoredRule:
    one = rules.find(tx, name)
    if one is None:
        raise UsageError(f"there is no rule {plain(name)[:60]!r}; `slugline rules list` shows them")
    return one


def _check(query: str) -> None:
    """Raises UsageError, with the place pointed at, when a rule cannot be read."""
    try:
        compile_rule(query)
    except RuleError as error:
        raise UsageError(f"{error}\n{error.pointed()}") from error
