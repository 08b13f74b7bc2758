"""Alembic runs this file; the connection, inside its transaction, is given by `migrations.upgrade`."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import TypeDecorator

from pipeline.ledger.schema import metadata


def plain(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """How new migrations name a type: by what the database stores, so that they stand on their own."""
    return f"sa.{item.impl_instance!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True, render_item=plain
)
context.run_migrations()
