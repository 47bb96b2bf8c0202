"""A price log in Kafka, as gateways open it and as foreign programs see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.broker import Broker
from tests.support.price_logs import KafkaLogs
from tests.support.price_topic import PriceTopic
from ticker_server.clock import SystemClock


@pytest.fixture
async def logs(broker: Broker, topic_prefix: str) -> AsyncIterator[KafkaLogs]:
    """Return an empty price log in a topic of its own."""
    opened = KafkaLogs(broker.bootstrap_servers, topic_prefix, SystemClock())
    await opened.identity()
    yield opened
    await opened.close()


@pytest.fixture
def topic(broker: Broker, topic_prefix: str) -> PriceTopic:
    """Return the topic of the price log, for programs that are not ours."""
    return PriceTopic(broker.bootstrap_servers, topic_prefix, KafkaLogs.partitions)
