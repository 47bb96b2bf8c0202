"""`ticker latest`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.ticker_client.cli.events_of_a_watch import update
from tests.ticker_client.cli.fake_ticker import FakeTicker

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
async def _prices(ticker: FakeTicker) -> None:
    """Have two prices, and a stock without one."""
    ticker.prices = [update("AAPL", "167.420", size="100", number=3), update("FB", "27")]
    await ticker.create_stock("NEW")


def test_newest_prices_keep_their_digits(run_ticker: Run) -> None:
    """`latest` shows each price as it was published, and says where there is none."""
    finished = run_ticker("latest", "AAPL", "NEW")

    assert finished.code == 0
    assert finished.out.splitlines() == [
        "STOCK     PRICE  SIZE  TRADE TIME            ACCEPT TIME           TICK",
        "AAPL    167.420   100  2013-07-01T12:00:00Z  2013-07-01T12:00:00Z     3",
        "NEW    no price     -  -                     -                        -",
    ]


def test_newest_prices_are_json_lines(run_ticker: Run) -> None:
    """Programs read one object for each stock, the price as text."""
    finished = run_ticker("latest", "AAPL", "NEW", "--json")

    assert finished.entries == [
        {
            "stock_id": "AAPL",
            "price": "167.420",
            "size": "100",
            "trade_time": "2013-07-01T12:00:00Z",
            "accept_time": "2013-07-01T12:00:00Z",
            "sequence": 6,
            "tick_number": 3,
        },
        {"stock_id": "NEW", "price": None},
    ]


def test_a_star_means_all_stocks(run_ticker: Run) -> None:
    """`latest '*'` asks for every stock that has a price."""
    assert [entry["stock_id"] for entry in run_ticker("latest", "*", "--json").entries] == ["AAPL", "FB"]


def test_an_unknown_stock_is_told_beside_the_others(run_ticker: Run) -> None:
    """A stock that does not exist is named on stderr and in the exit code, and the others are shown all the same."""
    finished = run_ticker("latest", "AAPL", "NOPE")

    assert finished.code == 1
    assert "167.420" in finished.out
    assert finished.err == 'error: STOCK_NOT_FOUND: stock "NOPE" does not exist; see ticker stocks list\n'

    assert run_ticker("latest", "NOPE").out == ""
