"""Events for tests of what is shown."""

from __future__ import annotations

from datetime import datetime, timedelta

from ticker.v1 import tick_pb2

from ticker_client.events import Opened, Refusal, Update, UpdateKind, WatchedStock
from ticker_client.instants import timestamp_of

SECOND = 1_000_000_000
NOON = 1_372_680_000 * SECOND
"""Monday 2013-07-01 12:00 UTC."""


def update(
    stock_id: str,
    price: str,
    *,
    size: str = "",
    at: int = NOON,
    number: int = 1,
    kind: UpdateKind = UpdateKind.LIVE,
    superseded: int = 0,
) -> Update:
    """Return a price, traded and accepted at one moment."""
    message = tick_pb2.StockUpdate(
        stock_id=stock_id,
        price=price,
        size=size,
        trade_time=timestamp_of(at),
        accept_time=timestamp_of(at),
        sequence=number * 2,
        tick_number=number,
    )
    return Update(message, kind, superseded)


def watched(stock_id: str, *, next_open: datetime | None = None, frequency: timedelta | None = None) -> WatchedStock:
    """Return a stock as a watch follows it: closed if a next opening is given, every tick if no frequency is."""
    return WatchedStock(
        stock_id=stock_id,
        name=stock_id,
        currency="USD",
        frequency=frequency,
        every_tick=frequency is None,
        open_now=next_open is None,
        next_open_time=next_open,
        has_price=True,
    )


def opened(*stocks: WatchedStock, refused: tuple[str, ...] = ()) -> Opened:
    """Return the beginning of a watch."""
    refusals = tuple(
        Refusal(stock_id, "", "STOCK_NOT_FOUND", f'stock "{stock_id}" does not exist') for stock_id in refused
    )
    return Opened("watch-1", "epoch-1", stocks, refusals, timedelta(seconds=5), None, "0.1.0")
