"""What a price topic truly holds: all of it read by confluent-kafka, and folded without any reader or state of ours."""

from __future__ import annotations

import asyncio

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import TopicPartition

from tests.support.price_topic import PriceTopic
from ticker_server.feed.kafka.records import decode
from ticker_server.model.acceptance import Acceptance, Reason
from ticker_server.model.tick import AcceptedTick

READ_SECONDS = 30.0

Truth = dict[str, list[AcceptedTick]]
"""By stock, every tick that is accepted, in order."""


async def truth_of(topic: PriceTopic) -> Truth:
    """Read a topic from its beginning to its present end, and return what of it is accepted."""
    return await asyncio.to_thread(_read, topic)


def _read(topic: PriceTopic) -> Truth:
    truth: Truth = {}
    consumer = KafkaConsumer(
        {
            **topic.options,
            "group.id": "oracle",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        for partition in range(topic.partitions):
            acceptance = Acceptance(topic.partitions)
            consumer.assign([TopicPartition(topic.name, partition, 0)])
            while (message := consumer.poll(READ_SECONDS)) is not None and message.error() is None:
                key, value = message.key(), message.value()
                record = decode(
                    partition,
                    int(message.offset() or 0),
                    message.timestamp()[1],
                    None if key is None else bytes(key),  # type: ignore[arg-type]
                    None if value is None else bytes(value),  # type: ignore[arg-type]
                )
                accepted = record if isinstance(record, Reason) else acceptance.accept(record)
                if isinstance(accepted, AcceptedTick):
                    truth.setdefault(accepted.stock_id, []).append(accepted)
            assert message is not None, f"no end of {topic.name}-{partition} within {READ_SECONDS:g} s"
            assert message.error().code() == -191, message.error()  # the end of the partition
    finally:
        consumer.close()
    return truth
