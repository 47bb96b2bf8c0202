"""How a change stands in a row of the outbox, both ways. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from ticker_server.model.change import (
    Change,
    StockCreated,
    StockDeleted,
    StockRenamed,
    SubscriptionChanged,
    SubscriptionRemoved,
    UserDeleted,
)
from ticker_server.model.schedule import Schedule, Window
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import Subscription

__all__ = ["change_from", "change_values", "with_revision"]


def change_values(change: Change) -> dict[str, Any]:
    """Return the row of a change, without its revision: that is the database's to give."""
    user_id = stock_id = None
    payload: dict[str, Any] = {}
    match change:
        case StockCreated(stock=stock) | StockRenamed(stock=stock):
            stock_id, payload = stock.stock_id, _stock_payload(stock)
        case SubscriptionChanged(subscription=subscription):
            user_id, stock_id = subscription.user_id, subscription.stock_id
            payload = _subscription_payload(subscription)
        case SubscriptionRemoved():
            user_id, stock_id = change.user_id, change.stock_id
        case StockDeleted():
            stock_id = change.stock_id
        case UserDeleted():
            user_id = change.user_id
    return {"kind": _KINDS[type(change)], "user_id": user_id, "stock_id": stock_id, "payload": json.dumps(payload)}


def change_from(row: Row[Any]) -> Change:
    """Return the change of a row of `outbox`."""
    payload = json.loads(row.payload)
    match row.kind:
        case "stock_created":
            return StockCreated(Stock(row.stock_id, **payload), row.revision)
        case "stock_renamed":
            return StockRenamed(Stock(row.stock_id, **payload), row.revision)
        case "stock_deleted":
            return StockDeleted(row.stock_id, row.revision)
        case "subscription_changed":
            return SubscriptionChanged(_subscription(row, payload))
        case "subscription_removed":
            return SubscriptionRemoved(row.user_id, row.stock_id, row.revision)
        case "user_deleted":
            return UserDeleted(row.user_id, row.revision)
        case kind:
            raise ValueError(f"the outbox has a change of an unknown kind {kind!r}, revision {row.revision}")


def with_revision(change: Change, revision: int) -> Change:
    """Return the change with the revision that the database gave it."""
    if isinstance(change, SubscriptionChanged):
        return SubscriptionChanged(replace(change.subscription, revision=revision))
    return replace(change, revision=revision)


_KINDS: dict[type[Change], str] = {
    StockCreated: "stock_created",
    StockRenamed: "stock_renamed",
    StockDeleted: "stock_deleted",
    SubscriptionChanged: "subscription_changed",
    SubscriptionRemoved: "subscription_removed",
    UserDeleted: "user_deleted",
}


def _stock_payload(stock: Stock) -> dict[str, Any]:
    return {
        "name": stock.name,
        "currency": stock.currency,
        "create_time": stock.create_time,
        "hidden_through": stock.hidden_through,
        "hidden_epoch": stock.hidden_epoch,
    }


def _subscription_payload(subscription: Subscription) -> dict[str, Any]:
    window = subscription.schedule.window
    return {
        "cadence": subscription.cadence,
        "time_zone": subscription.schedule.time_zone,
        "window": [window.start, window.end, list(window.weekdays)] if window else None,
        "create_time": subscription.create_time,
        "update_time": subscription.update_time,
    }


def _subscription(row: Row[Any], payload: dict[str, Any]) -> Subscription:
    window = None
    if payload["window"] is not None:
        start, end, weekdays = payload["window"]
        window = Window(start, end, tuple(weekdays))
    return Subscription(
        user_id=row.user_id,
        stock_id=row.stock_id,
        cadence=payload["cadence"],
        schedule=Schedule(payload["time_zone"], window),
        revision=row.revision,
        create_time=payload["create_time"],
        update_time=payload["update_time"],
    )
