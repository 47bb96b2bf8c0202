"""The topic of catalog changes between gateways, on a real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from ticker.v1.stock_service_pb2 import Stock as StockMessage
from ticker.v1.subscription_service_pb2 import Subscription as SubscriptionMessage

from tests.support.broker import Broker, started_broker
from tests.support.change_recorder import ChangeRecorder, following
from tests.support.change_topics import PARTITIONS, ChangeTopicAdmin
from tests.support.sample_changes import added, listed
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.changes import ChangeLog
from ticker_server.feed.kafka.changes import ChangeTopic
from ticker_server.model.change import Change, StockDeleted, SubscriptionRemoved, UserDeleted

PATIENCE_SECONDS = 30.0
FROZEN_SECONDS = 8.0  # longer than publishing may take

Gateway = Callable[[], ChangeTopic]


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run a Kafka that tests of this module may kill and freeze."""
    with started_broker(tmp_path_factory.mktemp("own") / "kafka") as running:
        yield running


async def gateways(broker: Broker, prefix: str) -> AsyncIterator[Gateway]:
    """Make the topic, and yield what makes one more gateway's end of it."""
    topic = ChangeTopicAdmin(broker, prefix)
    await topic.make()
    async with AsyncExitStack() as ends:

        def gateway() -> ChangeTopic:
            end = ChangeTopic(topic.connection, topic.name, PARTITIONS)
            ends.push_async_callback(end.close)
            return end

        yield gateway


@pytest.fixture
async def gateway(broker: Broker, topic_prefix: str) -> AsyncIterator[Gateway]:
    """Return what makes a gateway's end of a new topic."""
    async with aclosing(gateways(broker, topic_prefix)) as made:
        yield await anext(made)


