"""What the model becomes on the wire."""

from __future__ import annotations

from dataclasses import replace

from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import subscription_service_pb2

from ticker_server.api.messages import bar_message, stock_message, subscription_message, user_message
from ticker_server.api.requests import parse_add_stock
from ticker_server.api.validation import duration_nanoseconds, timestamp_nanoseconds
from ticker_server.model.bar import bar_of, merged
from ticker_server.model.schedule import DEFAULT_WINDOW, Schedule, Window
from ticker_server.model.stock import Stock, User
from ticker_server.model.subscription import EVERY_TICK, MAX_FREQUENCY, MIN_FREQUENCY, Subscription
from ticker_server.model.tick import AcceptedTick

HOUR = 3600 * 10**9
# Wednesday, 2026-07-01T12:00:00Z
NOON = 1_782_907_200 * 10**9
INSTANTS = st.integers(-62_135_596_800 * 10**9, 253_402_300_799 * 10**9)


def subscription(**changes: object) -> Subscription:
    """Return ana's subscription of AAPL, in UTC, every 5 s, 10:00-18:00."""
    standard = Subscription("ana", "AAPL", 5 * 10**9, Schedule("UTC", DEFAULT_WINDOW), 7, NOON, NOON)
    return replace(standard, **changes)  # type: ignore[arg-type]


def test_bar_is_told_readably() -> None:
    """A bar in JSON has decimals as text, without exponents, and its sequences only in the epoch that they count in."""
    ticks = [
        AcceptedTick("AAPL", price, "1.5", NOON + sequence, 0, sequence, sequence)
        for sequence, price in ((7, "0.000000001"), (9, "167.40"))
    ]
    bar = merged(*(bar_of(tick, 2, HOUR) for tick in ticks))
    told = {
        "start_time": "2026-07-01T12:00:00Z",
        "open": "0.000000001",
        "high": "167.40",
        "low": "0.000000001",
        "close": "167.40",
        "volume": "3.0",
        "tick_count": "2",
    }

    assert MessageToDict(bar_message(bar, 3), preserving_proto_field_name=True) == told
    assert MessageToDict(bar_message(bar, 2), preserving_proto_field_name=True) == {
        **told,
        "first_sequence": "7",
        "last_sequence": "9",
    }


def test_stock_is_told_readably() -> None:
    """A stock in JSON has plain names and RFC 3339 times."""
    assert MessageToDict(stock_message(Stock("AAPL", "Apple", "USD", NOON)), preserving_proto_field_name=True) == {
        "stock_id": "AAPL",
        "name": "Apple",
        "currency": "USD",
        "create_time": "2026-07-01T12:00:00Z",
    }


@given(INSTANTS)
def test_instants_are_exact(instant: int) -> None:
    """An instant of any age is told to the nanosecond."""
    assert timestamp_nanoseconds(user_message(User("ana", instant)).create_time) == instant


@given(st.integers(MIN_FREQUENCY, MAX_FREQUENCY))
def test_frequencies_are_exact(frequency: int) -> None:
    """A frequency is told to the nanosecond."""
    message = subscription_message(subscription(cadence=frequency), NOON)

    assert duration_nanoseconds(message.frequency) == frequency


def test_every_tick_and_always_are_told() -> None:
    """A subscription of every tick at all times says so, and has neither frequency nor window."""
    message = subscription_message(subscription(cadence=EVERY_TICK, schedule=Schedule("UTC", None)), NOON)

    assert message.WhichOneof("cadence") == "every_tick"
    assert message.WhichOneof("schedule") == "always"
    assert message.open_now
    assert not message.HasField("next_open_time")


def test_open_window_has_no_next_opening() -> None:
    """While the window is open, no next opening is told."""
    message = subscription_message(subscription(), NOON)

    assert message.open_now
    assert not message.HasField("next_open_time")


def test_closed_window_tells_the_next_opening() -> None:
    """While the window is closed, the instant at which it opens next is told."""
    message = subscription_message(subscription(), NOON + 8 * HOUR)

    assert not message.open_now
    assert timestamp_nanoseconds(message.next_open_time) == NOON + 22 * HOUR


@given(
    st.builds(
        Window,
        st.integers(0, 719),
        st.integers(720, 1440),
        st.sets(st.integers(1, 7)).map(lambda days: tuple(sorted(days))),
    )
)
def test_told_window_asks_for_itself(window: Window) -> None:
    """A window that was told and sent back is the same window."""
    told = subscription_message(subscription(schedule=Schedule("Europe/Berlin", window)), NOON)

    request = subscription_service_pb2.AddStockRequest(
        user_id="ana", stock_id="AAPL", time_zone=told.time_zone, active_window=told.active_window
    )
    assert parse_add_stock(request).schedule == Schedule("Europe/Berlin", window)
