"""Alembic's entry: runs on the connection that merpati_init.migrate hands it."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema="public")
with context.begin_transaction():
    context.run_migrations()
