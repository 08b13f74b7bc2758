"""`up` and the single services."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.settings import Settings, load
from workers import logs, process

worker = typer.Typer(help="One worker process; start as many as you want, on as many machines.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command(help="The feed poller.")(poller)
    app.add_typer(worker, name="worker")
    app.command(help="The clusterer: one is active, others stand by.")(clusterer)
    app.command(help="The relay: events from the ledger to the Redis stream.")(relay)
    app.command(help="The alerter: rings where alert rules match.")(alerter)
    app.command(help="The deliverer: tells sinks of events.")(deliverer)
    app.command(help="The janitor: hands out what is due, puts back what got stuck.")(janitor)
    app.command()(web)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Serve and ingest the made-up demo wire.")] = False,
    feeds: Annotated[Path | None, typer.Option("--feeds", help="OPML file of the feeds to poll.")] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Fetch workers.")] = None,
    port: Annotated[int, typer.Option("--port", help="Port of the web page and API.")] = 8400,
    host: Annotated[str, typer.Option("--host", help="Address of the web page and API.")] = "127.0.0.1",
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to do.")] = False,
    demo_seconds: Annotated[float, typer.Option("--demo-seconds", min=1, help="How long the demo wire plays.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="With --until-idle: print the summary as JSON.")] = False,
) -> None:
    """Run everything on this machine: Valkey, ledger, web, poller, workers, clusterer, relay, alerter, deliverer and
    janitor."""
    from workers.supervisor import Options
    from workers.supervisor import up as run

    overrides = {"DATA_DIR": data_dir and str(data_dir.absolute()), "WORKERS": workers and str(workers)}
    options = Options(
        host=host,
        port=port,
        feeds=feeds,
        demo=demo,
        demo_seconds=demo_seconds,
        until_idle=until_idle,
        json=as_json,
    )
    raise typer.Exit(run(options, {name: value for name, value in overrides.items() if value}))


def _begin(service: str) -> Settings:
    process.follow_parent()
    settings = load()
    logs.configure(settings, service)
    logs.begin(settings)
    return settings


def poller() -> None:
    from workers import services

    services.poller(_begin("poller"))


@worker.command(help="Fetches pages and reads their text; never loads the model.")
def fetch(
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Only what is no news: first polls of feeds, old articles, edits.")
    ] = False,
) -> None:
    from workers import services

    services.fetch(_begin("backfill" if backfill else "fetch"), backfill=backfill)


@worker.command(help="Turns texts into vectors; never touches the network.")
def embed(
    check: Annotated[bool, typer.Option("--check", help="Only see whether the model can be loaded.")] = False,
) -> None:
    settings = _begin("embed")
    if check:
        from pipeline.embedding import Embedder

        Embedder(settings.model, runtime=settings.embed_runtime)
        return
    from workers import services

    services.embed(settings)


def clusterer() -> None:
    from workers import services

    services.clusterer(_begin("clusterer"))


def deliverer() -> None:
    from workers import services

    services.deliverer(_begin("deliverer"))


def alerter() -> None:
    from workers import services

    services.alerter(_begin("alerter"))


def relay() -> None:
    from workers import services

    services.relay(_begin("relay"))


def janitor() -> None:
    from workers import services

    services.janitor(_begin("janitor"))


def web(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on.")] = 8400,
) -> None:
    """The web page and the API."""
    from workers import services

    services.web(_begin("web"), host, port)
