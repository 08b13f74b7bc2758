"""`ingest`: fetch articles now, and show what was made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline import urls
from pipeline.settings import load
from workers import logs
from workers.cli import extracted
from workers.cli.common import AsJson, console, ledger, print_json

if TYPE_CHECKING:
    from workers.ingest import Looked

NOT_SERVED = "no Slugline runs on this ledger; `slugline up` takes it from here"


def ingest(
    addresses: Annotated[list[str], typer.Argument(metavar="URL...")],
    later: Annotated[bool, typer.Option("--later", help="Only queue them for the running Slugline.")] = False,
    text: Annotated[bool, typer.Option("--text", help="Show the whole text as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch these article URLs now and show what was made of each, field by field, with timings.

    What is new goes on to be embedded and filed by the running Slugline; what is known is only looked at. Ends with 1
    when one of them gave no article.
    """
    from workers import ingest as work

    settings = load(log_level="error")
    logs.configure(settings, "ingest")
    if later:
        _queue(addresses, as_json)
        return
    failed = False
    shown: list[dict[str, Any]] = []
    with work.sandbox(settings) as parsers, ledger() as (_, opened):
        work.check(settings, opened, addresses)
        running = work.served(opened)
        for address in addresses:
            looked = work.fetch_now(settings, opened, parsers, address)
            failed = failed or looked.page is None
            if as_json:
                shown.append(_plain(looked))
            else:
                _show(looked, running, text=text)
    if as_json:
        print_json({"running": running, "articles": shown})
    elif not running:
        console.print(NOT_SERVED)
    if failed:
        raise typer.Exit(1)


def _queue(addresses: list[str], as_json: bool) -> None:
    from workers import ingest as work

    with ledger() as (settings, opened):
        taken = work.queue(settings, opened, addresses)
        running = work.served(opened)
    rows = [
        {"article": article, "new": new, "url": urls.mask(address)}
        for (article, new), address in zip(taken, addresses, strict=True)
    ]
    if as_json:
        print_json({"running": running, "articles": rows})
        return
    for row in rows:
        typer.echo(f"{row['article']}: {'queued' if row['new'] else 'known already'}: {row['url']}")
    if not running:
        typer.echo(NOT_SERVED)


def _plain(looked: Looked) -> dict[str, Any]:
    answer, page = looked.response, looked.page
    return {
        "url": urls.mask(looked.url),
        "article": looked.article,
        "new": looked.new,
        "state": looked.state,
        "due": looked.due if looked.state == "queued" else None,
        "reason": looked.reason,
        "error": looked.error,
        "status": answer.status if answer else None,
        "final_url": urls.mask(answer.final_url) if answer else None,
        "bytes": len(answer.body) if answer else None,
        "fields": extracted.fields(page) if page else None,
        "sources": dict(page.sources) if page else None,
        "timings_ms": extracted.rounded(looked.timings),
    }


def _show(looked: Looked, running: bool, *, text: bool) -> None:
    console.print(f"{looked.article}: {urls.mask(looked.url)}", markup=False, highlight=False)
    if looked.page is not None:
        extracted.show(looked.page, text=text)
    if looked.error:
        console.print(f"{looked.reason or 'failed'}: {looked.error}", markup=False, highlight=False)
    if looked.response is not None:
        answer = looked.response
        hops = f" after {len(answer.redirects)} redirects" if answer.redirects else ""
        console.print(f"{answer.status}, {len(answer.body):,} bytes{hops}", highlight=False)
    extracted.show_timings(looked.timings)
    console.print(_standing(looked, running), highlight=False)


def _standing(looked: Looked, running: bool) -> str:
    """One sentence on where the article stands."""
    if not looked.new:
        return f"known already, it is {looked.state}; it was only looked at"
    if looked.state == "queued":
        when = f"at {looked.due:%H:%M:%S} UTC" if looked.due else "later"
        return f"queued: it is tried again {when}" + (" by the running Slugline" if running else "")
    if looked.state == "fetched":
        return "fetched: " + ("the running Slugline embeds and files it" if running else "it waits to be embedded")
    return f"{looked.state}: nothing more is done with it"
