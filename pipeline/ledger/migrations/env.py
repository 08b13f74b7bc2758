"""Alembic runs this file; the connection, inside its transaction, is given by `migrations.upgrade`."""

from alembic import context

from pipeline.ledger.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
context.run_migrations()
