"""What commands share: settings, an open ledger, printing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.ledger import Ledger, open_ledger
from pipeline.settings import LEDGER_FILE, Settings, load

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
FOLDED = 200  # rows; more are for searching rather than for reading
WIDE = 60  # cells of a terminal
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


def plain(text: str) -> str:
    """One line without control characters: a feed must not move the cursor or recolour the terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table for people; right-aligned where a column holds numbers. A long one is printed without folding its cells
    to the width of the terminal, which would take a millisecond a row."""
    if len(rows) > FOLDED:
        typer.echo("\n".join(_lines(columns, rows)))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else escape(_words(value)) for value in row))
    console.print(table)


def _lines(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """The rows of a table, each on one line, columns beneath each other as far as their cells are no wider than 60."""
    shown = [tuple("" if value is None else _words(value) for value in row) for row in (columns, *rows)]
    widths = [min(WIDE, max(map(cell_len, column))) for column in zip(*shown, strict=True)]
    numbers = [all(isinstance(value, int | float) for value in column) for column in zip(*rows, strict=True)]
    for row in shown:
        cells = zip(row, widths, numbers, strict=True)
        padded = ((" " * (width - cell_len(cell)), cell, number) for cell, width, number in cells)
        yield "  ".join(blank + cell if number else cell + blank for blank, cell, number in padded).rstrip()


def _words(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return plain(str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
