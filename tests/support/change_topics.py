"""The topic of catalog changes on a real Kafka: made, made anew, and written to past the server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from tests.support.broker import Broker
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.change_records import encode_change
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import read_identity
from ticker_server.feed.kafka.topics import change_topic, ensure_topics
from ticker_server.model.change import Change

PARTITIONS = 4
PATIENCE_SECONDS = 30.0


class ChangeTopicAdmin:
    """The topic of one test, and what its operators and strangers do with it."""

    def __init__(self, broker: Broker, prefix: str) -> None:
        self.connection = KafkaConnection(broker.bootstrap_servers)
        self.plan = change_topic(prefix, PARTITIONS)
        self.name = self.plan.name

    async def make(self) -> None:
        """Make the topic; right after its making not every request knows it yet."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    await ensure_topics(self.connection, [self.plan])
                    await read_identity(self.connection, self.name, PARTITIONS)
                except PriceLogUnavailable:
                    await asyncio.sleep(0.1)
                else:
                    return

    async def delete(self) -> None:
        """Delete the topic, and wait until the broker knows it no longer."""
        admin = AdminClient(self.connection.admin_options())
        await asyncio.to_thread(admin.delete_topics([self.name])[self.name].result)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    await read_identity(self.connection, self.name, PARTITIONS)
                except PriceLogUnavailable:
                    return
                await asyncio.sleep(0.1)

    async def add_partitions(self, total: int) -> None:
        """Give the topic more partitions than are planned."""
        admin = AdminClient(self.connection.admin_options())
        grown = admin.create_partitions([NewPartitions(self.name, total)])[self.name]
        await asyncio.to_thread(grown.result)

    async def write(
        self, key: bytes, value: bytes | None, headers: Sequence[tuple[str, bytes]], partition: int
    ) -> None:
        """Write any record, as a foreign producer can; one without a key a compacted topic does not take."""
        errors: list[object] = []
        producer = Producer(self.connection.admin_options() | {"on_delivery": lambda error, _: errors.append(error)})
        producer.produce(self.name, value, key, partition=partition, headers=list(headers))
        await asyncio.to_thread(producer.flush, PATIENCE_SECONDS)
        assert errors == [None]

    async def write_in_transaction(self, change: Change, *, commit: bool) -> None:
        """Write a change in a transaction that ends well or not."""
        await asyncio.to_thread(self._write_in_transaction, change, commit)

    def _write_in_transaction(self, change: Change, commit: bool) -> None:  # noqa: FBT001 - handed to a thread
        producer = Producer(self.connection.admin_options() | {"transactional.id": self.name})
        producer.init_transactions(PATIENCE_SECONDS)
        producer.begin_transaction()
        record = encode_change(change)
        partition = record.partition(PARTITIONS)
        producer.produce(self.name, record.value, record.key, partition=partition, headers=list(record.headers))
        producer.flush(PATIENCE_SECONDS)
        if commit:
            producer.commit_transaction(PATIENCE_SECONDS)
        else:
            producer.abort_transaction(PATIENCE_SECONDS)
