"""The table of subscriptions, within one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog.insertion import insert_or_replace
from ticker_server.catalog.rows import subscription_from, subscription_values
from ticker_server.catalog.tables import stock, user
from ticker_server.catalog.tables import user_stock_subscription as table
from ticker_server.model.subscription import Subscription

__all__ = ["Key", "SubscriptionTable"]

Key = tuple[str, str]
"""User id and stock id of a subscription."""

_LIVE = table.join(stock, (stock.c.stock_id == table.c.stock_id) & (table.c.revision > stock.c.ended_through))
"""The subscriptions that count. Those that ended with their stock are gone for every reader, stored or not."""


class SubscriptionTable:
    """Reads and writes subscriptions. The caller has locked the users and the stocks of those that it writes.

    What ended with its stock is never read; it stays stored for a while, until `delete_ended` comes to it.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, keys: Collection[Key]) -> dict[Key, Subscription]:
        """Return those of the subscriptions that exist."""
        statement = select(table).select_from(_LIVE).where(tuple_(table.c.user_id, table.c.stock_id).in_(keys))
        found = [subscription_from(row) for row in await self._connection.execute(statement)]
        return {(subscription.user_id, subscription.stock_id): subscription for subscription in found}

    async def list_after(self, user_id: str, stock_id: str, limit: int | None) -> list[Subscription]:
        """Return a user's subscriptions above a stock id, in the order of the stock ids."""
        statement = (
            select(table)
            .select_from(_LIVE)
            .where(table.c.user_id == user_id, table.c.stock_id > stock_id)
            .order_by(table.c.stock_id)
            .limit(limit)
        )
        return [subscription_from(row) for row in await self._connection.execute(statement)]

    async def count(self, user_ids: Collection[str]) -> dict[str, int]:
        """Return how many subscriptions each user has; users without any are left out."""
        statement = (
            select(table.c.user_id, func.count().label("subscriptions"))
            .select_from(_LIVE)
            .where(table.c.user_id.in_(user_ids))
            .group_by(table.c.user_id)
        )
        return {row.user_id: row.subscriptions for row in await self._connection.execute(statement)}

    async def list_of_users(self, user_ids: Collection[str]) -> dict[str, list[Subscription]]:
        """Return all subscriptions of each of the users that exist, in the order of the stock ids."""
        statement = (
            select(user.c.user_id.label("owner"), *table.columns)
            .select_from(user.outerjoin(_LIVE, user.c.user_id == table.c.user_id))
            .where(user.c.user_id.in_(user_ids))
            .order_by(user.c.user_id, table.c.stock_id)
        )
        found: dict[str, list[Subscription]] = {}
        for row in await self._connection.execute(statement):
            subscriptions = found.setdefault(row.owner, [])
            if row.stock_id is not None:
                subscriptions.append(subscription_from(row))
        return found

    async def count_of_stock(self, stock_id: str) -> int:
        """Return how many subscriptions a stock has."""
        statement = select(func.count()).select_from(_LIVE).where(table.c.stock_id == stock_id)
        return (await self._connection.execute(statement)).scalar_one()

    async def store(self, subscriptions: Sequence[Subscription]) -> None:
        """Store subscriptions, in place of what is stored for their users and stocks."""
        if subscriptions:
            await insert_or_replace(self._connection, table, [subscription_values(each) for each in subscriptions])

    async def delete(self, user_id: str, stock_ids: Collection[str]) -> None:
        """Remove some subscriptions of a user."""
        await self._connection.execute(delete(table).where(table.c.user_id == user_id, table.c.stock_id.in_(stock_ids)))

    async def delete_of_user(self, user_id: str) -> None:
        """Remove all subscriptions of a user."""
        await self._connection.execute(delete(table).where(table.c.user_id == user_id))

    async def stocks_with_ended(self) -> list[str]:
        """Return the stocks of which rows of ended subscriptions are stored."""
        ended = exists().where(table.c.stock_id == stock.c.stock_id, table.c.revision <= stock.c.ended_through)
        statement = select(stock.c.stock_id).where(stock.c.ended_through > 0, ended).order_by(stock.c.stock_id)
        return list((await self._connection.execute(statement)).scalars())

    async def delete_ended(self, stock_id: str, limit: int) -> int:
        """Remove at most `limit` rows of a stock's ended subscriptions; return how many. Waits for nobody.

        A row that someone else is about to write is left: it may live again, and to wait for it could be a deadlock.
        """
        through = select(stock.c.ended_through).where(stock.c.stock_id == stock_id).scalar_subquery()
        chosen = (
            select(table.c.user_id)
            .where(table.c.stock_id == stock_id, table.c.revision <= through)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte()  # worked out once; a subquery is asked again and again, and gives other rows each time
        )
        statement = (
            delete(table)
            .where(table.c.stock_id == stock_id, table.c.revision <= through)
            .where(table.c.user_id.in_(select(chosen.c.user_id)))
            .returning(table.c.user_id)  # counted by what comes back: SQLite's driver counts no statement with a WITH
        )
        return len((await self._connection.execute(statement)).all())
