"""What one member does with its share of the partitions: read, fold and store, until the share is taken away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.consumer import OutOfRange, RecordStream
from ticker_server.history.fold import PartitionFold, Step

__all__ = ["MOST_HELD", "Share"]

MOST_HELD = 100_000
"""So many bars wait to be stored, and the reading does. Some 60 MB, or twice that while as many are being written."""


# A fetch costs a millisecond whatever it brings, and nobody waits for one: so records gather for a moment. Measured at
# 5,000 ticks/s: 18 us of CPU per tick instead of 39.
_FEW_RECORDS = 500
_PAUSE_SECONDS = 0.1


class Share:
    """Folds of some partitions, and the two things that go on with them side by side: reading and storing.

    `confirm` raises unless the price log is still the one that the folds are of; `store` stores one partition; `due`
    tells of a partition and its position whether a checkpoint is to be written with the step.

    What is held until it is stored is bounded: the reading waits where it is more than `most_held`, for the log keeps
    what was not read. `full` is set then, so that nobody waits for an interval to pass.
    """

    def __init__(
        self,
        folds: Mapping[int, PartitionFold],
        *,
        confirm: Callable[[], Awaitable[None]],
        store: Callable[[Step], Awaitable[None]],
        due: Callable[[int, int], bool],
        most_held: int = MOST_HELD,
    ) -> None:
        self._folds = folds
        self._confirm = confirm
        self._store = store
        self._due = due
        self._most_held = most_held
        self._tried = asyncio.Event()
        self.full = asyncio.Event()

    async def read(self, stream: RecordStream) -> NoReturn:
        """Fold what a stream of these partitions yields, until cancelled. Raises PriceLogUnavailable."""
        while True:
            await self._room()
            try:
                fetched = await stream.next()
            except OutOfRange as error:
                raise PriceLogUnavailable(f"the log does not go on where it was read: {error}") from error
            # Without an await: at any other moment each fold and its offset belong together.
            for partition, following in stream.positions.items():
                self._folds[partition].fold(fetched.get(partition, ()), following)
            few = sum(map(len, fetched.values())) < _FEW_RECORDS
            await asyncio.sleep(_PAUSE_SECONDS if few else 0)

    async def store(self) -> None:
        """Store what has been folded so far, one transaction per partition; what could not be stored stays due.

        Raises:
            PriceLogUnavailable, DatabaseUnavailable: The same call may succeed after a while.
            PositionMoved: Another member stores one of these partitions, too. The folds are of no use any more.
        """
        open_steps: list[tuple[PartitionFold, Step]] = []
        self.full.clear()
        try:
            for fold in self._folds.values():
                if (step := fold.step(whole=self._due(fold.partition, fold.next))) is not None:
                    open_steps.append((fold, step))
                await asyncio.sleep(0)  # rows of many stocks take a while to make
            # After the records were read: what was read of a topic that is gone by now must not be stored.
            await self._confirm()
            while open_steps:
                fold, step = open_steps[-1]
                await self._store(step)
                fold.stored(step)
                open_steps.pop()
        finally:
            for fold, step in open_steps:
                fold.not_stored(step)
            self._tried.set()

    async def _room(self) -> None:
        """Return when little enough is held."""
        while sum(fold.held for fold in self._folds.values()) >= self._most_held:
            self._tried.clear()
            self.full.set()
            await self._tried.wait()
