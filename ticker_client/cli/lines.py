"""The events of a watch as JSON lines."""

from __future__ import annotations

from ticker_client.cli.duration import format_duration
from ticker_client.cli.output import JsonValue
from ticker_client.cli.times import rfc3339
from ticker_client.events import (
    CaughtUp,
    Disconnected,
    Event,
    Gap,
    GoAway,
    Heartbeat,
    Opened,
    Reconnected,
    StockChanged,
    StockDeleted,
    StockJoined,
    StockLeft,
    Update,
    WatchedStock,
)
from ticker_client.models import StockPrice

__all__ = ["event_entry", "price_entry"]

Entry = dict[str, JsonValue]

_CHANGES = {StockJoined: "JOINED", StockChanged: "CHANGED", StockLeft: "LEFT", StockDeleted: "STOCK_DELETED"}


def event_entry(event: Event) -> Entry | None:
    """Return an event as one JSON object; None for one whose news another event carries."""
    match event:
        case Update():
            return {"event": "update", **price_entry(event), "superseded": event.superseded, "kind": event.kind.value}
        case Opened():
            return _opened(event)
        case Gap():
            return {
                "event": "gap",
                "stock_id": event.stock_id,
                "first_missing_tick_number": event.first_missing_tick_number,
                "last_missing_tick_number": event.last_missing_tick_number,
                "reason": event.reason.value,
            }
        case StockJoined() | StockChanged() | StockLeft() | StockDeleted():
            return _change(event)
        case CaughtUp():
            return {"event": "caught_up", "replayed_count": event.replayed_count}
        case Heartbeat():
            return _heartbeat(event)
        case GoAway():
            wait = format_duration(event.reconnect_after)
            return {"event": "go_away", "reason": event.reason.value, "reconnect_after": wait}
        case Disconnected():
            return {"event": "disconnected", "reason": event.reason, "message": event.message}
        case Reconnected():
            return {
                "event": "reconnected",
                "reason": event.reason,
                "attempts": event.attempts,
                "downtime_seconds": round(event.downtime.total_seconds(), 3),
                "replayed_count": event.replayed_count,
            }
    return None  # FeedChanged: the heartbeat that it was read from tells it, too


def price_entry(price: StockPrice) -> Entry:
    """Return a numbered price as a JSON object: decimals as text with the digits that were published."""
    return {
        "stock_id": price.stock_id,
        "price": price.price_text,
        "size": price.size_text or None,
        "trade_time": rfc3339(price.trade_time_ns),
        "accept_time": rfc3339(price.accept_time_ns),
        "sequence": price.sequence,
        "tick_number": price.tick_number,
    }


def _opened(event: Opened) -> Entry:
    return {
        "event": "opened",
        "watch_id": event.watch_id,
        "log_epoch": event.log_epoch,
        "stocks": [_watched(stock) for stock in event.stocks],
        "refusals": [
            {
                "stock_id": refusal.stock_id,
                "user_id": refusal.user_id,
                "reason": refusal.reason,
                "message": refusal.message,
            }
            for refusal in event.refusals
        ],
        "heartbeat_interval": format_duration(event.heartbeat_interval),
        "lag_policy": None if event.lag_policy is None else event.lag_policy.value,
        "oldest_replay_time": None if event.oldest_replay_time is None else rfc3339(event.oldest_replay_time),
        "server_version": event.server_version,
    }


def _change(event: StockJoined | StockChanged | StockLeft | StockDeleted) -> Entry:
    entry: Entry = {"event": "change", "kind": _CHANGES[type(event)], "stock_id": event.stock_id}
    if isinstance(event, StockJoined | StockChanged):
        entry["stock"] = _watched(event.stock)
    return entry


def _watched(stock: WatchedStock) -> Entry:
    return {
        "stock_id": stock.stock_id,
        "name": stock.name,
        "currency": stock.currency,
        "frequency": None if stock.frequency is None else format_duration(stock.frequency),
        "every_tick": stock.every_tick,
        "open_now": stock.open_now,
        "next_open_time": None if stock.next_open_time is None else rfc3339(stock.next_open_time),
        "has_price": stock.has_price,
    }


def _heartbeat(event: Heartbeat) -> Entry:
    return {
        "event": "heartbeat",
        "server_time": rfc3339(event.server_time),
        "next_within": format_duration(event.next_within),
        "read_through": None if event.read_through is None else rfc3339(event.read_through),
        "feed": event.feed.value,
        "feed_since": None if event.feed_since is None else rfc3339(event.feed_since),
        "open_stocks": event.open_stocks,
        "closed_stocks": event.closed_stocks,
        "next_open_time": None if event.next_open_time is None else rfc3339(event.next_open_time),
    }
