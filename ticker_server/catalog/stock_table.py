"""The table of stocks, within one transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog.insertion import insert_missing
from ticker_server.catalog.rows import stock_from, stock_values
from ticker_server.catalog.tables import stock as table
from ticker_server.model.stock import Stock

__all__ = ["StockTable", "StoredStock"]


@dataclass(frozen=True, slots=True)
class StoredStock:
    """A stock as stored: listed, or the tombstone of a deleted one."""

    stock: Stock
    listed: bool


class StockTable:
    """Reads and writes stocks. A deleted stock stays stored as a tombstone and is listed no longer."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, stock_id: str) -> Stock | None:
        """Return a listed stock."""
        statement = select(table).where(table.c.stock_id == stock_id, table.c.delete_time_ns.is_(None))
        row = (await self._connection.execute(statement)).one_or_none()
        return stock_from(row) if row else None

    async def list_after(self, stock_id: str, limit: int | None) -> list[Stock]:
        """Return the listed stocks above an id, in the order of their ids."""
        statement = (
            select(table)
            .where(table.c.stock_id > stock_id, table.c.delete_time_ns.is_(None))
            .order_by(table.c.stock_id)
            .limit(limit)
        )
        return [stock_from(row) for row in await self._connection.execute(statement)]

    async def lock(self, stock_id: str) -> StoredStock | None:
        """Return a stock, a tombstone too, that no one else changes until the end of the transaction."""
        statement = select(table).where(table.c.stock_id == stock_id).with_for_update()
        row = (await self._connection.execute(statement)).one_or_none()
        return StoredStock(stock_from(row), row.delete_time_ns is None) if row else None

    async def keep_listed(self, stock_ids: Collection[str]) -> set[str]:
        """Return which of the ids are listed; none of those is deleted before the end of the transaction."""
        statement = (
            select(table.c.stock_id)
            .where(table.c.stock_id.in_(stock_ids), table.c.delete_time_ns.is_(None))
            .order_by(table.c.stock_id)  # locks in one order for all: no deadlock
            .with_for_update(read=True)
        )
        return set((await self._connection.execute(statement)).scalars())

    async def insert(self, stock: Stock) -> bool:
        """Store a stock; return False, and change nothing, where the id is stored already."""
        return await insert_missing(self._connection, table, [stock_values(stock)]) > 0

    async def replace(self, stock: Stock) -> None:
        """Store another content for a stored id, listed from now on."""
        await self._connection.execute(
            update(table).where(table.c.stock_id == stock.stock_id).values(stock_values(stock))
        )

    async def bury(self, stock_id: str, *, at: int, revision: int) -> None:
        """Make a stock a tombstone and end its subscriptions, whose revisions are all below that of this change."""
        await self._connection.execute(
            update(table).where(table.c.stock_id == stock_id).values(delete_time_ns=at, ended_through=revision)
        )
