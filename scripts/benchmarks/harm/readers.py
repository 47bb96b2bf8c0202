"""Honest readers: how late their messages are, and how many came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from scripts.benchmarks.harm.stamp import lateness
from tests.support.http2.message_buffer import MessageBuffer
from tests.support.http2.push_reader import OPEN_WIDE
from tests.support.http2.raw_client import RawClient, connected
from tests.support.http2.wire_frames import Frame, Kind

__all__ = ["StampReader", "percentile", "reading"]

_AT_ONCE = 100


class StampReader(RawClient):
    """Reads one watch; `late` has the lateness in seconds of each message since it was last cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[float] = []
        self._messages = MessageBuffer()

    def take(self, frame: Frame) -> None:
        """Take one frame."""
        if frame.kind == Kind.DATA:
            self.late += [lateness(message) for message in self._messages.take(frame.payload)]
        else:
            super().take(frame)


@asynccontextmanager
async def reading(
    port: int, count: int, *, first: bytes = OPEN_WIDE, receive_buffer: int | None = None
) -> AsyncIterator[list[StampReader]]:
    """Open so many watches, each on a connection of its own, until the end of the block."""
    async with AsyncExitStack() as stack:
        readers: list[StampReader] = []
        for start in range(0, count, _AT_ONCE):
            opening = [
                stack.enter_async_context(connected(port, StampReader, first=first, receive_buffer=receive_buffer))
                for _ in range(min(_AT_ONCE, count - start))
            ]
            readers += await asyncio.gather(*opening)
        for reader in readers:
            await reader.until(lambda reader=reader: bool(reader.late))
        yield readers


def percentile(values: list[float], share: float) -> float:
    """Return the value that so large a share of the values is below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
