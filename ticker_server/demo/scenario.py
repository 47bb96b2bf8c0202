"""The demo's scenario: its stocks, its user with five subscriptions, and its market played in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

from ticker_server.catalog import Catalog
from ticker_server.clock import Clock
from ticker_server.demo.market import STOCKS, Market
from ticker_server.feed.log import Published
from ticker_server.model.schedule import Schedule
from ticker_server.model.subscription import EVERY_TICK, Wish
from ticker_server.model.tick import Tick

__all__ = ["DEMO_USER", "play_market", "prepare"]

DEMO_USER = "demo"
_PUBLISHER = "demo-market"
_SECOND = 1_000_000_000
_CADENCES = {"AAPL": _SECOND, "NVDA": EVERY_TICK, "TSLA": 2 * _SECOND, "MSFT": 5 * _SECOND, "BRK.B": _SECOND}

Publish = Callable[[Sequence[Tick]], Awaitable[list[Published]]]


async def prepare(catalog: Catalog, publish: Publish) -> None:
    """Create the stocks with an opening price each, and a user who follows five of them around the clock."""
    for stock in STOCKS:
        await catalog.create_stock(stock.stock_id, name=stock.name, currency="USD")
    await publish([Tick(stock.stock_id, stock.price) for stock in STOCKS])
    always = Schedule("UTC", None)
    await catalog.add_stocks([Wish(DEMO_USER, stock_id, cadence, always) for stock_id, cadence in _CADENCES.items()])


async def play_market(market: Market, publish: Publish, clock: Clock) -> None:
    """Publish the market's ticks, each at its moment, until cancelled."""
    sequences = count(clock.wall())
    due = clock.monotonic()
    for market_tick in market.ticks():
        due += market_tick.after_ns
        await asyncio.sleep(max(0, due - clock.monotonic()) / _SECOND)
        tick = market_tick.tick
        tick.publisher_id, tick.publisher_sequence = _PUBLISHER, next(sequences)
        await publish([tick])
