"""What strays into partitions that no tick belongs to: read only to be counted and told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.consumer import OutOfRange, RecordStream
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.offsets import BEGINNING, READABLE_END, TopicOffsets
from ticker_server.feed.skips import SkipLog
from ticker_server.model.acceptance import Reason

__all__ = ["Strays"]

_log = structlog.get_logger(__name__)


class Strays:
    """Reads the partitions above those of an identity, and notes each record as one of a wrong partition."""

    def __init__(
        self, connection: KafkaConnection, topic: str, identity: Identity, skips: SkipLog, missing: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._identity = identity
        self._skips = skips
        self._missing = missing
        self._positions: dict[int, int] = {}
        self._is_first_look = True
        self._reading: asyncio.Task[None] | None = None

    async def look(self, offsets: TopicOffsets) -> None:
        """Read partitions that there are by now and were not before. Raises PriceLogUnavailable, LogReplaced.

        Those that were there at first are read from their end, those that came since from their beginning.
        """
        first = self._identity.partitions + len(self._positions)
        further = range(first, offsets.partitions)
        if not further:
            self._is_first_look = False
            return
        _log.error(
            "topic has more partitions than are used; whatever is written to them is skipped",
            topic=self._topic,
            has=offsets.partitions,
            used=self._identity.partitions,
        )
        positions = await offsets.ask(READABLE_END if self._is_first_look else BEGINNING, further)
        self._is_first_look = False
        await self.close()
        self._positions |= positions
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None

    async def _read(self) -> None:
        stream = RecordStream(
            self._connection, self._topic, self._identity.topic_id_bytes, self._positions, self._missing
        )
        try:
            while True:
                try:
                    fetched = await stream.next()
                except OutOfRange as gone:
                    _log.warning("records of an unused partition are gone", partition=gone.partition)
                    return
                for partition, records in fetched.items():
                    for record in records:
                        self._skips.note(partition, record.offset, Reason.WRONG_PARTITION)
                self._positions |= stream.positions
        finally:
            await stream.close()
