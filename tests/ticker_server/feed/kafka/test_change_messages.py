"""Subscriptions and stocks as values of the topic of catalog changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from ticker.v1.stock_service_pb2 import Stock as StockMessage
from ticker.v1.subscription_service_pb2 import Subscription as SubscriptionMessage

from tests.support.sample_changes import stocks, subscriptions
from ticker_server.feed.kafka.change_messages import (
    stock_from,
    stock_value,
    subscription_from,
    subscription_value,
)
from ticker_server.model.schedule import Schedule, Window
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import EVERY_TICK, Subscription

SUBSCRIPTION = Subscription(
    "ana", "AAPL", 1_500_000_000, Schedule("UTC", Window(540, 1440, (1, 5))), 7, 3, 1_000_000_004
)
STOCK = Stock("AAPL", "Apple", "USD", 3)

Break = Callable[[SubscriptionMessage], object]


@given(subscriptions)
def test_subscription_comes_back(subscription: Subscription) -> None:
    """A subscription comes back from its value as it was."""
    assert subscription_from(subscription_value(subscription)) == subscription


@given(stocks)
def test_stock_comes_back(stock: Stock) -> None:
    """A stock comes back from its value, and what the value does not say, as it was."""
    assert stock_from(stock_value(stock), stock.hidden_through, stock.hidden_epoch) == stock


def test_subscription_is_the_message_of_the_api() -> None:
    """Whoever knows ticker.v1 can read a value; what depends on the time of asking is not in it."""
    message = SubscriptionMessage.FromString(subscription_value(SUBSCRIPTION))

    assert (message.user_id, message.stock_id, message.time_zone, message.revision) == ("ana", "AAPL", "UTC", 7)
    assert (message.frequency.seconds, message.frequency.nanos) == (1, 500_000_000)
    assert (message.active_window.start, message.active_window.end) == ("09:00", "24:00")
    assert list(message.active_window.weekdays) == [1, 5]
    assert (message.update_time.seconds, message.update_time.nanos) == (1, 4)
    assert not message.open_now
    assert not message.HasField("next_open_time")


def test_every_tick_and_always_are_told() -> None:
    """What has no frequency and no window says so by fields of their own."""
    subscription = Subscription("ana", "AAPL", EVERY_TICK, Schedule("UTC", None), 7, 3, 4)

    message = SubscriptionMessage.FromString(subscription_value(subscription))

    assert (message.WhichOneof("cadence"), message.WhichOneof("schedule")) == ("every_tick", "always")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda message: message.ClearField("cadence"),
        lambda message: message.frequency.FromMilliseconds(99),
        lambda message: message.frequency.FromSeconds(86_401),
        lambda message: setattr(message, "every_tick", False),
        lambda message: message.ClearField("schedule"),
        lambda message: setattr(message, "always", False),
        lambda message: setattr(message.active_window, "start", "9:00"),
        lambda message: message.active_window.weekdays.append(8),
        lambda message: setattr(message, "time_zone", "Europe/Nowhere"),
        lambda message: message.ClearField("create_time"),
        lambda message: message.ClearField("update_time"),
        lambda message: setattr(message.update_time, "nanos", 1_000_000_000),
        lambda message: setattr(message.update_time, "nanos", -1),
    ],
)
def test_spoiled_subscription_is_refused(spoil: Break) -> None:
    """What misses something or breaks a rule of subscriptions is none."""
    message = SubscriptionMessage.FromString(subscription_value(SUBSCRIPTION))
    spoil(message)

    with pytest.raises(ValueError, match=r".+"):
        subscription_from(message.SerializeToString())


@pytest.mark.parametrize("missing", ["name", "currency", "create_time"])
def test_incomplete_stock_is_refused(missing: str) -> None:
    """A stock has a name, a currency and a time."""
    message = StockMessage.FromString(stock_value(STOCK))
    message.ClearField(missing)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=r".+"):
        stock_from(message.SerializeToString(), 0, "")


def test_other_bytes_are_refused() -> None:
    """What is no message is told apart from a message that breaks rules."""
    with pytest.raises(DecodeError):
        subscription_from(b"\xff\xff")
    with pytest.raises(DecodeError):
        stock_from(b"\xff\xff", 0, "")
