"""The Kafka side of a deployment."""

from __future__ import annotations

from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import Identity, read_identity
from ticker_server.feed.kafka.topics import change_topic, ensure_topics, price_topic
from ticker_server.settings import Deployment

__all__ = ["Cluster", "connection_of"]


def connection_of(settings: Deployment) -> KafkaConnection:
    """Return how the Kafka of a deployment is reached."""
    return KafkaConnection(
        settings.kafka_bootstrap_servers,
        settings.kafka_security_protocol,
        settings.kafka_sasl_mechanism,
        settings.kafka_sasl_username,
        settings.kafka_sasl_password.get_secret_value(),
        settings.kafka_ca_file,
    )


class Cluster:
    """The Kafka side of a deployment: how it is reached, and what its topics are called."""

    def __init__(self, settings: Deployment) -> None:
        self.connection = connection_of(settings)
        self.partitions = settings.kafka_partitions
        self.prices = price_topic(settings.kafka_topic_prefix, self.partitions)
        self.changes = change_topic(settings.kafka_topic_prefix, self.partitions)

    async def ensure(self) -> None:
        """Make the topics that are missing. Raises TopicsUnusable, PriceLogUnavailable."""
        await ensure_topics(self.connection, [self.prices, self.changes])

    async def identity(self) -> Identity:
        """Return the identity of the price topic, made if it is missing. Raises TopicsUnusable, PriceLogUnavailable."""
        await self.ensure()
        return await read_identity(self.connection, self.prices.name, self.partitions)
