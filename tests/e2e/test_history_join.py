"""History and watch have each tick once, at the embedded server."""

from __future__ import annotations

from tests.support.history_join import SEVERAL_PAGES, STOCK, joined, publishing
from ticker_client import TickerClient
from ticker_server.app import Gateway


async def test_history_and_then_a_watch(gateway: Gateway) -> None:
    """A program that reads several pages of bars while ticks come, and watches on, has had each tick exactly once."""
    target = gateway.target
    async with TickerClient(target) as client:
        await client.create_stock(STOCK)
    async with publishing(target):
        for _ in range(3):
            count, numbers = await joined(target, 500)
            assert count >= SEVERAL_PAGES
            assert numbers == list(range(count + 1, count + 501))
