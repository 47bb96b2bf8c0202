"""Price logs for tests: opened, killed and opened again over the same storage, as by gateways that come and go."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Protocol

from ticker_server.clock import Clock
from ticker_server.feed.log import PriceLog
from ticker_server.feed.sqlite import SqliteLog
from ticker_server.model.tick import AcceptedTick, Tick


class PriceLogs(Protocol):
    """One price log, and the processes that have it open one after the other."""

    async def open(self) -> PriceLog:
        """Open the log; it works until `kill` or `close`."""

    async def kill(self) -> None:
        """End what has the log open, as if its process had been killed."""

    async def close(self) -> None:
        """Release everything."""


class SqliteLogs:
    """The embedded price log over one file."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.write_lock = asyncio.Lock()
        self._clock = clock
        self._opened: list[SqliteLog] = []
        self._run: asyncio.Task[None] | None = None

    async def open(self, **options: Any) -> SqliteLog:
        """Open the log and let it run."""
        log = SqliteLog(self.path, self._clock, self.write_lock, **options)
        self._opened.append(log)
        await log.open()
        self._run = asyncio.create_task(log.run())
        return log

    async def kill(self) -> None:
        """Stop running in the middle of whatever it is, and close nothing."""
        if self._run is not None:
            self._run.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._run
            self._run = None

    async def end(self) -> None:
        """Stop as a gateway does: what was taken is written."""
        assert self._run is not None
        self._opened[-1].stop()
        await self._run
        self._run = None

    async def close(self) -> None:
        """Kill what runs, and release the connections of all that were opened."""
        await self.kill()
        for log in self._opened:
            await log.close()


async def read_through(log: PriceLog, position: int, last: int) -> list[AcceptedTick]:
    """Return what a reader gets above a position, through a sequence that the log has or will have."""
    found: list[AcceptedTick] = []
    batches = log.read({0: position})
    async with asyncio.timeout(10):
        while not found or found[-1].sequence < last:
            found += (await anext(batches)).ticks
    return found


def published_by(publisher: str, *sequences: int, stock_id: str = "AAPL") -> list[Tick]:
    """Return ticks that are safe to repeat."""
    return [
        Tick(stock_id, str(sequence), publisher_id=publisher, publisher_sequence=sequence) for sequence in sequences
    ]
