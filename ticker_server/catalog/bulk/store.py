"""What an import asks of a database, within one transaction. Synchronous: nothing is served meanwhile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from ticker_server.catalog.bulk.merging import Alteration
from ticker_server.catalog.rows import subscription_from
from ticker_server.catalog.subscription_table import Key
from ticker_server.model.subscription import Subscription

__all__ = ["BulkStore", "subscriptions_by_key"]


class BulkStore(ABC):
    """A connection on which chunk after chunk is imported, each in a transaction of the caller's.

    Locks are taken in the order users, stocks, subscriptions, and within each by id, as gateways take them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @abstractmethod
    def insert_users(self, user_ids: Sequence[str], now: int) -> int:
        """Store the users that are not stored yet, in the order given, which is by id; return how many."""

    @abstractmethod
    def lock_users(self, user_ids: Sequence[str], now: int) -> None:
        """Store the users that are missing; no one else changes any of them until the end of the transaction."""

    @abstractmethod
    def listed(self, stock_ids: Collection[str]) -> set[str]:
        """Return which of the stocks exist."""

    @abstractmethod
    def keep_listed(self, stock_ids: Collection[str]) -> set[str]:
        """Return which of the stocks exist; none of those is deleted before the end of the transaction."""

    @abstractmethod
    def stored(self, keys: Collection[Key]) -> dict[Key, Subscription]:
        """Return those of the subscriptions that exist."""

    @abstractmethod
    def count(self, user_ids: Collection[str]) -> Mapping[str, int]:
        """Return how many subscriptions each user has; users without any are left out."""

    @abstractmethod
    def write(self, alterations: Sequence[Alteration], now: int) -> None:
        """Store subscriptions, with new revisions that grow in the order given; gateways that may serve are told."""

    @abstractmethod
    def backlog(self, limit: int) -> int:
        """Return how many changes are waiting in the outbox, counted up to a limit."""


def subscriptions_by_key(rows: Collection[Row[Any]]) -> dict[Key, Subscription]:
    """Return the subscriptions of rows of `user_stock_subscription`."""
    found = map(subscription_from, rows)
    return {(subscription.user_id, subscription.stock_id): subscription for subscription in found}
