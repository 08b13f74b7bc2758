"""What operators ask: `status`, `doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from pipeline import pressure, queues
from pipeline.errors import SluglineError
from pipeline.ledger import Ledger, articles, feeds
from pipeline.ledger import events as ledger_events
from pipeline.ledger import storylines as ledger_storylines
from pipeline.records import ArticleState
from pipeline.settings import Settings, load
from pipeline.urls import mask
from workers.cli.common import AsJson, console, ledger, print_json, print_table
from workers.process import now


def register(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(doctor)


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="The ops page in the terminal, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(min=1.0, max=3600.0, help="Seconds between looks, with --watch.")] = 5.0,
    as_json: AsJson = False,
) -> None:
    """How many articles stand where, how long the oldest has waited, feeds in trouble; with --watch the whole wire."""
    with ledger() as (settings, opened):
        if watch:
            from workers.cli import watching

            watching.watch(settings, opened, interval, as_json)
        else:
            _status(settings, opened, as_json)


def _status(settings: Settings, opened: Ledger, as_json: bool) -> None:
    with opened.read() as tx:
        counted, oldest, moment = articles.counts(tx), articles.oldest(tx), now()
        found: dict[str, Any] = {
            "articles": counted,
            "oldest_seconds": {state: round((moment - since).total_seconds(), 1) for state, since in oldest.items()},
            "rejected": articles.reasons(tx, ArticleState.REJECTED),
            "dead": articles.reasons(tx, ArticleState.DEAD),
            "storylines": ledger_storylines.count(tx),
            "events_waiting": ledger_events.waiting(tx),
            "feeds_in_trouble": [{"id": one.id, "error": mask(one.error)} for one in feeds.every(tx) if one.error],
        }
    found["queues"], found["held_back"] = _redis(settings.valkey_url)
    if as_json:
        print_json(found)
        return
    rows = [(state, count, found["oldest_seconds"].get(state, "")) for state, count in counted.items()]
    print_table(("articles", "count", "oldest, s"), rows)
    console.print(f"\nstorylines {found['storylines']}, events waiting {found['events_waiting']}")
    console.print(f"jobs in Redis: {found['queues']}", markup=False)
    for hold in found["held_back"]:
        console.print(f"held back since {hold['since']:%Y-%m-%d %H:%M}: {hold['says']}", markup=False)
    for kind in ("rejected", "dead"):
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(found[kind].items()))
        if reasons:
            console.print(f"{kind}: {reasons}", markup=False)
    for one in found["feeds_in_trouble"]:
        console.print(f"feed {one['id']}: {one['error']}", markup=False)


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Ask no feed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Is everything that Slugline needs there? Says what to do about what is not; exit code 1 then."""
    from workers.doctor import Finding, examine

    found: list[Finding] = []
    for one in examine(load(), offline=offline):
        found.append(one)
        if not as_json:
            verdict = "ok   " if one.good else "WRONG"
            console.print(f"{verdict}  {one.name}: {one.says}", markup=False, highlight=False)
    if as_json:
        print_json([asdict(one) for one in found])
    if not all(one.good for one in found):
        raise typer.Exit(1)


def _redis(url: str) -> tuple[str, list[dict[str, Any]]]:
    """What waits in Redis, and what holds the wire back."""
    try:
        client = queues.connect(url)
        depths = ", ".join(f"{name} {queues.depth(client, name)}" for name in queues.QUEUES)
        return depths, [asdict(hold) for hold in pressure.current(client)]
    except SluglineError:
        return "Redis does not answer", []
