"""Inserting where something may be stored already: the statements that each database writes in its own dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["insert_missing", "insert_or_replace"]


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert the rows whose key does not exist yet; return how many. Waits for another writer of the same key."""
    # Counted by what comes back: a row count of many rows is not to be had from every driver.
    statement = _insert(connection, table).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return len((await connection.execute(statement, rows)).all())


async def insert_or_replace(connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Store the rows, in place of those that have their keys. Waits for another writer of the same key."""
    statement = _insert(connection, table)
    others = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=others), rows
    )


def _insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
