"""A gateway as the channel of catalog changes sees it: what it was told to apply, and how often to reload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from ticker_server.feed.changes import ChangeLog
from ticker_server.model.change import Change

PATIENCE_SECONDS = 30.0


class ChangeRecorder:
    """Keeps what it is given; a `reload` raises `failures` first, one at each call, and then waits for `gate`."""

    def __init__(self, *failures: Exception) -> None:
        self.changes: list[Change] = []
        self.reloads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._failures = list(failures)
        self._news = asyncio.Condition()

    async def apply(self, changes: Sequence[Change]) -> None:
        """Keep changes."""
        self.changes += changes
        await self._tell()

    async def reload(self) -> None:
        """Count a reload, once it is let through."""
        if self._failures:
            raise self._failures.pop(0)
        self.reloads += 1
        await self._tell()
        await self.gate.wait()

    async def has_applied(self, *changes: Change) -> None:
        """Wait until all of these have come."""
        await self._until(lambda: all(change in self.changes for change in changes))

    async def has_reloaded(self, times: int) -> None:
        """Wait until `reload` was called so often in all."""
        await self._until(lambda: self.reloads >= times)

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(holds)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def following(changes: ChangeLog, recorder: ChangeRecorder) -> AsyncIterator[ChangeRecorder]:
    """Let a recorder follow a channel of changes; what it runs has ended after the block."""
    running = asyncio.create_task(changes.run(recorder.apply, recorder.reload))
    started = asyncio.create_task(changes.started())
    try:
        await asyncio.wait({running, started}, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        assert started.done(), "the changes did not start"
        yield recorder
    finally:
        started.cancel()
        running.cancel()
        await asyncio.wait({running, started})
        if not running.cancelled():
            running.result()
