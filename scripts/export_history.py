#!/usr/bin/env python3
"""Export the chart of the README: a year of real days of Apple, as `ticker history AAPL --plot` draws them.

    python scripts/export_history.py

The rows are those of the package bokeh_sampledata, which is among the test dependencies. They are drawn by the command
itself, to docs/images/history.png.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, cast

from bokeh_sampledata import stocks

from ticker_client import Bar, BarInterval, Stock
from ticker_client.cli.app import run
from ticker_client.cli.session import Connect
from ticker_client.instants import nanoseconds_of

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "history.png"
FIRST_DAY = "2012-03-01"


class SampleTicker:
    """Stands in for the client of a server: it has the days of one stock."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def get_stock(self, stock_id: str) -> Stock:
        """Return the stock."""
        return Stock(stock_id, "Apple Inc.", "USD", datetime.now(UTC))

    async def list_bars(self, stock_id: str, *, start_time: int, **_: Any) -> AsyncIterator[Bar]:
        """Yield a bar for each day from a time on, in nanoseconds."""
        names = ("date", "open", "high", "low", "close", "volume")
        for date, *numbers in zip(*(stocks.AAPL[name] for name in names), strict=True):
            day = datetime.fromisoformat(date).replace(tzinfo=UTC)
            if nanoseconds_of(day) >= start_time:
                first, high, low, last, volume = (Decimal(str(number)) for number in numbers)
                yield Bar(stock_id, BarInterval.ONE_DAY, day, first, high, low, last, volume, 4, 1, 4)


def main() -> int:
    """Draw the picture; return the exit code of the command."""
    command = ["history", "AAPL", "--start", FIRST_DAY, "--plot", str(PICTURE)]
    code = run(command, connect=cast("Connect", lambda _: SampleTicker()))
    if not code:
        print(f"wrote {PICTURE}")
    return code


if __name__ == "__main__":
    sys.exit(main())
