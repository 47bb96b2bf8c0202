"""The feed of a gateway: reads the price log without end and publishes to the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import structlog

from ticker_server.clock import Clock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.log import PriceLog
from ticker_server.model.feed_status import FeedState, FeedStatus
from ticker_server.model.tick import AcceptedTick

__all__ = ["FeedReader", "Puller", "pull_in_slices"]

_SLICE = 500
_RETRY_SECONDS = 1.0
_STALE_AFTER = 2_000_000_000
_DOWN_AFTER = 3_000_000_000
_CAUGHT_UP = 1_000_000_000
_LOOK_SECONDS = 0.02
_FAILED_FOR = 2_000_000_000
"""So long after the last failed read a log that is not failing again counts as answering."""

_log = structlog.get_logger(__name__)


class Puller(Protocol):
    """A watch that got ticks and sends them."""

    def pull(self) -> None:
        """Send what is due."""


class FeedReader:
    """Hands each batch of the log to `publish`, then lets those that got any pull, in slices.

    `positions` tell through what the log has been read and published. A log that could not be read is tried again
    after `retry_seconds`.
    """

    def __init__(
        self,
        log: PriceLog,
        publish: Callable[[Sequence[AcceptedTick]], Iterable[Puller]],
        clock: Clock,
        *,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        self.positions = dict(log.snapshot().positions)
        self._log = log
        self._publish = publish
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._state = FeedState.LIVE
        self._since = clock.wall()
        self._read_through = 0
        self._failed_at: int | None = None

    def status(self) -> FeedStatus:
        """Return how the reading stands now; `read_through` never goes back."""
        if self._is_down():
            self._become(FeedState.DOWN)
        else:
            self._read_through = max(self._read_through, self._log.read_through(self.positions))
            behind = self._clock.wall() - self._read_through
            self._become(FeedState.STALE if behind > _STALE_AFTER else FeedState.LIVE)
        return FeedStatus(self._state, self._since, self._read_through)

    async def caught_up(self) -> None:
        """Wait until what was read is less than a second behind the end of the log, or the log is DOWN."""
        while True:
            status = self.status()
            if status.state is FeedState.DOWN or self._clock.wall() - status.read_through < _CAUGHT_UP:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def run(self) -> None:
        """Read until cancelled; a log that cannot be read is DOWN and tried again."""
        while True:
            try:
                await self._read()
            except PriceLogUnavailable as error:
                if self._failed_at is None:
                    _log.error("price log cannot be read", error=str(error))
                self._failed_at = self._clock.monotonic()
                await asyncio.sleep(self._retry_seconds)

    async def _read(self) -> None:
        async for batch in self._log.read(self.positions):
            self._failed_at = None
            watches = iter(self._publish(batch.ticks))
            self.positions.update(batch.positions)
            await pull_in_slices(watches)

    def _is_down(self) -> bool:
        """Tell whether the log does not answer: never judged by silence, only by what it was asked."""
        now = self._clock.monotonic()
        if self._failed_at is not None and now - self._failed_at > _FAILED_FOR:
            self._failed_at = None
        return self._failed_at is not None or now - self._log.answered() > _DOWN_AFTER

    def _become(self, state: FeedState) -> None:
        if state is not self._state:
            self._state, self._since = state, self._clock.wall()


async def pull_in_slices(watches: Iterator[Puller]) -> None:
    """Let watches pull; between slices, and at the end even if there are none, the others of the loop have their turn."""
    while turn := list(islice(watches, _SLICE)):
        for watch in turn:
            watch.pull()
        if len(turn) == _SLICE:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
