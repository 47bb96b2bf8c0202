"""All tables of the catalog within one transaction. The same code for every database."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog.outbox_table import OutboxTable
from ticker_server.catalog.stock_table import StockTable
from ticker_server.catalog.subscription_table import SubscriptionTable
from ticker_server.catalog.user_table import UserTable

__all__ = ["Repository"]


class Repository:
    """The catalog's tables on a connection whose transaction is the caller's.

    Locks are taken in the order users, stocks, subscriptions; a SQLite writer has the whole file anyway.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self.users = UserTable(connection)
        self.stocks = StockTable(connection)
        self.subscriptions = SubscriptionTable(connection)
        self.outbox = OutboxTable(connection)
