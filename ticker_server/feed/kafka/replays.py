"""Partitions of a topic read once more from old positions, with the numbers that their ticks had the first time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import NoReturn

import structlog

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.consumer import OutOfRange, RecordStream
from ticker_server.feed.kafka.fold import Fold, KnownState, Origin
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.offsets import BEGINNING, OLDEST, LogReplaced, Question, TopicOffsets
from ticker_server.feed.log import Batch
from ticker_server.model.acceptance import Positions, Reason

__all__ = ["FindState", "Replays", "no_state"]

FAR = 1_000_000
"""More records than this are not folded for a replay while the states that are stored cannot be read."""

_LOOK_SECONDS = 60.0
_MILLISECOND = 1_000_000

_log = structlog.get_logger(__name__)

FindState = Callable[[int, int, int], Awaitable[KnownState | None]]
"""Finds a stored state of a partition: the nearest at or below a position, or else the oldest at or above a beginning.

Raises PriceLogUnavailable.
"""


async def no_state(_partition: int, _position: int, _beginning: int) -> KnownState | None:
    """Find nothing."""
    return None


class Replays:
    """Replays partitions of one topic id, each reader for itself.

    What is above a position is folded from the nearest state that is known at or below it: the snapshot, one that was
    stored, or the beginning. If there is none, it begins above the position, where one is known.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        identity: Identity,
        missing: Callable[[], None],
        find_state: FindState,
        *,
        far: int = FAR,
    ) -> None:
        self.oldest_time = 0
        """The accept time from which everything can be replayed (nanoseconds); 0 if that is not known."""
        self._connection = connection
        self._topic = topic
        self._identity = identity
        self._missing = missing
        self._find_state = find_state
        self._far = far
        self._offsets = TopicOffsets(connection, topic, identity)
        self._streams: set[RecordStream] = set()

    async def read(self, origin: Origin, partition: int, position: int) -> AsyncGenerator[Batch, None]:
        """Yield what is accepted in a partition above a position, and wait for more at the end.

        The first batch says from where; it ends where what comes next is gone. Raises PriceLogUnavailable.
        """
        state = await self._state(origin, partition, position)
        fold = Fold(origin, {partition: position}, _skip_nothing, states={partition: state})
        read = max(position, state.position)
        yield Batch((), {partition: read})
        stream = RecordStream(
            self._connection, self._topic, self._identity.topic_id_bytes, fold.positions, self._missing
        )
        self._streams.add(stream)
        try:
            while True:
                try:
                    fetched = await stream.next()
                except OutOfRange as gone:
                    if await self._is_gone(origin, gone):
                        return
                    stream.rest(partition)
                    continue
                ticks = fold.accept(partition, fetched.get(partition, ()))
                if stream.positions[partition] > read:
                    read = stream.positions[partition]
                    yield Batch(ticks, {partition: read})
                await asyncio.sleep(0)
        finally:
            self._streams.discard(stream)
            await stream.close()

    async def positions_since(self, instant: int) -> Positions:
        """Return positions above which lies exactly what was accepted at an instant (nanoseconds) or after it.

        Accept times are whole milliseconds and never go back, so the first record of that time is where it begins.

        Raises:
            PriceLogUnavailable: Kafka does not answer, or the topic was replaced.
        """
        try:
            return await self._offsets.ask(Question(max(0, -(-instant // _MILLISECOND))), self._partitions)
        except LogReplaced as error:
            raise PriceLogUnavailable("the topic of the price log was replaced") from error

    async def keep_looking(self, origin: Origin) -> NoReturn:
        """Find out every minute from which accept time on everything can be replayed."""
        while True:
            with contextlib.suppress(PriceLogUnavailable, LogReplaced):
                await self._look(origin)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self, origin: Origin) -> None:
        beginnings = await self._offsets.ask(BEGINNING, self._partitions)
        times = await self._offsets.ask_times(OLDEST, self._partitions)
        truncated: list[int] = []
        for partition, beginning in beginnings.items():
            origin.note_beginning(partition, beginning)
            if beginning:
                state = origin.restart(partition, beginning, await self._stored(partition, beginning, beginning))
                newest = max((each.newest.accept_time for each in state.numberings), default=0)
                truncated.append(max(newest, times.get(partition, 0) * _MILLISECOND))
        self.oldest_time = max(truncated) if truncated else min(times.values(), default=0) * _MILLISECOND

    async def close(self) -> None:
        """Close all connections; readers end with PriceLogUnavailable."""
        for stream in list(self._streams):
            await stream.close()
        await self._offsets.close()

    @property
    def _partitions(self) -> range:
        return range(self._identity.partitions)

    async def _state(self, origin: Origin, partition: int, position: int) -> KnownState:
        stored: KnownState | None = None
        failed: PriceLogUnavailable | None = None
        try:
            stored = await self._find_state(partition, position, origin.beginning(partition))
        except PriceLogUnavailable as error:
            failed = error
        state = origin.restart(partition, position, stored)
        if failed is not None and not 0 <= position - state.position <= self._far:
            raise failed
        if state.position > position:
            place = f"{self._topic}-{partition}-{position}"
            _log.warning("replay begins above its position", record=place, begins_at=state.position)
        return state

    async def _stored(self, partition: int, position: int, beginning: int) -> KnownState | None:
        with contextlib.suppress(PriceLogUnavailable):
            return await self._find_state(partition, position, beginning)
        return None

    async def _is_gone(self, origin: Origin, gone: OutOfRange) -> bool:
        """Tell whether the log begins above a position by now; otherwise its end is yet to come back."""
        with contextlib.suppress(PriceLogUnavailable, LogReplaced):
            beginning = (await self._offsets.ask(BEGINNING, [gone.partition]))[gone.partition]
            origin.note_beginning(gone.partition, beginning)
            return beginning > gone.position
        return False


def _skip_nothing(_partition: int, _offset: int, _reason: Reason) -> None:
    """Count nothing: the process's own reader has counted it."""
