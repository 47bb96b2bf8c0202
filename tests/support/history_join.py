"""A program that reads the history of a stock and then watches it, while somebody publishes without a pause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ticker_client import BarInterval, Gap, Tick, TickerClient, Update

STOCK = "JOIN"
HALF_A_MINUTE = 30_000_000_000
BATCH = 50
SEVERAL_PAGES = 2_500
"""Half-minute ticks that make more bars than a page has room for."""


@asynccontextmanager
async def publishing(target: str) -> AsyncIterator[None]:
    """Publish ticks, half a minute of trade time apart: several pages at once, and more until the end of the block."""
    async with TickerClient(target) as client:
        await client.publish([_tick(number) for number in range(1, SEVERAL_PAGES + 1)])

        async def publish() -> None:
            first = SEVERAL_PAGES + 1
            while True:
                await client.publish([_tick(number) for number in range(first, first + BATCH)])
                first += BATCH

        task = asyncio.create_task(publish())
        try:
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def joined(target: str, further: int) -> tuple[int, list[int]]:
    """Read the history, then watch on from there; return how many ticks the one has, and the numbers of the others."""
    async with TickerClient(target) as client:
        bars = await client.bars(STOCK, interval=BarInterval.ONE_MINUTE)
        numbers: list[int] = []
        async with client.watch(STOCK, every_tick=True, resume=bars.resume) as watch:
            async for event in watch:
                assert not isinstance(event, Gap), event
                if isinstance(event, Update):
                    numbers.append(event.tick_number)
                    if len(numbers) >= further:
                        break
        return sum(bar.tick_count for bar in bars), numbers


def _tick(number: int) -> Tick:
    return Tick(STOCK, str(number), trade_time=number * HALF_A_MINUTE)
