"""Asks a log how it is, twice a second: whether Kafka is there, where the log ends, and whether it is still the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn

import structlog

from ticker_server.clock import Clock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.offsets import END, TopicOffsets

__all__ = ["Probe"]

_PROBE_SECONDS = 0.5
_PROBE_LIMIT_SECONDS = 2.0

_log = structlog.get_logger(__name__)


class Probe:
    """Asks the leaders of all partitions for their ends.

    `note_ends` is told when they were asked (wall time in nanoseconds), and what they said. `answered` is when they last
    did, on the monotonic clock (nanoseconds). From `look_now` until then the probe `is_looking`: a broker has said that
    it does not know the topic, so it is asked at once.
    """

    def __init__(
        self,
        topic: str,
        partitions: int,
        offsets: TopicOffsets,
        clock: Clock,
        note_ends: Callable[[int, Mapping[int, int]], Awaitable[None]],
    ) -> None:
        self.answered = clock.monotonic()
        self._topic = topic
        self._partitions = range(partitions)
        self._offsets = offsets
        self._clock = clock
        self._note_ends = note_ends
        self._look = asyncio.Event()

    @property
    def is_looking(self) -> bool:
        """Whether it is to be found out if the topic is still there."""
        return self._look.is_set()

    def look_now(self) -> None:
        """Ask at once."""
        self._look.set()

    async def run(self) -> NoReturn:
        """Ask until cancelled. Raises LogReplaced."""
        told = False
        while True:
            try:
                await self._ask()
                # Whatever a broker did not know: the topic is the one it was.
                self._look.clear()
            except PriceLogUnavailable as error:
                if not told:
                    _log.warning("price log does not answer", topic=self._topic, error=error.message)
                told = True
            else:
                if told:
                    _log.info("price log answers again", topic=self._topic)
                told = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PROBE_SECONDS):
                    await self._look.wait()
            if self._look.is_set():
                # A broker that does not know the topic may say so often: answer once in a tenth of a second.
                await asyncio.sleep(_PROBE_SECONDS / 5)

    async def _ask(self) -> None:
        asked = self._clock.wall()
        ends = await self._offsets.ask(END, self._partitions, seconds=_PROBE_LIMIT_SECONDS)
        self.answered = self._clock.monotonic()
        await self._note_ends(asked, ends)