@pytest.fixture
async def gateway_at_risk(own_broker: Broker, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    """Return what makes a gateway's end of a new topic on the broker that may fail."""
    async with aclosing(gateways(own_broker, request.node.name)) as made:
        yield await anext(made)


async def publish_until_taken(changes: ChangeLog, *published: Change) -> None:
    """Publish as the relay does: again and again, until it is taken."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await changes.publish(published)
            except PriceLogUnavailable:
                await asyncio.sleep(0.1)


async def publish_until_refused(changes: ChangeLog, *published: Change) -> None:
    """Publish again and again, until it is refused: a broker that is being stopped may still answer once."""
    while True:
        try:
            await changes.publish(published)
        except PriceLogUnavailable:
            return


async def test_every_gateway_gets_what_any_publishes(gateway: Gateway) -> None:
    """Two gateways publish, and both get everything."""
    one, two = gateway(), gateway()
    async with (
        following(one, ChangeRecorder()) as at_one,
        following(two, ChangeRecorder()) as at_two,
    ):
        await one.publish([listed("AAPL", 1), added("ana", "AAPL", 2)])
        await two.publish([added("bo", "AAPL", 3), UserDeleted("ana", 4), StockDeleted("AAPL", 5)])

        everything = [
            listed("AAPL", 1),
            added("ana", "AAPL", 2),
            added("bo", "AAPL", 3),
            UserDeleted("ana", 4),
            StockDeleted("AAPL", 5),
        ]
        await at_one.has_applied(*everything)
        await at_two.has_applied(*everything)
        assert len(at_one.changes) == len(at_two.changes) == len(everything)
        assert at_one.reloads == at_two.reloads == 1


async def test_changes_of_a_user_keep_their_order(gateway: Gateway) -> None:
    """What is published in an order is applied in that order, for each user and for stocks."""
    changes = gateway()
    users = [f"user{number}" for number in range(20)]
    published: list[Change] = [added(user, "AAPL", 100 * n + i + 1) for n in range(30) for i, user in enumerate(users)]
    async with following(gateway(), ChangeRecorder()) as recorder:
        await changes.publish(published[:300])
        await changes.publish(published[300:])
        await recorder.has_applied(*published)

    for user in users:
        of_user = [change for change in published if change.subscription.user_id == user]  # type: ignore[union-attr]
        assert [change for change in recorder.changes if change in of_user] == of_user


async def test_nothing_to_publish_is_published_at_once(gateway: Gateway) -> None:
    """Publishing no change needs nothing."""
    await gateway().publish([])


async def test_foreign_reader_rebuilds_the_catalog(gateway: Gateway, broker: Broker, topic_prefix: str) -> None:
    """Who reads the topic from its beginning has the subscriptions and stocks of now, whatever came twice."""
    changes = gateway()
    history: list[Change] = [
        listed("AAPL", 1),
        listed("MSFT", 2),
        listed("TSLA", 3),
        added("ana", "AAPL", 4),
        added("ana", "MSFT", 5),
        added("bo", "AAPL", 6),
        added("bo", "MSFT", 7),
        SubscriptionRemoved("ana", "MSFT", 8),
        UserDeleted("bo", 9),
        added("bo", "MSFT", 10),
        added("cleo", "TSLA", 11),
        StockDeleted("TSLA", 12),
        listed("TSLA", 13),
        added("ana", "AAPL", 14),
    ]
    await changes.publish(history)
    await changes.publish(history[3:9])  # as after an answer that was not seen

    stocks, subscriptions = rebuilt(broker, f"{topic_prefix}.subscriptions")

    assert stocks == {"AAPL": "AAPL Inc.", "MSFT": "MSFT Inc.", "TSLA": "TSLA Inc."}
    assert subscriptions == {("ana", "AAPL"): 14, ("bo", "MSFT"): 10}


async def test_broker_killed_between_publishes_loses_nothing(own_broker: Broker, gateway_at_risk: Gateway) -> None:
    """A gateway goes on where it was, without a reload; what was refused does not come later by itself."""
    before = asyncio.all_tasks()
    changes = gateway_at_risk()
    async with following(gateway_at_risk(), ChangeRecorder()) as recorder:
        await changes.publish([added("ana", "AAPL", 1)])
        await own_broker.kill()
        with pytest.raises(PriceLogUnavailable):
            await changes.publish([added("ana", "AAPL", 99)])
        await own_broker.start()
        await publish_until_taken(changes, added("ana", "AAPL", 2))
        await changes.publish([added("ana", "AAPL", 3)])

        await recorder.has_applied(*(added("ana", "AAPL", revision) for revision in (1, 2, 3)))
        assert added("ana", "AAPL", 99) not in recorder.changes
        assert recorder.reloads == 1
    await changes.close()
    assert asyncio.all_tasks() <= before, "a connection was left open"


async def test_frozen_broker_loses_nothing(own_broker: Broker, gateway_at_risk: Gateway) -> None:
    """While the broker stands still publishing fails in time; then everything arrives, without a reload."""
    changes = gateway_at_risk()
    async with following(gateway_at_risk(), ChangeRecorder()) as recorder:
        await changes.publish([added("ana", "AAPL", 1)])
        own_broker.freeze()
        try:
            async with asyncio.timeout(FROZEN_SECONDS):
                await publish_until_refused(changes, added("ana", "AAPL", 2))
        finally:
            own_broker.thaw()
        await publish_until_taken(changes, added("ana", "AAPL", 2), added("ana", "AAPL", 3))

        await recorder.has_applied(*(added("ana", "AAPL", revision) for revision in (1, 2, 3)))
        assert recorder.reloads == 1


def rebuilt(broker: Broker, topic: str) -> tuple[dict[str, str], dict[tuple[str, str], int]]:
    """Return the names of the stocks and the revisions of the subscriptions that a foreign reader of the topic finds."""
    newest: dict[tuple[str, str], tuple[int, bytes]] = {}
    for key, revision, value in records(broker, topic):
        if revision > newest.get(key, (0, b""))[0]:
            newest[key] = revision, value
    stocks = {
        stock_id: StockMessage.FromString(value)
        for (user_id, stock_id), (_, value) in newest.items()
        if value and not user_id
    }
    subscriptions = [
        SubscriptionMessage.FromString(value) for (user_id, _), (_, value) in newest.items() if value and user_id
    ]
    return {stock.stock_id: stock.name for stock in stocks.values()}, {
        (each.user_id, each.stock_id): each.revision
        for each in subscriptions
        if each.stock_id in stocks
        and each.create_time.ToNanoseconds() >= stocks[each.stock_id].create_time.ToNanoseconds()
        and each.revision > newest.get((each.user_id, ""), (0, b""))[0]
    }


def records(broker: Broker, topic: str) -> Iterator[tuple[tuple[str, str], int, bytes]]:
    """Yield ids, revision and value (empty for a tombstone) of all records, as librdkafka reads them."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "foreign", "enable.partition.eof": True}
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    ended: set[int] = set()
    while len(ended) < PARTITIONS:
        message = consumer.poll(PATIENCE_SECONDS)
        assert message is not None, "the broker does not answer"
        if (error := message.error()) is not None:
            assert error.code() == KafkaError._PARTITION_EOF
            ended.add(message.partition())
            continue
        user_id, stock_id = message.key().decode().split("/")
        yield (user_id, stock_id), int(dict(message.headers())["revision"]), message.value() or b""
    consumer.close()
