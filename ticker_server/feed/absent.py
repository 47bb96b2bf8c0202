"""The price log of a gateway that was started while Kafka was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.log import Batch, Published
from ticker_server.model.acceptance import Positions, Snapshot
from ticker_server.model.tick import Tick

__all__ = ["AbsentLog"]

_NEVER = -(1 << 62)


class AbsentLog:
    """What is known of a log that does not answer: the epoch it had, and the snapshot that was stored of it.

    Its feed is DOWN from the beginning, nothing is read, and nothing can be published.
    """

    def __init__(self, epoch: str, snapshot: Snapshot | None) -> None:
        self._epoch = epoch
        self._snapshot = snapshot or Snapshot({}, ())

    @property
    def epoch(self) -> str:
        """The epoch that the log had when it was last read; empty if that is not known."""
        return self._epoch

    @property
    def partitions(self) -> int:
        """Any number: nothing is read of any."""
        return 1

    async def publish(self, ticks: Sequence[Tick]) -> list[Published]:
        """Raise PriceLogUnavailable."""
        raise PriceLogUnavailable(f"the price log does not answer; none of {len(ticks)} ticks was published")

    def snapshot(self) -> Snapshot:
        """Return what was stored of the log."""
        return self._snapshot

    async def read(self, _positions: Positions) -> AsyncGenerator[Batch, None]:
        """Wait for ever."""
        await asyncio.Future[None]()
        yield Batch((), {})

    async def replay(self, _partition: int, _position: int) -> AsyncGenerator[Batch, None]:
        """Wait for ever."""
        await asyncio.Future[None]()
        yield Batch((), {})

    async def positions_since(self, _instant: int) -> Positions:
        """Raise PriceLogUnavailable."""
        raise PriceLogUnavailable("the price log does not answer, so nothing of it can be replayed")

    def oldest_replay_time(self) -> int:
        """Return 0: nothing is known."""
        return 0

    def read_through(self, _positions: Positions) -> int:
        """Return 0: nothing can be said."""
        return 0

    def answered(self) -> int:
        """Return an instant long ago."""
        return _NEVER
