"""What changed in the catalog: the events that go from the outbox to the open watches of every gateway.

Each carries the `revision` of its change, from one database sequence: a reader ignores what is not above its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from ticker_server.model.stock import Stock
from ticker_server.model.subscription import Subscription

__all__ = [
    "Change",
    "StockCreated",
    "StockDeleted",
    "StockRenamed",
    "SubscriptionChanged",
    "SubscriptionRemoved",
    "UserDeleted",
]


@dataclass(frozen=True, slots=True)
class StockCreated:
    """A stock exists from now on, or again."""

    stock: Stock
    revision: int


@dataclass(frozen=True, slots=True)
class StockRenamed:
    """A stock has a new name."""

    stock: Stock
    revision: int


@dataclass(frozen=True, slots=True)
class StockDeleted:
    """A stock is gone, and with it all its subscriptions."""

    stock_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class SubscriptionChanged:
    """A subscription was added or replaced; `subscription.revision` is the revision of this change."""

    subscription: Subscription

    @property
    def revision(self) -> int:
        """The revision of this change."""
        return self.subscription.revision


@dataclass(frozen=True, slots=True)
class SubscriptionRemoved:
    """A user follows a stock no longer."""

    user_id: str
    stock_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class UserDeleted:
    """A user is gone, and with it all its subscriptions."""

    user_id: str
    revision: int


Change = StockCreated | StockRenamed | StockDeleted | SubscriptionChanged | SubscriptionRemoved | UserDeleted
