"""Runs migrations on the connection, and in the transaction, that it is handed. Leaves logging as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import context

from ticker_server.catalog.log_tables import log_metadata
from ticker_server.catalog.sync_tables import sync_metadata
from ticker_server.catalog.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
is_sqlite = connection.dialect.name == "sqlite"

context.configure(
    connection=connection,
    target_metadata=[metadata, log_metadata if is_sqlite else sync_metadata],
    render_as_batch=is_sqlite,
)
with context.begin_transaction():
    context.run_migrations()
