"""Topics as a deployment needs them: made, or refused with what differs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from structlog.testing import capture_logs

from tests.support.broker import Broker
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import read_identity
from ticker_server.feed.kafka.topics import TopicsUnusable, change_topic, ensure_topics, price_topic


@pytest.fixture
def connection(broker: Broker) -> KafkaConnection:
    """Return how the broker is reached."""
    return KafkaConnection(broker.bootstrap_servers)


def admin_of(connection: KafkaConnection) -> AdminClient:
    """Return a foreign administrator."""
    return AdminClient({**connection.admin_options(), "log_level": 0})


def make(connection: KafkaConnection, name: str, partitions: int, **config: str) -> None:
    """Make a topic as another program does."""
    settings: dict[str, Any] = {key.replace("_", "."): value for key, value in config.items()}
    admin = admin_of(connection)
    admin.create_topics([NewTopic(name, partitions, 1, config=settings)])[name].result(10)


def settings_of(connection: KafkaConnection, name: str) -> dict[str, str]:
    """Return the settings of a topic."""
    resource = ConfigResource(ResourceType.TOPIC, name)
    admin = admin_of(connection)
    found = admin.describe_configs([resource])[resource].result(10)
    return {key: entry.value for key, entry in found.items()}


async def test_missing_topics_are_made(connection: KafkaConnection, topic_prefix: str) -> None:
    """Both topics are made with their settings, usable at once, and a second start leaves them alone."""
    plans = [price_topic(topic_prefix, 4), change_topic(topic_prefix, 2)]
    await ensure_topics(connection, plans)
    identities = [await read_identity(connection, plan.name, plan.partitions) for plan in plans]
    await ensure_topics(connection, plans)

    assert [await read_identity(connection, plan.name, plan.partitions) for plan in plans] == identities
    prices = settings_of(connection, f"{topic_prefix}.prices")
    changes = settings_of(connection, f"{topic_prefix}.subscriptions")
    assert (prices["cleanup.policy"], changes["cleanup.policy"]) == ("delete", "compact")
    assert (prices["retention.ms"], prices["message.timestamp.type"]) == ("604800000", "LogAppendTime")
    assert prices["unclean.leader.election.enable"] == "false"


async def test_several_start_at_once(connection: KafkaConnection, topic_prefix: str) -> None:
    """Of several processes that start at once one makes the topics, and none fails."""
    plans = [price_topic(topic_prefix, 4), change_topic(topic_prefix, 2)]

    await asyncio.gather(*(ensure_topics(connection, plans) for _ in range(4)))


@pytest.mark.parametrize(
    ("partitions", "config", "told"),
    [
        (2, {"message_timestamp_type": "LogAppendTime"}, "has 2 partitions, but TICKER_KAFKA_PARTITIONS is 4"),
        (4, {}, "has message.timestamp.type=CreateTime, but it must be LogAppendTime"),
        (
            4,
            {"message_timestamp_type": "LogAppendTime", "cleanup_policy": "compact"},
            "has cleanup.policy=compact, but it must be delete",
        ),
    ],
)
async def test_topic_that_differs(
    connection: KafkaConnection, topic_prefix: str, partitions: int, config: dict[str, str], told: str
) -> None:
    """A topic that cannot be used as it is is refused with its name, what it is and what it must be."""
    plan = price_topic(topic_prefix, 4)
    await asyncio.to_thread(make, connection, plan.name, partitions, **config)

    with pytest.raises(TopicsUnusable) as refused:
        await ensure_topics(connection, [plan])

    assert f"topic {plan.name} {told}" in str(refused.value)
    assert (refused.value.reason, refused.value.exit_code) == ("PRICE_LOG_UNUSABLE", 5)


async def test_more_partitions(connection: KafkaConnection, topic_prefix: str) -> None:
    """A topic with more partitions is used all the same, and told as an error."""
    await ensure_topics(connection, [price_topic(topic_prefix, 4)])

    with capture_logs() as told:
        await ensure_topics(connection, [price_topic(topic_prefix, 3)])

    assert [(line["log_level"], line["has"], line["used"]) for line in told] == [("error", 4, 3)]


async def test_no_broker(capfd: pytest.CaptureFixture[str]) -> None:
    """A cluster that is away is told as unavailable, once and in words, and nothing else is written."""
    with pytest.raises(PriceLogUnavailable, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        await ensure_topics(KafkaConnection("127.0.0.1:1"), [price_topic("none", 4)])

    assert capfd.readouterr() == ("", "")
