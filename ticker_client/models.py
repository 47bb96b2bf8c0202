"""What the client takes and gives: stocks, users, subscriptions, and from `ticks` the ticks and prices."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from ticker_client.ticks import LatestPrices, PublishOutcome, PublishResult, StockPrice, Tick

__all__ = [
    "AddedStock",
    "LatestPrices",
    "PublishOutcome",
    "PublishResult",
    "RemovedStocks",
    "Stock",
    "StockPrice",
    "Subscription",
    "SubscriptionRequest",
    "Tick",
    "User",
    "Weekday",
    "Window",
]


@dataclass(frozen=True, slots=True)
class Stock:
    """Something with a price."""

    stock_id: str
    """The ticker symbol, such as `AAPL` or `BRK.B`."""
    name: str
    """A name for people; the stock id where none was given."""
    currency: str
    """The currency of its prices, ISO 4217."""
    create_time: datetime
    """When it was created."""


@dataclass(frozen=True, slots=True)
class User:
    """Someone with subscriptions."""

    user_id: str
    create_time: datetime
    """When it was created, by `create_user` or by its first `add_stock`."""


class Weekday(enum.IntEnum):
    """A day of the week, numbered as ISO 8601 does."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


@dataclass(frozen=True, slots=True)
class Window:
    """The hours of local wall clock in which a subscription is served: half-open, from start to just before end."""

    start: str = "10:00"
    """`HH:MM` in the time zone of the subscription."""
    end: str = "18:00"
    """`HH:MM`, up to `24:00`; an end before the start is on the next day, which belongs to the day of the start."""
    weekdays: tuple[int, ...] = ()
    """The days on which it starts, 1 = Monday ... 7 = Sunday (`Weekday`); none = every day."""


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """The wish to follow a stock; it replaces the subscription of that user and stock as a whole."""

    stock_id: str
    user_id: str | None = None
    """None = the client's own user."""
    time_zone: str = "UTC"
    """The IANA name of the zone of the window, such as `Europe/Berlin`."""
    frequency: timedelta | None = None
    """Between updates, 100 ms to 24 h; None = the default of 5 s. Not together with `every_tick`."""
    every_tick: bool = False
    """Deliver every tick."""
    window: Window | None = None
    """None = the default window, 10:00-18:00 every day. Not together with `always`."""
    always: bool = False
    """Deliver at all hours."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """The stored wish of a user to follow a stock."""

    user_id: str
    stock_id: str
    time_zone: str
    """The IANA name of the zone of the window."""
    frequency: timedelta | None
    """Between updates; None with `every_tick`."""
    every_tick: bool
    window: Window | None
    """The hours of delivery; None with `always`."""
    always: bool
    revision: int
    """Grows with each change of any subscription; an identical `add_stock` leaves it as it is."""
    create_time: datetime
    update_time: datetime
    open_now: bool
    """Whether updates leave at this moment."""
    next_open_time: datetime | None
    """The next opening of the window; None while it is open."""


@dataclass(frozen=True, slots=True)
class AddedStock:
    """What `add_stock` did."""

    subscription: Subscription
    created: bool
    """Whether the subscription is new; False = it was replaced, or was the same already."""


@dataclass(frozen=True, slots=True)
class RemovedStocks:
    """What `remove_stocks` did."""

    removed: tuple[str, ...]
    not_subscribed: tuple[str, ...]
    """The ids among those asked for that the user did not follow."""
