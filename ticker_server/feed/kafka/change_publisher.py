"""The writing side of the topic of catalog changes: what is published is acknowledged by Kafka, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.change_records import ChangeRecord, encode_change
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.undisturbed import undisturbed
from ticker_server.model.change import Change

__all__ = ["ChangePublisher"]

_LIMIT_SECONDS = 5.0
_GRACE_SECONDS = 1.0
_CANCEL_SECONDS = 0.1

_OPTIONS = {
    "client_id": "ticker-changes",
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 1,
    "max_batch_size": 131_072,
    "request_timeout_ms": 5_000,
    "metadata_max_age_ms": 10_000,
}

_log = structlog.get_logger(__name__)


class ChangePublisher:
    """Publishes changes, each at least once, through one producer that is made when it is first needed.

    After any failure the producer is given up together with what it has not sent, and the next call makes another:
    an idempotent producer would otherwise go on trying for ever, and what it delivers after a long outage would stand
    behind newer changes that another gateway has published meanwhile. A later life of the same change is harmless.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, partitions: int, *, limit_seconds: float = _LIMIT_SECONDS
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._partitions = partitions
        self._limit_seconds = limit_seconds
        self._starting: asyncio.Task[AIOKafkaProducer] | None = None
        self._endings: set[asyncio.Task[None]] = set()

    async def publish(self, changes: Sequence[Change]) -> None:
        """Write changes, per partition in their order, and return when all are acknowledged.

        Raises:
            PriceLogUnavailable: Not all were acknowledged in time. Some may have been, or may be yet: repeat them.
        """
        if not changes:
            return
        if self._starting is None or _has_failed(self._starting):
            self._starting = asyncio.create_task(self._start())
        starting = self._starting
        try:
            async with asyncio.timeout(self._limit_seconds):
                # A start goes on after the limit: the next call finds what it came to.
                producer = await asyncio.shield(starting)
                await self._send(producer, [encode_change(change) for change in changes])
        except (KafkaError, OSError, TimeoutError) as error:
            if starting.done():
                self._give_up(starting, 0.0)
            raise PriceLogUnavailable(f"the topic {self._topic} did not take all changes: {error!r}") from error

    async def close(self) -> None:
        """Close the producer; what is not delivered within a second is given up."""
        await undisturbed(self._close())

    async def _close(self) -> None:
        if self._starting is not None:
            await asyncio.wait({self._starting}, timeout=_GRACE_SECONDS)
            self._give_up(self._starting, _GRACE_SECONDS)
        await asyncio.gather(*self._endings)

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(**_OPTIONS, **self._connection.client_options())
        try:
            await producer.start()
        except BaseException:
            await _end(producer, 0.0)
            raise
        return producer

    async def _send(self, producer: AIOKafkaProducer, records: Sequence[ChangeRecord]) -> None:
        present = await producer.partitions_for(self._topic)
        if not present.issuperset(range(self._partitions)):
            raise KafkaError(f"it has partitions {sorted(present)}, not the {self._partitions} it must have")
        acknowledged: list[asyncio.Future[object]] = []
        try:
            for record in records:
                sent = await producer.send(
                    self._topic,
                    record.value,
                    record.key,
                    partition=record.partition(self._partitions),
                    headers=list(record.headers),
                )
                acknowledged.append(sent)
            await asyncio.gather(*acknowledged)
        finally:
            for each in acknowledged:
                each.cancel()

    def _give_up(self, starting: asyncio.Task[AIOKafkaProducer], grace_seconds: float) -> None:
        if starting is not self._starting:
            return  # another call has done it, and may have made the next
        self._starting = None
        ending = asyncio.create_task(_end_started(starting, grace_seconds))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


def _has_failed(task: asyncio.Task[AIOKafkaProducer]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


async def _end_started(starting: asyncio.Task[AIOKafkaProducer], grace_seconds: float) -> None:
    starting.cancel()
    await asyncio.wait({starting})
    if not _has_failed(starting):
        await _end(starting.result(), grace_seconds)


async def _end(producer: AIOKafkaProducer, grace_seconds: float) -> None:
    """Stop a producer, and let go of what it has not delivered in the time given.

    Its own `stop` waits until all is delivered, which an idempotent producer tries for ever.
    """
    stopping = asyncio.create_task(producer.stop())
    await asyncio.wait({stopping}, timeout=grace_seconds)
    if not stopping.done():
        # It waits for its batches, so they fail; its requests under way end with their connections.
        producer._message_accumulator.fail_all(KafkaError("given up"))  # noqa: SLF001 - there is no public way
        await producer.client.close()
    sending = producer._sender.sender_task  # noqa: SLF001 - as above
    while not stopping.done():
        # A request that is to be tried again waits for news of the cluster, which a client that is closed never gets;
        # cancelled once the sender waits for its requests, and the next time it is their turn.
        await asyncio.wait({stopping}, timeout=_CANCEL_SECONDS)
        if sending is not None:
            sending.cancel()
    if not stopping.cancelled() and (error := stopping.exception()) is not None:
        _log.debug("producer of changes ended with an error", error=repr(error))
    await producer.client.close()
