"""What the model becomes on the wire."""

from __future__ import annotations

from ticker.v1 import price_service_pb2, stock_service_pb2, subscription_service_pb2, user_service_pb2

from ticker_server.fanout.encoding import duration, timestamp
from ticker_server.model.bar import Bar
from ticker_server.model.schedule import Window
from ticker_server.model.stock import Stock, User
from ticker_server.model.subscription import EVERY_TICK, Subscription

__all__ = ["bar_message", "stock_message", "subscription_message", "user_message"]

Weekday = subscription_service_pb2.Weekday


def stock_message(stock: Stock) -> stock_service_pb2.Stock:
    """Return a stock as the API tells it."""
    return stock_service_pb2.Stock(
        stock_id=stock.stock_id,
        name=stock.name,
        currency=stock.currency,
        create_time=timestamp(stock.create_time),
    )


def user_message(user: User) -> user_service_pb2.User:
    """Return a user as the API tells it."""
    return user_service_pb2.User(user_id=user.user_id, create_time=timestamp(user.create_time))


def subscription_message(subscription: Subscription, now: int) -> subscription_service_pb2.Subscription:
    """Return a subscription as the API tells it; `now` decides whether its window is open."""
    window = subscription.schedule.window
    message = subscription_service_pb2.Subscription(
        user_id=subscription.user_id,
        stock_id=subscription.stock_id,
        time_zone=subscription.schedule.time_zone,
        revision=subscription.revision,
        create_time=timestamp(subscription.create_time),
        update_time=timestamp(subscription.update_time),
        open_now=subscription.schedule.is_open(now),
    )
    if subscription.cadence == EVERY_TICK:
        message.every_tick = True
    else:
        message.frequency.CopyFrom(duration(subscription.cadence))
    if window is None:
        message.always = True
    else:
        message.active_window.CopyFrom(_window_message(window))
    next_open = subscription.schedule.next_open(now)
    if next_open is not None:
        message.next_open_time.CopyFrom(timestamp(next_open))
    return message


def bar_message(bar: Bar, epoch: int) -> price_service_pb2.Bar:
    """Return a bar as the API tells it, with its sequences if they are of this epoch (its ordinal)."""
    counts = bar.epoch == epoch
    return price_service_pb2.Bar(
        start_time=timestamp(bar.start),
        open=f"{bar.open:f}",
        high=f"{bar.high:f}",
        low=f"{bar.low:f}",
        close=f"{bar.close:f}",
        volume=f"{bar.volume:f}",
        tick_count=bar.tick_count,
        first_sequence=bar.first_sequence if counts else 0,
        last_sequence=bar.last_sequence if counts else 0,
    )


def _window_message(window: Window) -> subscription_service_pb2.ActiveWindow:
    # The weekdays of the wire are numbered as those of ISO 8601.
    return subscription_service_pb2.ActiveWindow(
        start=window.start_text,
        end=window.end_text,
        weekdays=[Weekday.ValueType(weekday) for weekday in window.weekdays],
    )
