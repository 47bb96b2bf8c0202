"""A stock and a user, as the catalog keeps them."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["STOCK_ID", "USER_ID", "Stock", "User"]

STOCK_ID = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,15}", re.ASCII)
USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stock:
    """Something with a price. Times are nanoseconds since the epoch.

    `hidden_through` is the newest sequence that existed when the stock was created again after a deletion: prices up
    to it belong to its former life and are not shown. It counts in one epoch of the price log only, `hidden_epoch`: in
    another log the same sequence is another tick. They are 0 and empty where nothing is hidden.
    """

    stock_id: str
    name: str
    currency: str
    create_time: int
    hidden_through: int = 0
    hidden_epoch: str = ""

    def hides(self, sequence: int, epoch: str) -> bool:
        """Tell whether a tick, by its sequence in an epoch of the price log, belongs to the stock's former life."""
        return sequence <= self.hidden_through and epoch == self.hidden_epoch


@dataclass(frozen=True, slots=True)
class User:
    """Someone with subscriptions. `create_time` is in nanoseconds since the epoch."""

    user_id: str
    create_time: int
