"""Alembic's entry point; `lookalike.catalog` runs it on a connection that is already inside a transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
