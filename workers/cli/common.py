"""What commands share: settings, an open ledger, printing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipeline.ledger import Ledger, open_ledger
from pipeline.settings import LEDGER_FILE, Settings, load

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
console = Console()
if not console.is_terminal:
    console = Console(width=200)  # a pipe has no width; wrapped tables could not be searched


@contextlib.contextmanager
def ledger() -> Iterator[tuple[Settings, Ledger]]:
    """The settings and the ledger that they name. The embedded ledger is made when there is none yet; an older one is
    left alone, since a service of the older release may be running on it."""
    settings = load()
    absent = not settings.database_url and not (settings.data_dir / LEDGER_FILE).exists()
    opened = open_ledger(settings.ledger_url, upgrade=absent)
    try:
        yield settings, opened
    finally:
        opened.close()


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table for people; right-aligned where a column holds numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else _words(value) for value in row))
    console.print(table)


def _words(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return escape(str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
