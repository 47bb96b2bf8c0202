"""Writing catalog changes: acknowledged, or an error in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from confluent_kafka import Consumer, TopicPartition

from scripts.kafka_cluster.ports import HOST, free_ports
from tests.support.broker import Broker
from tests.support.change_topics import PARTITIONS, PATIENCE_SECONDS, ChangeTopicAdmin
from tests.support.sample_changes import added, listed
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.change_publisher import ChangePublisher
from ticker_server.feed.kafka.change_records import decode_change, encode_change
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.model.change import Change


@pytest.fixture
async def topic(broker: Broker, topic_prefix: str) -> ChangeTopicAdmin:
    """Return a new topic."""
    admin = ChangeTopicAdmin(broker, topic_prefix)
    await admin.make()
    return admin


@pytest.fixture
async def publisher(topic: ChangeTopicAdmin) -> AsyncIterator[ChangePublisher]:
    """Return what publishes to the topic."""
    made = ChangePublisher(topic.connection, topic.name, PARTITIONS)
    yield made
    await made.close()


def read(topic: ChangeTopicAdmin, partition: int, count: int) -> list[object]:
    """Return the first changes of a partition, as librdkafka reads them."""
    options = topic.connection.admin_options() | {"group.id": "foreign", "auto.offset.reset": "error"}
    with closing(Consumer(options)) as consumer:
        consumer.assign([TopicPartition(topic.name, partition, 0)])
        messages = consumer.consume(count, PATIENCE_SECONDS)
    return [decode_change(message.key(), message.value(), message.headers()) for message in messages]


async def test_what_is_published_is_in_the_topic(topic: ChangeTopicAdmin, publisher: ChangePublisher) -> None:
    """When publish returns, any reader finds the changes in their home partitions, in their order."""
    for_ana: list[Change] = [added("ana", "AAPL", revision) for revision in range(1, 2001)]

    await publisher.publish([*for_ana, listed("AAPL", 3000)])

    home = encode_change(for_ana[0]).partition(PARTITIONS)
    assert await asyncio.to_thread(read, topic, home, len(for_ana)) == for_ana
    home_of_stocks = encode_change(listed("AAPL", 3000)).partition(PARTITIONS)
    assert await asyncio.to_thread(read, topic, home_of_stocks, 1) == [listed("AAPL", 3000)]


async def test_calls_at_the_same_time_share_a_producer(topic: ChangeTopicAdmin, publisher: ChangePublisher) -> None:
    """Several relays publish at once; nothing is lost, and each user's changes keep their order."""
    await asyncio.gather(*(publisher.publish([added(f"user{number}", "AAPL", 1)]) for number in range(20)))
    await asyncio.gather(*(publisher.publish([added(f"user{number}", "AAPL", 2)]) for number in range(20)))

    found: list[object] = []
    for partition in range(PARTITIONS):
        published = [
            added(f"user{number}", "AAPL", revision)
            for revision in (1, 2)
            for number in range(20)
            if encode_change(added(f"user{number}", "AAPL", 1)).partition(PARTITIONS) == partition
        ]
        read_back = await asyncio.to_thread(read, topic, partition, len(published))
        assert sorted(map(repr, read_back)) == sorted(map(repr, published))
        found += read_back
    assert found.index(added("user7", "AAPL", 1)) < found.index(added("user7", "AAPL", 2))


async def test_nothing_is_asked_before_the_first_change() -> None:
    """Making a publisher, publishing nothing and closing it need no broker."""
    publisher = ChangePublisher(KafkaConnection("127.0.0.1:1"), "t", PARTITIONS)

    await publisher.publish([])
    await publisher.close()


async def test_broker_that_is_away_is_told() -> None:
    """Where nobody listens, publishing fails, again and again."""
    publisher = ChangePublisher(KafkaConnection(f"{HOST}:{free_ports(1)[0]}"), "t", PARTITIONS)

    for _ in range(2):
        with pytest.raises(PriceLogUnavailable, match="the topic t did not take all changes"):
            await publisher.publish([listed("AAPL", 1)])
    await publisher.close()


