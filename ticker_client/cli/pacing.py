"""Rows in batches, at the pace of their trade times or as fast as they are taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from ticker_client.cli.csv_ticks import TickRow

__all__ = ["MAX_BATCH", "Replay", "paced_batches"]

MAX_BATCH = 1000
"""Ticks that one publish may carry."""


class Replay:
    """When a row is due: the gaps between trade times, divided by the speed, one after the other.

    Where trade times go back, as between two stocks in a file that is sorted by stock, nothing is waited for.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._last: int | None = None
        self._offset = 0.0

    def offset_of(self, row: TickRow) -> float:
        """Return how many seconds after the start the next row is due; 0 always when the speed is 0."""
        trade_time = row.ticks[0].trade_time
        if self._speed == 0 or trade_time is None:
            return self._offset
        if self._last is not None:
            self._offset += max(0, trade_time - self._last) / 1e9 / self._speed
        self._last = trade_time
        return self._offset


async def paced_batches(
    rows: Iterable[TickRow],
    speed: float,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[list[TickRow]]:
    """Yield rows in batches of at most 1000 ticks, none of them before it is due; a row is never split.

    The next rows are read when the batch before has been dealt with.
    """
    start = now()
    replay = Replay(speed)
    batch: list[TickRow] = []
    size = 0
    for row in rows:
        due = start + replay.offset_of(row)
        if batch and (size + len(row.ticks) > MAX_BATCH or due > now()):
            yield batch
            batch, size = [], 0
        if (wait := due - now()) > 0:
            await sleep(wait)
        batch.append(row)
        size += len(row.ticks)
    if batch:
        yield batch
