"""One idempotent producer of aiokafka's, which can be given up in a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.pinned import pin
from ticker_server.feed.kafka.undisturbed import undisturbed

__all__ = ["Producer"]

_OPTIONS: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 1,
    "max_batch_size": 131_072,
    "compression_type": "lz4",
    "request_timeout_ms": 5_000,
    "metadata_max_age_ms": 10_000,
}
_FLUSH_SECONDS = 5.0
_START_SECONDS = 1.0
_CANCEL_SECONDS = 0.1


class Producer:
    """Writes records to a topic id, each partition's in their order, and tries again until the broker has them.

    aiokafka's producer ends only once everything is written, which with a broker that is away is never; `close` ends
    it all the same, and what is open then is cancelled.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, identity: Identity, missing: Callable[[], None]
    ) -> None:
        self._topic = topic
        self._producer = AIOKafkaProducer(**_OPTIONS, **connection.client_options())
        self._open: set[asyncio.Future[RecordMetadata]] = set()
        pin(self._producer.client, topic, identity.topic_id_bytes, missing)

    async def start(self) -> None:
        """Reach the cluster. Raises KafkaError or OSError; then there is nothing left to close."""
        try:
            await undisturbed(self._producer.start(), seconds=_START_SECONDS)
        except BaseException:
            await undisturbed(self._end())
            raise

    @property
    def is_closed(self) -> bool:
        """Whether nothing of it is left open."""
        return bool(self._producer._closed)  # noqa: SLF001  # there is no public way

    async def send(self, partition: int, key: bytes, value: bytes) -> asyncio.Future[RecordMetadata]:
        """Hand a record over; the future tells its place once it is durable. Waits where too much is waiting already.

        Raises:
            KafkaError: It was not taken.
        """
        try:
            sent: asyncio.Future[RecordMetadata] = await self._producer.send(self._topic, value, key, partition)
        except AssertionError as error:  # what aiokafka has for a partition that is not there
            raise KafkaError(f"{self._topic}-{partition} is not there") from error
        self._open.add(sent)
        sent.add_done_callback(self._open.discard)
        return sent

    async def close(self) -> None:
        """Write what was handed over, give up after 5 s what cannot be written, and close the connections."""
        try:
            await self._flush()
        finally:
            await undisturbed(self._end())
            for future in list(self._open):
                future.cancel()

    async def _flush(self) -> None:
        flushing = asyncio.create_task(self._producer.flush())
        try:
            await asyncio.wait({flushing}, timeout=_FLUSH_SECONDS)
        finally:
            flushing.cancel()
            await asyncio.gather(flushing, return_exceptions=True)

    async def _end(self) -> None:
        producer = self._producer
        sending = producer._sender.sender_task  # noqa: SLF001  # its own `stop` waits for what is never written
        while sending is not None and not sending.done():
            # It waits for each of its requests once it is cancelled; the next time it is their turn.
            sending.cancel()
            await asyncio.wait({sending}, timeout=_CANCEL_SECONDS)
        producer._closed = True  # noqa: SLF001  # as `stop` does
        await producer.client.close()