class MuteServer:
    """Listens as a broker that is frozen: connections are taken, and nothing is answered."""

    def __init__(self) -> None:
        self.connections = 0
        self.hung_up = asyncio.Event()
        self._over = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Yield the address."""
        async with await asyncio.start_server(self._be_silent, HOST, 0) as server:
            host, port = server.sockets[0].getsockname()
            yield f"{host}:{port}"
            self.hang_up()

    def hang_up(self) -> None:
        """Close the connections, and those to come at once."""
        self._over.set()

    async def _be_silent(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await self._over.wait()
        writer.close()
        self.hung_up.set()


async def test_silent_broker_is_told_in_time() -> None:
    """A broker that takes the connection and never answers costs the limit, and no more."""
    async with MuteServer().listening() as address:
        publisher = ChangePublisher(KafkaConnection(address), "t", PARTITIONS, limit_seconds=0.2)
        async with asyncio.timeout(3):
            with pytest.raises(PriceLogUnavailable, match="TimeoutError"):
                await publisher.publish([listed("AAPL", 1)])
            await publisher.close()


async def test_start_that_failed_late_is_not_held_against_the_next_call() -> None:
    """A producer that could not start after its call had given up is forgotten: the next call makes a new one."""
    server = MuteServer()
    async with server.listening() as address:
        publisher = ChangePublisher(KafkaConnection(address), "t", PARTITIONS, limit_seconds=0.2)
        with pytest.raises(PriceLogUnavailable):
            await publisher.publish([listed("AAPL", 1)])
        server.hang_up()
        await server.hung_up.wait()
        starting = [task for task in asyncio.all_tasks() if "ChangePublisher._start" in repr(task)]
        await asyncio.wait(starting)

        with pytest.raises(PriceLogUnavailable):
            await publisher.publish([listed("AAPL", 1)])
        assert server.connections == 2
        await publisher.close()


async def test_missing_topic_is_told_and_then_found(broker: Broker, topic_prefix: str) -> None:
    """A topic that is not there is an error in time; once it is there, publishing works."""
    topic = ChangeTopicAdmin(broker, topic_prefix)
    publisher = ChangePublisher(topic.connection, topic.name, PARTITIONS, limit_seconds=0.5)
    with pytest.raises(PriceLogUnavailable):
        await publisher.publish([listed("AAPL", 1)])
    await topic.make()

    patient = ChangePublisher(topic.connection, topic.name, PARTITIONS)
    await patient.publish([listed("AAPL", 1)])
    await patient.close()
    await publisher.close()


async def test_topic_with_too_few_partitions_is_told(topic: ChangeTopicAdmin) -> None:
    """A home partition that the topic does not have is an error, never another partition."""
    publisher = ChangePublisher(topic.connection, topic.name, PARTITIONS + 1)

    with pytest.raises(PriceLogUnavailable, match="not the 5 it must have"):
        await publisher.publish([listed("AAPL", 1)])
    await publisher.close()


async def test_refused_change_costs_the_producer_only(topic: ChangeTopicAdmin, publisher: ChangePublisher) -> None:
    """After an error that no repeat cures, another producer takes over, and the next changes go through."""
    with pytest.raises(PriceLogUnavailable, match="MessageSizeTooLarge"):
        await publisher.publish([added("ana", "AAPL", 1), added("x" * 2_000_000, "AAPL", 2)])

    await publisher.publish([listed("AAPL", 3)])

    home_of_stocks = encode_change(listed("AAPL", 3)).partition(PARTITIONS)
    assert await asyncio.to_thread(read, topic, home_of_stocks, 1) == [listed("AAPL", 3)]


async def test_closing_leaves_nothing_running(publisher: ChangePublisher) -> None:
    """After close no task of the publisher is left."""
    before = asyncio.all_tasks()
    await publisher.publish([listed("AAPL", 1)])

    await publisher.close()

    assert asyncio.all_tasks() <= before
