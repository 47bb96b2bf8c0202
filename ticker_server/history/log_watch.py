"""One price log as a sync server sees it: read from stored positions on, and asked whether it is still the same."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NoReturn

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.consumer import RecordStream
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.offsets import BEGINNING, READABLE_END, TopicOffsets
from ticker_server.feed.kafka.undisturbed import undisturbed
from ticker_server.history.entry import entries

__all__ = ["LogWatch"]

_RETRY_SECONDS = 1.0


class LogWatch:
    """A topic of one identity. Its methods raise LogReplaced when the name belongs to another topic."""

    def __init__(self, connection: KafkaConnection, topic: str, identity: Identity) -> None:
        self._connection = connection
        self._topic = topic
        self._topic_id = identity.topic_id_bytes
        self._offsets = TopicOffsets(connection, topic, identity)
        self._asking = asyncio.Lock()
        self._missing = asyncio.Event()

    async def open(self, stored: Mapping[int, int]) -> RecordStream:
        """Return a stream of some partitions from stored positions on. Raises PriceLogUnavailable."""
        async with self._asking:
            beginnings = await undisturbed(self._offsets.ask(BEGINNING, list(stored)))
            ends = await undisturbed(self._offsets.ask(READABLE_END, list(stored)))
        positions = entries(self._topic, stored, beginnings, ends)
        return RecordStream(self._connection, self._topic, self._topic_id, positions, self._missing.set)

    async def confirm(self) -> None:
        """Return if the topic is still the same. Raises PriceLogUnavailable."""
        async with self._asking:
            await undisturbed(self._offsets.check())

    async def see_whether_replaced(self) -> NoReturn:
        """Ask each time that a broker does not know the topic any more, until cancelled."""
        while True:
            await self._missing.wait()
            self._missing.clear()
            try:
                await self.confirm()
            except PriceLogUnavailable:
                self._missing.set()
            await asyncio.sleep(_RETRY_SECONDS)

    async def close(self) -> None:
        """Close the connections; those of streams close with them."""
        await self._offsets.close()
