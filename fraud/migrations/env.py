"""Alembic's entry: runs the scripts over the connection that ``fraud.schema_upgrade`` hands in."""

from __future__ import annotations

from alembic import context

from fraud.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Alembic takes SQLite for a database whose DDL cannot be taken back; the way we begin transactions, it can.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
