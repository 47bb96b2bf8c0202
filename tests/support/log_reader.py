"""A reader of a price log that runs beside a test and keeps what it gets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from ticker_server.feed.log import PriceLog
from ticker_server.model.acceptance import Positions
from ticker_server.model.tick import AcceptedTick


class LogReader:
    """The ticks of one `read`, and the positions that came with them."""

    def __init__(self, positions: Positions) -> None:
        self.ticks: list[AcceptedTick] = []
        self.positions = dict(positions)
        self._grown = asyncio.Condition()

    async def follow(self, log: PriceLog) -> None:
        """Read until cancelled, or until the log ends it."""
        async for batch in log.read(dict(self.positions)):
            async with self._grown:
                self.ticks += batch.ticks
                self.positions.update(batch.positions)
                self._grown.notify_all()

    async def until(self, holds: Callable[[], bool], seconds: float = 20) -> None:
        """Wait until something holds of what was read."""
        async with asyncio.timeout(seconds), self._grown:
            await self._grown.wait_for(holds)

    def numbers(self) -> list[tuple[str, str, int, int]]:
        """Return stock, price, sequence and tick number of what was read, stock by stock."""
        return sorted(
            ((tick.stock_id, tick.price, tick.sequence, tick.tick_number) for tick in self.ticks),
            key=lambda tick: (tick[0], tick[2]),
        )


@contextlib.asynccontextmanager
async def reading(log: PriceLog, positions: Positions | None = None) -> AsyncIterator[LogReader]:
    """Read a log from positions, or from where it was opened, while the block runs."""
    reader = LogReader(log.snapshot().positions if positions is None else positions)
    following = asyncio.create_task(reader.follow(log))
    try:
        yield reader
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
