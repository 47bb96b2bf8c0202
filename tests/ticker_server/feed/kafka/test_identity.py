"""Which log a topic is."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.support.price_logs import KafkaLogs
from tests.support.price_topic import PriceTopic
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import Identity, read_identity

TOPIC_ID = "6f6ee2d3-9d3b-4a5c-8fd9-2d0a30aa0000"


def test_epoch_differs_with_each_of_the_three() -> None:
    """Another cluster, another topic or another number of partitions is another epoch; the same three are the same."""
    epochs = {
        Identity(cluster, topic, partitions).epoch
        for cluster in ("c1", "c2")
        for topic in (TOPIC_ID, TOPIC_ID.replace("6", "7"))
        for partitions in (4, 8)
    }

    assert len(epochs) == 8
    assert Identity("c1", TOPIC_ID, 4).epoch in epochs
    assert {len(epoch) for epoch in epochs} == {32}


async def test_identity_of_a_topic(logs: KafkaLogs, topic: PriceTopic) -> None:
    """A topic keeps its identity, also when it gets partitions, and one that is made anew has another."""
    first = await logs.identity()
    await asyncio.to_thread(topic.add_partitions, 6)
    assert await logs.identity() == first

    await asyncio.to_thread(topic.delete)
    with pytest.raises(PriceLogUnavailable, match="is not there"):
        await read_identity(logs.connection, logs.topic, logs.partitions)
    await asyncio.to_thread(topic.create)

    second = await logs.identity()
    assert (second.cluster_id, second.partitions) == (first.cluster_id, first.partitions)
    assert second.epoch != first.epoch


async def test_no_broker() -> None:
    """A cluster that is away is told as unavailable, in a bounded time."""
    started = time.monotonic()
    with pytest.raises(PriceLogUnavailable, match="does not answer"):
        await read_identity(KafkaConnection("127.0.0.1:1"), "t.prices", 4)
    assert time.monotonic() - started < 6
