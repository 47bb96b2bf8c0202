"""The table of subscriptions, within one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog.rows import subscription_from, subscription_values
from ticker_server.catalog.tables import user_stock_subscription as table
from ticker_server.model.subscription import Subscription

__all__ = ["Key", "SubscriptionTable"]

Key = tuple[str, str]
"""User id and stock id of a subscription."""

_UPDATE = (
    update(table)
    .where(table.c.user_id == bindparam("key_user_id"), table.c.stock_id == bindparam("key_stock_id"))
    .values({column.name: bindparam(column.name) for column in table.columns if not column.primary_key})
)


class SubscriptionTable:
    """Reads and writes subscriptions. The caller has locked the users of those that it writes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, keys: Collection[Key]) -> dict[Key, Subscription]:
        """Return those of the subscriptions that exist."""
        statement = select(table).where(tuple_(table.c.user_id, table.c.stock_id).in_(keys))
        found = [subscription_from(row) for row in await self._connection.execute(statement)]
        return {(subscription.user_id, subscription.stock_id): subscription for subscription in found}

    async def list_after(self, user_id: str, stock_id: str, limit: int | None) -> list[Subscription]:
        """Return a user's subscriptions above a stock id, in the order of the stock ids."""
        statement = (
            select(table)
            .where(table.c.user_id == user_id, table.c.stock_id > stock_id)
            .order_by(table.c.stock_id)
            .limit(limit)
        )
        return [subscription_from(row) for row in await self._connection.execute(statement)]

    async def count(self, user_ids: Collection[str]) -> dict[str, int]:
        """Return how many subscriptions each user has; users without any are left out."""
        statement = (
            select(table.c.user_id, func.count().label("subscriptions"))
            .where(table.c.user_id.in_(user_ids))
            .group_by(table.c.user_id)
        )
        return {row.user_id: row.subscriptions for row in await self._connection.execute(statement)}

    async def insert(self, subscriptions: Sequence[Subscription]) -> None:
        """Store subscriptions that do not exist yet."""
        if subscriptions:
            await self._connection.execute(insert(table), [subscription_values(each) for each in subscriptions])

    async def replace(self, subscriptions: Sequence[Subscription]) -> None:
        """Store another content for subscriptions that exist."""
        if subscriptions:
            values = [subscription_values(each) for each in subscriptions]
            for each in values:
                each["key_user_id"], each["key_stock_id"] = each.pop("user_id"), each.pop("stock_id")
            await self._connection.execute(_UPDATE, values)

    async def delete(self, user_id: str, stock_ids: Collection[str]) -> None:
        """Remove some subscriptions of a user."""
        await self._connection.execute(delete(table).where(table.c.user_id == user_id, table.c.stock_id.in_(stock_ids)))

    async def delete_of_user(self, user_id: str) -> int:
        """Remove all subscriptions of a user; return how many there were."""
        return (await self._connection.execute(delete(table).where(table.c.user_id == user_id))).rowcount

    async def delete_of_stock(self, stock_id: str) -> int:
        """Remove all subscriptions of a stock; return how many there were."""
        return (await self._connection.execute(delete(table).where(table.c.stock_id == stock_id))).rowcount
