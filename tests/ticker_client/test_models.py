"""Models are plain values."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from ticker_client import models
from ticker_client.models import Stock, SubscriptionRequest, Weekday, Window


def test_models_are_frozen_and_compare_by_value() -> None:
    """A model cannot be changed, and equals another with the same content."""
    stock = Stock("AAPL", "Apple", "USD", datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(dataclasses.FrozenInstanceError):
        stock.name = "x"  # type: ignore[misc]

    assert stock == dataclasses.replace(stock)


def test_defaults_are_those_of_the_service() -> None:
    """A window is 10:00-18:00 every day, and a subscription in UTC with everything else left to the server."""
    assert Window() == Window("10:00", "18:00", ())
    assert SubscriptionRequest("AAPL") == SubscriptionRequest("AAPL", None, "UTC", None, False, None, False)


def test_weekdays_are_numbered_as_iso_does() -> None:
    """Monday is 1 and Sunday is 7, as in `date.isoweekday()`."""
    assert Weekday(datetime(2026, 1, 5, tzinfo=UTC).isoweekday()) is Weekday.MONDAY
    assert Weekday.SUNDAY == 7


def test_all_models_are_offered() -> None:
    """The models of ticks and prices are offered beside the others."""
    assert {"Tick", "StockPrice", "LatestPrices", "PublishResult", "PublishOutcome"} <= set(models.__all__)
