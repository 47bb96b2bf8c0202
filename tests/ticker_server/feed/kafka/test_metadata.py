"""Asking a broker for a topic's id and leaders."""

from __future__ import annotations

import asyncio

from aiokafka.client import AIOKafkaClient

from tests.support.price_logs import KafkaLogs
from tests.support.price_topic import PriceTopic
from ticker_server.feed.kafka.metadata import MetadataRequest, TopicMetadata


async def ask(logs: KafkaLogs, topic: str) -> TopicMetadata:
    """Return what a broker knows of a topic."""
    client = AIOKafkaClient(**logs.connection.client_options())
    await client.bootstrap()
    try:
        answer: TopicMetadata = (await client.send(client.get_random_node(), MetadataRequest(topic))).topic
        return answer
    finally:
        await client.close()


async def test_topic_is_told_with_its_leaders(logs: KafkaLogs, topic: PriceTopic) -> None:
    """A topic is told with its id and each partition's leader."""
    identity = await logs.identity()
    await asyncio.to_thread(topic.add_partitions, 6)

    told = await ask(logs, logs.topic)

    assert (told.cluster_id, told.topic_id, told.error) == (identity.cluster_id, identity.topic_id_bytes, 0)
    assert set(told.leaders) == set(range(6))
    assert len(set(told.leaders.values())) == 1


async def test_topic_that_is_not_there(logs: KafkaLogs) -> None:
    """A topic that is not there is told as unknown, and is not made by the question."""
    for _ in range(2):
        told = await ask(logs, f"{logs.topic}.not")
        assert (told.error, told.leaders) == (3, {})
