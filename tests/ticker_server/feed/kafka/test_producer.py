"""One producer, which can be given up."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from tests.support.broker import running_broker
from tests.support.price_logs import KafkaLogs
from ticker_server.clock import SystemClock
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.producer import Producer


async def test_records_get_their_places(logs: KafkaLogs) -> None:
    """Each record is told its place, and closing waits for those that are under way."""
    producer = Producer(logs.connection, logs.topic, await logs.identity(), lambda: None)
    await producer.start()
    sent = [await producer.send(2, b"k", str(number).encode()) for number in range(100)]

    await producer.close()

    assert [future.result().offset for future in sent] == list(range(100))


async def test_partition_that_is_not_there(logs: KafkaLogs) -> None:
    """A record for a partition that is not there is refused."""
    producer = Producer(logs.connection, logs.topic, await logs.identity(), lambda: None)
    await producer.start()
    with pytest.raises(KafkaError):
        await producer.send(99, b"k", b"v")
    await producer.close()


async def test_no_broker() -> None:
    """A producer that reaches no broker leaves nothing behind."""
    identity = Identity("c", "6f6ee2d3-9d3b-4a5c-8fd9-2d0a30aa0000", 4)
    producer = Producer(KafkaConnection("127.0.0.1:1"), "none.prices", identity, lambda: None)

    with pytest.raises(KafkaError):
        await producer.start()


async def test_cancelled_start_leaves_no_connection(logs: KafkaLogs) -> None:
    """Wherever a start is cancelled, it leaves no connection open."""
    identity = await logs.identity()

    async def use() -> None:
        producer = Producer(logs.connection, logs.topic, identity, lambda: None)
        await producer.start()
        await producer.close()

    for moment in range(40):
        using = asyncio.create_task(use())
        await asyncio.sleep(moment / 4000)
        using.cancel()
        await asyncio.gather(using, return_exceptions=True)
    gc.collect()  # what was left open is a ResourceWarning now, and fails the test


async def test_cancelled_close_leaves_no_connection(logs: KafkaLogs) -> None:
    """At whichever turn of the loop a close is cancelled, it closes."""
    identity = await logs.identity()
    for turns in range(12):
        producer = Producer(logs.connection, logs.topic, identity, lambda: None)
        await producer.start()
        closing = asyncio.create_task(producer.close())
        for _ in range(turns):
            await asyncio.sleep(0)  # let it go on by one turn
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        if not turns:
            await producer.close()  # it had not begun
        assert producer.is_closed, turns
    gc.collect()  # what was left open is a ResourceWarning now, and fails the test


@pytest.mark.kafka
async def test_given_up(tmp_path: Path) -> None:
    """With a broker that does not answer, closing takes a bounded time, and what is open then is cancelled."""
    async with running_broker(tmp_path / "kafka") as broker:
        logs = KafkaLogs(broker.bootstrap_servers, "own", SystemClock())
        producer = Producer(logs.connection, logs.topic, await logs.identity(), lambda: None)
        await producer.start()
        await (await producer.send(0, b"k", b"v"))
        broker.freeze()
        sent = [await producer.send(partition, b"k", b"v") for partition in range(4)]

        started = time.monotonic()
        await producer.close()

        assert time.monotonic() - started < 8
        assert all(future.cancelled() for future in sent)
        broker.thaw()
