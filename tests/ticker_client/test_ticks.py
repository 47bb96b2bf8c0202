"""Ticks refuse what is not exact; prices are decoded without a loss."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from ticker.v1.tick_pb2 import StockUpdate

from tests.ticker_client.messages import stock_update
from ticker_client.ticks import StockPrice, Tick


def test_a_tick_refuses_floats() -> None:
    """A float as price or size is a TypeError, because it has lost digits already."""
    with pytest.raises(TypeError, match="float"):
        Tick("AAPL", 1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="float"):
        Tick("AAPL", "1.5", 2.5)  # type: ignore[arg-type]


def test_a_tick_refuses_a_naive_time() -> None:
    """A trade time without a zone is a ValueError."""
    with pytest.raises(ValueError, match="no time zone"):
        Tick("AAPL", "1.5", trade_time=datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


@given(st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,9})?", fullmatch=True))
def test_prices_and_sizes_keep_their_digits(text: str) -> None:
    """A price or size is the exact decimal number of its text, and the text is there with all its digits."""
    price = StockPrice(StockUpdate(stock_id="AAPL", price=text, size=text))

    assert (price.price, price.size) == (Decimal(text), Decimal(text))
    assert (price.price_text, price.size_text) == (text, text)


def test_times_are_exact_in_nanoseconds() -> None:
    """Times are there to the nanosecond, and as datetimes in UTC."""
    message = StockUpdate(
        price="1", trade_time=Timestamp(seconds=86_400, nanos=123_456_789), accept_time=Timestamp(seconds=1, nanos=1)
    )
    price = StockPrice(message)

    assert (price.trade_time_ns, price.accept_time_ns) == (86_400_123_456_789, 1_000_000_001)
    assert price.trade_time == datetime(1970, 1, 2, microsecond=123_456, tzinfo=UTC)
    assert price.accept_time == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_an_unknown_size_is_none() -> None:
    """A size that is not known is None, and one of zero is zero."""
    assert StockPrice(StockUpdate(price="1")).size is None
    assert StockPrice(StockUpdate(price="1", size="0")).size == 0


def test_prices_compare_by_content() -> None:
    """Prices are equal if everything in them is, and read well in a log."""
    price = StockPrice(stock_update("AAPL", 7))

    assert price == StockPrice(stock_update("AAPL", 7))
    assert price != StockPrice(stock_update("AAPL", 7, price="9"))
    assert price != "AAPL"
    assert len({price, StockPrice(stock_update("AAPL", 7)), StockPrice(stock_update("AAPL", 8))}) == 2
    assert repr(price) == "StockPrice(AAPL 7.50 #7 @70)"


def test_a_price_has_its_numbers() -> None:
    """A price has its stock, its sequence and its tick number."""
    price = StockPrice(stock_update("AAPL", 7))

    assert (price.stock_id, price.sequence, price.tick_number) == ("AAPL", 70, 7)
