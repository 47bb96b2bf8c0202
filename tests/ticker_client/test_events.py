"""Events say what they mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.ticker_client.messages import stock_update
from ticker_client.events import Gap, GapReason, StockChanged, StockJoined, Update, UpdateKind, WatchedStock
from ticker_client.ticks import StockPrice

AAPL = WatchedStock("AAPL", "Apple", "USD", None, True, True, None, True)


def test_an_update_is_a_price_with_a_story() -> None:
    """An update is a price, and knows its kind, what it superseded and when it was sent."""
    update = Update(stock_update("AAPL", 7), UpdateKind.LIVE, 3, 1_500_000_000)

    assert isinstance(update, StockPrice)
    assert (update.kind, update.superseded, update.sent_time_ns) == (UpdateKind.LIVE, 3, 1_500_000_000)
    assert update.sent_time == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)


def test_updates_differ_by_their_story() -> None:
    """Two updates of the same price are equal only if they superseded the same number of ticks."""
    update = Update(stock_update("AAPL", 7), UpdateKind.LIVE, 3)

    assert update == Update(stock_update("AAPL", 7), UpdateKind.LIVE, 3)
    assert update != Update(stock_update("AAPL", 7), UpdateKind.LIVE, 4)
    assert update != StockPrice(stock_update("AAPL", 7))


def test_updates_cannot_be_changed() -> None:
    """An update has no fields that can be set."""
    update = Update(stock_update("AAPL", 7), UpdateKind.LIVE)
    with pytest.raises(AttributeError):
        update.superseded = 1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        update.note = "x"  # type: ignore[attr-defined]


def test_an_update_in_place_of_a_snapshot_is_the_snapshot() -> None:
    """An update that replaces an unseen snapshot is the snapshot and superseded nothing; else it counts."""
    snapshot = Update(stock_update("AAPL", 7), UpdateKind.SNAPSHOT)
    older = Update(stock_update("AAPL", 8), UpdateKind.LIVE)
    newer = Update(stock_update("AAPL", 9), UpdateKind.LIVE)

    replaced = newer.replacing(snapshot, superseded=2)
    assert (replaced.kind, replaced.superseded, replaced.tick_number) == (UpdateKind.SNAPSHOT, 0, 9)
    replaced = newer.replacing(older, superseded=1)
    assert (replaced.kind, replaced.superseded, replaced.tick_number) == (UpdateKind.LIVE, 1, 9)


def test_a_gap_counts_what_is_missing() -> None:
    """A gap knows how many ticks are missing, and None where that cannot be told."""
    assert Gap("AAPL", 3, 5, GapReason.READER_LAGGED).missing == 3
    assert Gap("AAPL", 0, 0, GapReason.COUNT_LOST).missing is None


def test_changes_name_their_stock() -> None:
    """A stock that joined or changed is named like those that left."""
    assert StockJoined(AAPL).stock_id == StockChanged(AAPL).stock_id == "AAPL"
