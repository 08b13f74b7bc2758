"""The ledger as a database: `db upgrade`, `backup`, `restore`, `move-to`."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import InputError, LedgerError, UsageError
from pipeline.ledger import backup as copies
from pipeline.ledger import moving, open_ledger
from pipeline.ledger.engine import shown
from pipeline.settings import Settings, load
from workers import keeping
from workers.cli.common import AsJson, print_json
from workers.process import now

db = typer.Typer(help="The ledger's database.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(db, name="db")
    app.command()(backup)
    app.command()(restore)
    app.command(name="move-to")(move_to)


@db.command(help="Bring the ledger to the schema of this release.")
def upgrade() -> None:
    settings = load()
    open_ledger(settings.ledger_url, upgrade=True).close()
    typer.echo("the ledger has the schema of this release")


def backup(file: Annotated[Path, typer.Argument(help="Where the copy goes.")], as_json: AsJson = False) -> None:
    """Copy the embedded ledger into a file, while it is in use. All that Slugline knows is in it."""
    size = copies.backup(_embedded(load(), "pg_dump copies it"), file.absolute())
    if as_json:
        print_json({"file": file, "bytes": size})
    else:
        typer.echo(f"{file} holds the ledger ({size / 1e6:.1f} MB)")


def restore(file: Annotated[Path, typer.Argument(help="A copy that `backup` made.")], as_json: AsJson = False) -> None:
    """Put a copy in the place of the embedded ledger, which is kept under another name. Stop all services before."""
    settings = load()
    ledger = _embedded(settings, "pg_restore brings it back")
    kept = keeping.set_back(file.absolute(), ledger, settings.data_dir, now())
    if as_json:
        print_json({"ledger": ledger, "kept": kept})
        return
    typer.echo(f"{ledger} is what {file} held")
    for one in kept:
        typer.echo(f"kept: {one}")
    if settings.redis_url:
        typer.echo("the stream in Redis may be ahead of this ledger; before you start: DEL slugline:events")


def move_to(
    url: Annotated[str, typer.Argument(help="postgresql+psycopg://USER:PASSWORD@HOST/NAME of an empty database.")],
    as_json: AsJson = False,
) -> None:
    """Carry the embedded ledger to PostgreSQL, all of it or nothing; the file stays as it is. Stop all services
    before."""
    settings = load()
    file = _embedded(settings, "it is not moved further")
    if copies.file_of(url) is not None:
        raise UsageError("the ledger moves to PostgreSQL: name postgresql+psycopg://USER:PASSWORD@HOST/NAME")
    if not file.is_file():
        raise LedgerError(f"there is no ledger at {file} to move; name its place with SLUGLINE_DATA_DIR")
    with keeping.held(settings.data_dir):
        try:
            copies.refuse_in_use(file)
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"the ledger {file} is damaged ({error}); restore a backup first") from error
        with (
            contextlib.closing(open_ledger(settings.ledger_url)) as source,
            contextlib.closing(open_ledger(url, upgrade=True)) as target,
        ):
            rows = moving.move(source, target, _tell)
            where = shown(target.engine)
    if as_json:
        print_json({"database": where, "rows": rows})
    else:
        typer.echo(f"{rows} rows are in {where}, compared one by one; set SLUGLINE_DATABASE_URL and start")


def _tell(table: str, rows: int) -> None:
    typer.echo(f"{table}: {rows}", err=True)  # standard output is for the result


def _embedded(settings: Settings, instead: str) -> Path:
    file = copies.file_of(settings.ledger_url)
    if file is None:
        raise InputError(f"the ledger is in PostgreSQL (SLUGLINE_DATABASE_URL): {instead}")
    return file
