"""The records of one topic: read by partition from given positions, through outages, without end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError, TopicAuthorizationFailedError

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.pinned import pin
from ticker_server.feed.kafka.undisturbed import undisturbed

__all__ = ["OutOfRange", "RecordStream"]

_OPTIONS: dict[str, Any] = {
    "group_id": None,
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "isolation_level": "read_committed",
    # Small fetches: a large one is decoded in one go, and beats are late for it.
    "max_partition_fetch_bytes": 65_536,
    "fetch_max_bytes": 524_288,
    "fetch_max_wait_ms": 100,
    "request_timeout_ms": 5_000,
    "metadata_max_age_ms": 10_000,
}
_MAX_RECORDS = 500
_TURN_MS = 100
_RETRY_SECONDS = 0.5
_REST_SECONDS = 5.0
_STOP_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class OutOfRange(Exception):
    """The log has nothing at a position: it begins above it, or ends below."""

    def __init__(self, partition: int, position: int) -> None:
        super().__init__(f"partition {partition} has no position {position}")
        self.partition = partition
        self.position = position


class RecordStream:
    """Reads partitions of one topic id from positions, each the offset of the next record.

    Nothing of another topic of the same name ever comes. A broker that is away is waited for, in silence; `missing`
    is called when one does not know the topic any more.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        topic_id: bytes,
        positions: Mapping[int, int],
        missing: Callable[[], None],
    ) -> None:
        self.positions = dict(positions)
        self._connection = connection
        self._topic = topic
        self._topic_id = topic_id
        self._missing = missing
        self._is_missing = False
        self._consumer: AIOKafkaConsumer | None = None
        self._partitions = {partition: TopicPartition(topic, partition) for partition in positions}
        self._next_look = 0.0
        self._resting: dict[int, float] = {}
        self._closed = False

    async def next(self) -> dict[int, Sequence[ConsumerRecord]]:
        """Return the next records by partition, after a tenth of a second none; `positions` goes on with them.

        Raises:
            OutOfRange: A position is not in the log; `seek` to one that is.
            PriceLogUnavailable: The topic may not be read, or the stream is closed.
        """
        if self._is_missing:
            # The consumer would ask for leaders that there are not, as fast as it can.
            await self._disconnect()
            self._is_missing = False
            await asyncio.sleep(_RETRY_SECONDS)
        consumer = self._consumer or await self._connect()
        self._wake_rested(consumer)
        try:
            fetched = await consumer.getmany(timeout_ms=_TURN_MS, max_records=_MAX_RECORDS)
        except OffsetOutOfRangeError as error:
            ((partition, position),) = error.args[0].items()
            raise OutOfRange(partition.partition, position) from error
        except ConsumerStoppedError as error:
            raise PriceLogUnavailable("the price log is closed") from error
        except TopicAuthorizationFailedError as error:
            raise PriceLogUnavailable(f"topic {self._topic} may not be read") from error
        except Exception:  # noqa: BLE001  # whatever a batch that cannot be decoded makes of itself
            fetched = await self._fetch_one_by_one(consumer)
        await self._note_positions(consumer, fetched)
        return {partition.partition: records for partition, records in fetched.items()}

    def seek(self, partition: int, position: int) -> None:
        """Go on at another position."""
        self.positions[partition] = position
        if self._consumer is not None:
            self._consumer.seek(self._partitions[partition], position)

    def rest(self, partition: int) -> None:
        """Leave a partition alone for 5 s."""
        self._resting[partition] = time.monotonic() + _REST_SECONDS
        if self._consumer is not None:
            self._consumer.pause(self._partitions[partition])

    async def close(self) -> None:
        """Close the connections for good."""
        self._closed = True
        await self._disconnect()

    async def _disconnect(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await undisturbed(_stop(consumer))

    async def _connect(self) -> AIOKafkaConsumer:
        told = False
        while True:
            if self._closed:
                raise PriceLogUnavailable("the price log is closed")
            consumer = AIOKafkaConsumer(**_OPTIONS, **self._connection.client_options())
            pin(consumer._client, self._topic, self._topic_id, self._note_missing)  # noqa: SLF001  # no public way to it
            try:
                await undisturbed(consumer.start())
            except (KafkaError, OSError) as error:
                await undisturbed(_stop(consumer))
                if not told:
                    told = True
                    _log.warning("waiting for Kafka to read from", topic=self._topic, error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            except BaseException:
                await undisturbed(_stop(consumer))
                raise
            else:
                break
        consumer.assign(list(self._partitions.values()))
        for partition, position in self.positions.items():
            consumer.seek(self._partitions[partition], position)
        self._consumer = consumer
        return consumer

    def _note_missing(self) -> None:
        self._is_missing = True
        self._missing()

    async def _note_positions(self, consumer: AIOKafkaConsumer, fetched: Mapping[TopicPartition, object]) -> None:
        """Take over how far the consumer is.

        Markers of transactions take offsets too and come with no record, so now and then all partitions are looked at.
        """
        moved = list(fetched)
        if not fetched or time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _TURN_MS / 1000
            moved = list(self._partitions.values())
        for partition in moved:
            self.positions[partition.partition] = await consumer.position(partition)

    async def _fetch_one_by_one(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Read each partition for itself, and let those rest whose next batch cannot be decoded.

        Such a batch is never skipped: another replica, or a repaired one, may have its ticks, and who skipped them
        would count otherwise than who did not.
        """
        for number, partition in self._partitions.items():
            # What the failed call had taken already is lost to it.
            consumer.seek(partition, self.positions[number])
        await asyncio.sleep(2 * _TURN_MS / 1000)  # by then all that have something have it here
        fetched: dict[TopicPartition, list[ConsumerRecord]] = {}
        for number, partition in self._partitions.items():
            try:
                # One at a time, because a call that fails keeps what it has for itself.
                while one := await consumer.getmany(partition, max_records=1):
                    fetched.setdefault(partition, []).extend(one[partition])
            except OffsetOutOfRangeError:
                continue  # it comes again
            except Exception as error:  # noqa: BLE001  # as in `next`
                self.rest(number)
                place = f"{self._topic}-{number}-{await consumer.position(partition)}"
                _log.error("batch cannot be decoded; its partition waits", record=place, error=repr(error))
        return fetched

    def _wake_rested(self, consumer: AIOKafkaConsumer) -> None:
        """Give partitions that have rested another try."""
        for number, until in list(self._resting.items()):
            if time.monotonic() >= until:
                del self._resting[number]
                consumer.resume(self._partitions[number])


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, within a time also if its broker does not answer."""
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    if not stopping.done():
        stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    # `stop` ends early, with its client open, when it cancels a fetch that has just failed and waits to be repeated.
    await consumer._client.close()  # noqa: SLF001  # no public way to it
