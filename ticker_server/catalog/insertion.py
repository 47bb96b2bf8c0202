"""Inserting what is missing: the one statement that each database writes in its own dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["insert_missing"]


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert the rows whose key does not exist yet; return how many. Waits for another writer of the same key."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # Counted by what comes back: a row count of many rows is not to be had from every driver.
    statement = insert(table).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return len((await connection.execute(statement, rows)).all())
