"""Publishing to a topic id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.log_reader import reading
from tests.support.price_logs import KafkaLogs
from tests.support.price_topic import PriceTopic
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.publisher import Publisher
from ticker_server.feed.log import Outcome, Published
from ticker_server.model.tick import Tick


def never(_tick: Tick, _partition: int) -> bool:
    """Know no repeat."""
    return False


@asynccontextmanager
async def running(logs: KafkaLogs) -> AsyncIterator[Publisher]:
    """Run a publisher of its own."""
    publisher = Publisher(logs.connection, logs.topic, await logs.identity(), lambda: None)
    work = asyncio.create_task(publisher.run())
    yield publisher
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_large_call_keeps_its_order(logs: KafkaLogs) -> None:
    """A call of many batches is written in its order, partition by partition."""
    log = await logs.open()
    ticks = [Tick(f"S{number % 11}", str(number)) for number in range(1, 20_001)]
    async with running(logs) as publisher, reading(log) as reader:
        published = await publisher.publish(ticks, known=never, seconds=20)
        await reader.until(lambda: len(reader.ticks) == len(ticks))

    assert {each.outcome for each in published} == {Outcome.ACCEPTED}
    for stock in range(11):
        prices = [int(tick.price) for tick in reader.ticks if tick.stock_id == f"S{stock}"]
        assert prices == sorted(prices)


async def test_known_repeats_are_not_written(logs: KafkaLogs) -> None:
    """What is known as a repeat is answered so, and only the rest is written."""
    async with running(logs) as publisher:
        published = await publisher.publish(
            [Tick("A", "1"), Tick("A", "2"), Tick("A", "3")], known=lambda tick, _: tick.price == "2", seconds=20
        )

    assert [each.outcome for each in published] == [Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.ACCEPTED]
    assert [each.sequence for each in published] == [1, 0, 2]


async def test_nothing_is_handed_over_without_a_producer(logs: KafkaLogs) -> None:
    """Before there is a producer nothing can be taken, and that is told in time."""
    publisher = Publisher(logs.connection, logs.topic, await logs.identity(), lambda: None)

    with pytest.raises(PriceLogUnavailable):
        await publisher.publish([Tick("A", "1")], known=never, seconds=0.1)


async def test_place_below_the_end_is_not_believed(logs: KafkaLogs) -> None:
    """An acknowledgement below what was known as the end names no place where this tick can stand."""
    async with running(logs) as publisher:
        await publisher.publish([Tick("A", "1")], known=never, seconds=20)
        publisher.ends = dict.fromkeys(range(logs.partitions), 50)

        assert await publisher.publish([Tick("A", "2")], known=never, seconds=20) == [Published(Outcome.UNKNOWN)]


async def test_another_producer_takes_over(logs: KafkaLogs, topic: PriceTopic) -> None:
    """After an error that is not tried again, another producer takes over, and nothing waits for the first."""
    identity = await logs.identity()
    missing = asyncio.Event()
    publisher = Publisher(logs.connection, logs.topic, identity, missing.set)
    work = asyncio.create_task(publisher.run())
    await publisher.publish([Tick("A", "1")], known=never, seconds=20)
    await asyncio.to_thread(topic.delete)
    await asyncio.to_thread(topic.create)

    for _ in range(3):
        with pytest.raises(PriceLogUnavailable):
            await publisher.publish([Tick("A", "2")], known=never, seconds=5)
    assert missing.is_set()
    new = (await logs.open()).snapshot()
    assert new.positions == dict.fromkeys(range(logs.partitions), 0), "nothing is in the new topic"
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
