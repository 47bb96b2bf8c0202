"""The table of users, within one transaction."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog.insertion import insert_missing
from ticker_server.catalog.rows import user_from
from ticker_server.catalog.tables import user as table
from ticker_server.model.stock import User

__all__ = ["UserTable"]


class UserTable:
    """Reads and writes users. Who changes subscriptions locks their user first, so each user's changes are in order."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, user_id: str) -> User | None:
        """Return a user."""
        row = (await self._connection.execute(select(table).where(table.c.user_id == user_id))).one_or_none()
        return user_from(row) if row else None

    async def insert_missing(self, user_ids: Collection[str], at: int) -> None:
        """Store the users that are not stored yet."""
        rows = [
            {"user_id": user_id, "create_time_ns": at} for user_id in sorted(user_ids)
        ]  # one order for all, as below
        if rows:
            await insert_missing(self._connection, table, rows)

    async def lock(self, user_ids: Collection[str]) -> set[str]:
        """Return which of the users exist; no one else changes these until the end of the transaction."""
        statement = (
            select(table.c.user_id)
            .where(table.c.user_id.in_(user_ids))
            .order_by(table.c.user_id)  # locks in one order for all: no deadlock
            .with_for_update()
        )
        return set((await self._connection.execute(statement)).scalars())

    async def delete(self, user_id: str) -> None:
        """Remove a user that has no subscriptions left."""
        await self._connection.execute(delete(table).where(table.c.user_id == user_id))
