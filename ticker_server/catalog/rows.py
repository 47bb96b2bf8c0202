"""How a stock, a user and a subscription stand in a row, both ways. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from ticker_server.model.schedule import Schedule, Window, parse_window
from ticker_server.model.stock import Stock, User
from ticker_server.model.subscription import EVERY_TICK, Subscription

__all__ = ["stock_from", "stock_values", "subscription_from", "subscription_values", "user_from"]


def stock_from(row: Row[Any]) -> Stock:
    """Return the stock of a row of `stock`."""
    return Stock(row.stock_id, row.name, row.currency, row.create_time_ns, row.hidden_through, row.hidden_epoch or "")


def stock_values(stock: Stock) -> dict[str, Any]:
    """Return the row of a listed stock."""
    return {
        "stock_id": stock.stock_id,
        "name": stock.name,
        "currency": stock.currency,
        "create_time_ns": stock.create_time,
        "delete_time_ns": None,
        "hidden_through": stock.hidden_through,
        "hidden_epoch": stock.hidden_epoch or None,
    }


def user_from(row: Row[Any]) -> User:
    """Return the user of a row of `user`."""
    return User(row.user_id, row.create_time_ns)


def subscription_from(row: Row[Any]) -> Subscription:
    """Return the subscription of a row of `user_stock_subscription`."""
    always = row.window_start is None
    return Subscription(
        user_id=row.user_id,
        stock_id=row.stock_id,
        cadence=EVERY_TICK if row.frequency_ns is None else row.frequency_ns,
        schedule=Schedule(row.time_zone, None if always else _window(row.window_start, row.window_end, row.weekdays)),
        revision=row.revision,
        create_time=row.create_time_ns,
        update_time=row.update_time_ns,
    )


def subscription_values(subscription: Subscription) -> dict[str, Any]:
    """Return the row of a subscription: NULL stands for every tick, for always, and for every day."""
    window = subscription.schedule.window
    return {
        "user_id": subscription.user_id,
        "stock_id": subscription.stock_id,
        "time_zone": subscription.schedule.time_zone,
        "frequency_ns": None if subscription.cadence == EVERY_TICK else subscription.cadence,
        "window_start": window.start_text if window else None,
        "window_end": window.end_text if window else None,
        "weekdays": ",".join(map(str, window.weekdays)) or None if window else None,
        "revision": subscription.revision,
        "create_time_ns": subscription.create_time,
        "update_time_ns": subscription.update_time,
    }


@lru_cache(maxsize=1024)
def _window(start: str, end: str, weekdays: str | None) -> Window:
    """Return one shared object for equal windows: most of a million subscriptions have one of a few."""
    return parse_window(start, end, [int(day) for day in weekdays.split(",")] if weekdays else [])
