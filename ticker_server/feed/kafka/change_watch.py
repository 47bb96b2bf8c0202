"""Watches over a reader's place in a topic: is Kafka there, is it still the same topic, and does the reading go on?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.offsets import READABLE_END, LogReplaced, TopicOffsets
from ticker_server.feed.kafka.undisturbed import undisturbed

__all__ = ["ChangeWatch", "Contact"]

_LOOK_SECONDS = 1.0
_SOON_SECONDS = 0.1
_LIMIT_SECONDS = 2.0
_STUCK_SECONDS = 10.0
_LONGEST_BRIDGE_SECONDS = 3600.0
"""So long an absence is bridged. Compaction drops the tombstones of a day ago, so a reader must not come much later."""

_log = structlog.get_logger(__name__)


class Contact:
    """Whether Kafka answers, told once in the log when it stops and once when it is back."""

    def __init__(self, topic: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._topic = topic
        self._monotonic = monotonic
        self._lost_at: float | None = None
        self._there = asyncio.Event()
        self._there.set()

    @property
    def is_lost(self) -> bool:
        """Whether Kafka did not answer when it was last asked."""
        return self._lost_at is not None

    async def found_or(self, other: asyncio.Task[Any]) -> None:
        """Wait until Kafka answers, or a task is done."""
        there = asyncio.create_task(self._there.wait())
        try:
            await asyncio.wait({there, other}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            there.cancel()

    def lost(self, error: Exception) -> None:
        """Say that Kafka did not answer."""
        if self._lost_at is None:
            self._lost_at = self._monotonic()
            self._there.clear()
            _log.warning("topic of changes does not answer, waiting for it", topic=self._topic, error=repr(error))

    def found(self) -> float:
        """Say that Kafka answered; return for how many seconds it had not, 0 if it did before."""
        if self._lost_at is None:
            return 0.0
        absence = self._monotonic() - self._lost_at
        self._lost_at = None
        self._there.set()
        _log.info("topic of changes answers again", topic=self._topic, after_seconds=round(absence, 1))
        return absence


class ChangeWatch:
    """Asks once a second where the partitions end, and with that whether the topic is still the same.

    Reading itself says nothing while the broker is away, nor when a partition is not read on.
    """

    def __init__(
        self,
        offsets: TopicOffsets,
        contact: Contact,
        *,
        look_seconds: float = _LOOK_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._offsets = offsets
        self._contact = contact
        self._look_seconds = look_seconds
        self._monotonic = monotonic
        self._hint = asyncio.Event()
        self._unmoved: dict[int, tuple[int, float]] = {}

    def look_now(self) -> None:
        """Look again without waiting out the second, because a broker said that it does not know the topic."""
        self._hint.set()

    async def ends(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return where partitions end. Raises PriceLogUnavailable, LogReplaced."""
        ends = await undisturbed(self._offsets.ask(READABLE_END, partitions, seconds=_LIMIT_SECONDS))
        self._contact.found()
        return ends

    async def run(self, places: Mapping[int, int]) -> str:
        """Return, as soon as it is so, why a reader that goes on at these places may have missed something.

        `places` are by partition the offsets that are read next, and go on as they are read.
        """
        while True:
            try:
                doubt = await self._look(dict(places))
            except PriceLogUnavailable as error:
                self._contact.lost(error)
                self._unmoved.clear()
            except LogReplaced as error:
                return str(error)
            else:
                if doubt:
                    return doubt
            await self._pause()

    async def close(self) -> None:
        """Close the connections."""
        await self._offsets.close()

    async def _look(self, places: dict[int, int]) -> str:
        # The end of a partition only ever grows; places are from before it was asked for.
        ends = await undisturbed(self._offsets.ask(READABLE_END, list(places), seconds=_LIMIT_SECONDS))
        absence = self._contact.found()
        if absence > _LONGEST_BRIDGE_SECONDS:
            return f"Kafka did not answer for {absence:.0f} s"
        for partition, place in places.items():
            if ends[partition] < place:
                return f"partition {partition} ends at {ends[partition]}, but was read through {place}"
            if self._is_stuck(partition, place, ends[partition]):
                return f"partition {partition} is not read on from {place}, and ends at {ends[partition]}"
        return ""

    def _is_stuck(self, partition: int, place: int, end: int) -> bool:
        """Tell whether a partition has had more to read for a while, and was not read."""
        now = self._monotonic()
        former, since = self._unmoved.get(partition, (-1, now))
        if place == end or place != former:
            self._unmoved[partition] = place, now
            return False
        return now - since > _STUCK_SECONDS

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._look_seconds):
                await self._hint.wait()
        except TimeoutError:
            return
        self._hint.clear()
        await asyncio.sleep(_SOON_SECONDS)  # brokers may say so often
