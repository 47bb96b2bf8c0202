"""Asking leaders where partitions begin and end."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator

import pytest

from tests.support.price_logs import KafkaLogs
from tests.support.price_topic import PriceTopic
from tests.support.transaction import Transaction
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.offsets import BEGINNING, END, READABLE_END, LogReplaced, Question, TopicOffsets
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import Tick

PARTITIONS = range(KafkaLogs.partitions)


@pytest.fixture
async def offsets(logs: KafkaLogs) -> AsyncIterator[TopicOffsets]:
    """Return what asks for the offsets of an empty topic."""
    asking = TopicOffsets(logs.connection, logs.topic, await logs.identity())
    yield asking
    await asking.close()


async def answers(offsets: TopicOffsets) -> None:
    """Ask again and again: a broker learns a moment later what its controller has done."""
    async with asyncio.timeout(20):
        while True:
            await offsets.ask(END, PARTITIONS, seconds=0.5)


async def test_ends(offsets: TopicOffsets, topic: PriceTopic) -> None:
    """The end is behind all that was written, the readable end before a transaction that is open."""
    home = home_partition("A", len(PARTITIONS))
    await asyncio.to_thread(topic.publish, Tick("A", "1"), Tick("A", "2"))
    transaction = await asyncio.to_thread(Transaction, topic)
    await asyncio.to_thread(transaction.write, Tick("A", "3"))

    empty = dict.fromkeys(PARTITIONS, 0)
    assert await offsets.ask(BEGINNING, PARTITIONS) == empty
    assert await offsets.ask(READABLE_END, PARTITIONS) == empty | {home: 2}
    assert await offsets.ask(END, PARTITIONS) == empty | {home: 3}


async def test_offsets_of_a_time(offsets: TopicOffsets, topic: PriceTopic) -> None:
    """The offset of a time is that of the first record since; after all records it is the readable end."""
    home = home_partition("A", len(PARTITIONS))
    await asyncio.to_thread(topic.publish, Tick("A", "1"), Tick("A", "2"))

    empty = dict.fromkeys(PARTITIONS, 0)
    now = time.time_ns() // 1_000_000
    assert await offsets.ask(Question(now - 60_000), PARTITIONS) == empty
    assert await offsets.ask(Question(now + 60_000), PARTITIONS) == empty | {home: 2}


async def test_partitions_that_were_added(offsets: TopicOffsets, topic: PriceTopic) -> None:
    """How many partitions there are comes with any answer."""
    await asyncio.to_thread(topic.add_partitions, 6)

    async with asyncio.timeout(10):
        while offsets.partitions != 6:
            await offsets.ask(BEGINNING, [0])


async def test_topic_that_was_replaced(offsets: TopicOffsets, topic: PriceTopic) -> None:
    """A topic that is gone is unavailable; as soon as there is another one of its name, it is replaced."""
    await asyncio.to_thread(topic.delete)
    with pytest.raises(PriceLogUnavailable):
        await answers(offsets)

    await asyncio.to_thread(topic.create)
    with pytest.raises(LogReplaced):
        await offsets.ask(END, PARTITIONS)


async def test_cancelled_question_leaves_no_connection(logs: KafkaLogs) -> None:
    """Wherever the first question is cancelled, it leaves no connection open."""
    identity = await logs.identity()

    async def ask() -> None:
        offsets = TopicOffsets(logs.connection, logs.topic, identity)
        try:
            await offsets.ask(END, PARTITIONS)
        finally:
            await offsets.close()

    for moment in range(40):
        asking = asyncio.create_task(ask())
        await asyncio.sleep(moment / 4000)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    gc.collect()  # what was left open is a ResourceWarning now, and fails the test
