"""Ticks into the topic: handed to an idempotent producer, answered when every replica in sync has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from aiokafka.errors import InvalidTopicError, KafkaError
from aiokafka.structs import RecordMetadata

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.call import DUPLICATE, UNKNOWN, Call
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.producer import Producer
from ticker_server.feed.kafka.records import encode
from ticker_server.feed.log import Outcome, Published
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import Tick

__all__ = ["Publisher"]

MAX_WAITING_TICKS = 100_000
"""More ticks than this without an acknowledgement, and a publish is refused."""

_TURN = 256
_RETRY_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class Publisher:
    """Publishes ticks to a topic id, each to the home partition of its stock.

    `run` keeps a producer at work: aiokafka's goes through outages by itself, but after an error that it does not try
    again its sequence numbers have a hole, and the broker refuses all that follows; then another one takes over.
    `missing` is called when a broker does not know the topic any more.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, identity: Identity, missing: Callable[[], None]
    ) -> None:
        self.ends: dict[int, int] = {}
        """Where partitions ended last, as far as that is known: nothing new can be acknowledged below."""
        self._connection = connection
        self._topic = topic
        self._identity = identity
        self._missing = missing
        self._ready: asyncio.Future[Producer] = asyncio.get_running_loop().create_future()
        self._broken = asyncio.Event()
        self._retiring: set[asyncio.Task[None]] = set()
        self._waiting = 0

    async def publish(
        self, ticks: Sequence[Tick], *, known: Callable[[Tick, int], bool], seconds: float
    ) -> list[Published]:
        """Hand ticks over in their order, and return what became of each; UNKNOWN for what is not acknowledged in time.

        `known` tells whether a tick, of this home partition, is known to be a repeat.

        Raises:
            PriceLogUnavailable: Nothing was written, and nothing will be.
        """
        if self._waiting + len(ticks) > MAX_WAITING_TICKS:
            raise PriceLogUnavailable("too many ticks are waiting for Kafka; nothing of this call was published")
        call = Call(len(ticks))
        self._waiting += len(ticks)
        try:
            async with asyncio.timeout(seconds):
                await self._hand_over(ticks, call, known)
                await call.settled.wait()
        except (TimeoutError, KafkaError) as error:
            if not call.handed_over:
                raise PriceLogUnavailable("Kafka does not take ticks; nothing of this call was published") from error
        finally:
            self._waiting -= len(ticks) - call.handed_over
        if call.is_refused:
            raise PriceLogUnavailable("the topic of the price log is not there; nothing of this call was published")
        return call.outcomes()

    async def run(self) -> None:
        """Keep a producer at work until cancelled."""
        try:
            while True:
                producer = await self._start()
                self._broken.clear()
                self._ready.set_result(producer)
                await self._broken.wait()
                self._ready = asyncio.get_running_loop().create_future()
                # What it has of other partitions may still be written; who publishes does not wait for that.
                retiring = asyncio.create_task(producer.close())
                self._retiring.add(retiring)
                retiring.add_done_callback(self._retiring.discard)
        finally:
            ready, self._ready = self._ready, asyncio.get_running_loop().create_future()
            try:
                if ready.done():
                    await ready.result().close()
            finally:
                await asyncio.gather(*self._retiring)

    async def _hand_over(self, ticks: Sequence[Tick], call: Call, known: Callable[[Tick, int], bool]) -> None:
        producer = await asyncio.shield(self._ready)
        for index, tick in enumerate(ticks):
            partition = home_partition(tick.stock_id, self._identity.partitions)
            if known(tick, partition):
                call.settle(index, DUPLICATE)
                continue
            key, value = encode(tick)
            future = await producer.send(partition, key, value)
            call.handed_over += 1
            future.add_done_callback(partial(self._note, call, index, self.ends.get(partition, 0)))
            if index % _TURN == _TURN - 1:
                await asyncio.sleep(0)

    def _note(self, call: Call, index: int, end: int, future: asyncio.Future[RecordMetadata]) -> None:
        """Note what the producer says of a tick, which came when its partition ended there or above."""
        self._waiting -= 1
        if future.cancelled():
            call.fail(index, is_refused=False)
        elif (error := future.exception()) is not None:
            call.fail(index, is_refused=isinstance(error, InvalidTopicError))
            if not self._broken.is_set():
                _log.error("Kafka did not take ticks; another producer takes over", error=repr(error))
            self._broken.set()
        elif future.result().offset >= end:
            call.settle(index, Published(Outcome.ACCEPTED, future.result().offset + 1))
        else:
            # The broker has the batch from an earlier try, but does not remember where: aiokafka makes up a place.
            call.settle(index, UNKNOWN)

    async def _start(self) -> Producer:
        told = False
        while True:
            producer = Producer(self._connection, self._topic, self._identity, self._missing)
            try:
                await producer.start()
            except (KafkaError, OSError) as error:
                if not told:
                    told = True
                    _log.warning("waiting for Kafka to publish to", topic=self._topic, error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return producer
