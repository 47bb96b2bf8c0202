"""The feed of a gateway: reads the price log without end and publishes to the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Protocol

import structlog

from ticker_server.clock import Clock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.log import PriceLog
from ticker_server.model.feed_status import FeedState, FeedStatus
from ticker_server.model.tick import AcceptedTick

__all__ = ["FeedReader"]

_SLICE = 500
_RETRY_SECONDS = 1.0
_STALE_AFTER = 2_000_000_000

_log = structlog.get_logger(__name__)


class Puller(Protocol):
    """A watch that got ticks and sends them."""

    def pull(self) -> None:
        """Send what is due."""


class FeedReader:
    """Hands each batch of the log to `publish`, then lets those that got any pull, in slices.

    `position` is the sequence through which the log has been read and published. A log that could not be read is
    tried again after `retry_seconds`.
    """

    def __init__(
        self,
        log: PriceLog,
        publish: Callable[[Sequence[AcceptedTick]], Iterable[Puller]],
        clock: Clock,
        *,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        self.position = log.snapshot().position
        self._log = log
        self._publish = publish
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._state = FeedState.LIVE
        self._since = clock.wall()
        self._read_through = self._since

    def status(self) -> FeedStatus:
        """Return how the reading stands now; `read_through` never goes back."""
        if self._state is not FeedState.DOWN:
            self._read_through = max(self._read_through, self._log.read_through(self.position))
            behind = self._clock.wall() - self._read_through
            self._become(FeedState.STALE if behind > _STALE_AFTER else FeedState.LIVE)
        return FeedStatus(self._state, self._since, self._read_through)

    async def run(self) -> None:
        """Read until cancelled; a log that cannot be read is DOWN and tried again."""
        while True:
            try:
                await self._read()
            except PriceLogUnavailable as error:
                _log.error("price log cannot be read", error=str(error))
                self._become(FeedState.DOWN)
                await asyncio.sleep(self._retry_seconds)

    async def _read(self) -> None:
        async for batch in self._log.read(self.position):
            if self._state is FeedState.DOWN:
                self._become(FeedState.LIVE)
            watches = iter(self._publish(batch))
            self.position = batch[-1].sequence
            # Between slices, and after each batch even if it is of no watch, the others of the loop have their turn.
            while turn := list(islice(watches, _SLICE)):
                for watch in turn:
                    watch.pull()
                if len(turn) == _SLICE:
                    await asyncio.sleep(0)
            await asyncio.sleep(0)

    def _become(self, state: FeedState) -> None:
        if state is not self._state:
            self._state, self._since = state, self._clock.wall()
