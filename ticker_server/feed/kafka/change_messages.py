"""Subscriptions and stocks as the values of the topic of catalog changes: messages of `ticker.v1`, both ways. Pure."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import stock_service_pb2, subscription_service_pb2

from ticker_server.model.schedule import Schedule, is_time_zone, parse_window
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import EVERY_TICK, MAX_FREQUENCY, MIN_FREQUENCY, Subscription

__all__ = ["stock_from", "stock_value", "subscription_from", "subscription_value"]

_SECOND = 1_000_000_000


def subscription_value(subscription: Subscription) -> bytes:
    """Return a subscription as a `ticker.v1.Subscription`, without what depends on the time of asking."""
    window = subscription.schedule.window
    message = subscription_service_pb2.Subscription(
        user_id=subscription.user_id,
        stock_id=subscription.stock_id,
        time_zone=subscription.schedule.time_zone,
        revision=subscription.revision,
        create_time=_timestamp(subscription.create_time),
        update_time=_timestamp(subscription.update_time),
    )
    if subscription.cadence == EVERY_TICK:
        message.every_tick = True
    else:
        seconds, nanos = divmod(subscription.cadence, _SECOND)
        message.frequency.CopyFrom(Duration(seconds=seconds, nanos=nanos))
    if window is None:
        message.always = True
    else:
        message.active_window.start, message.active_window.end = window.start_text, window.end_text
        # The weekdays of the wire are numbered as those of ISO 8601.
        message.active_window.weekdays.extend(map(subscription_service_pb2.Weekday.ValueType, window.weekdays))
    return message.SerializeToString()


def subscription_from(value: bytes) -> Subscription:
    """Return the subscription of a value; its ids are as they stand there.

    Raises:
        DecodeError: The value is no message.
        ValueError: The message is no subscription: something is missing, or breaks a rule of subscriptions.
    """
    message = subscription_service_pb2.Subscription.FromString(value)
    return Subscription(
        user_id=message.user_id,
        stock_id=message.stock_id,
        cadence=_cadence(message),
        schedule=_schedule(message),
        revision=message.revision,
        create_time=_instant(message, "create_time"),
        update_time=_instant(message, "update_time"),
    )


def stock_value(stock: Stock) -> bytes:
    """Return a stock as a `ticker.v1.Stock`, which does not say what is hidden of it."""
    return stock_service_pb2.Stock(
        stock_id=stock.stock_id, name=stock.name, currency=stock.currency, create_time=_timestamp(stock.create_time)
    ).SerializeToString()


def stock_from(value: bytes, hidden_through: int, hidden_epoch: str) -> Stock:
    """Return the stock of a value; its id is as it stands there.

    Raises:
        DecodeError: The value is no message.
        ValueError: The message is no stock: something is missing.
    """
    message = stock_service_pb2.Stock.FromString(value)
    if not message.name or not message.currency:
        raise ValueError("a stock has a name and a currency")
    return Stock(
        stock_id=message.stock_id,
        name=message.name,
        currency=message.currency,
        create_time=_instant(message, "create_time"),
        hidden_through=hidden_through,
        hidden_epoch=hidden_epoch,
    )


def _cadence(message: subscription_service_pb2.Subscription) -> int:
    if message.every_tick:
        return EVERY_TICK
    frequency = message.frequency.seconds * _SECOND + message.frequency.nanos
    if not MIN_FREQUENCY <= frequency <= MAX_FREQUENCY:  # none at all is 0
        raise ValueError(f"a frequency of {frequency} ns is none that a subscription may have")
    return frequency


def _schedule(message: subscription_service_pb2.Subscription) -> Schedule:
    if not is_time_zone(message.time_zone):
        raise ValueError("the time zone does not exist")
    if message.always:
        return Schedule(message.time_zone, None)
    window = message.active_window
    return Schedule(message.time_zone, parse_window(window.start, window.end, window.weekdays))


def _timestamp(instant: int) -> Timestamp:
    seconds, nanos = divmod(instant, _SECOND)
    return Timestamp(seconds=seconds, nanos=nanos)


def _instant(message: subscription_service_pb2.Subscription | stock_service_pb2.Stock, name: str) -> int:
    timestamp: Timestamp = getattr(message, name)
    if not message.HasField(name) or not 0 <= timestamp.nanos < _SECOND:  # type: ignore[arg-type]
        raise ValueError(f"{name} is no time")
    return timestamp.seconds * _SECOND + timestamp.nanos
