"""Bringing a database to the schema of this release, with Alembic; safe when many processes start at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from pipeline.errors import LedgerError

LOCK = 7_583_001  # any fixed number: PostgreSQL's advisory lock that lets one process migrate at a time


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, in code: there is no alembic.ini to find."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def upgrade(engine: Engine) -> None:
    """Run every migration that is missing, in one transaction that shuts other migrating processes out."""
    with engine.execution_options(slugline_write=True).begin() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        _refuse_newer(tx)
        command.upgrade(config(tx), "head")


def check(engine: Engine) -> None:
    """Raise LedgerError unless the database has exactly the schema of this release."""
    with engine.connect() as tx:
        _refuse_newer(tx)
        if current(tx) != head():
            raise LedgerError("the ledger has no schema yet, or an older one: run `slugline db upgrade`")


def current(tx: Connection) -> str | None:
    return MigrationContext.configure(tx).get_current_revision()


def head() -> str:
    found = ScriptDirectory.from_config(config()).get_current_head()
    if found is None:
        raise LedgerError("the migrations are missing from this installation: install it again")
    return found


def _refuse_newer(tx: Connection) -> None:
    found = current(tx)
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if found is not None and found not in known:
        raise LedgerError(
            f"the ledger was made by a newer release (schema {found}): install that release again, or restore a backup"
        )
