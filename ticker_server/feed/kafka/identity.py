"""Which log a topic is: the identity that its sequences compare within."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from dataclasses import dataclass

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.library_logs import limit_library_logs
from ticker_server.feed.kafka.metadata import MetadataRequest
from ticker_server.feed.kafka.undisturbed import undisturbed

__all__ = ["Identity", "read_identity"]

_LIMIT_SECONDS = 5.0
_REQUEST_MS = 3000


@dataclass(frozen=True, slots=True)
class Identity:
    """A topic that was never deleted and made anew: the cluster's id, the topic's id, and the partitions ticks live in.

    `partitions` is the setting, not what the topic has: with another one every stock has another home.
    """

    cluster_id: str
    topic_id: str
    partitions: int

    @property
    def epoch(self) -> str:
        """The log epoch: 32 hexadecimal digits that differ whenever one of the three does."""
        text = f"{self.cluster_id}\n{self.topic_id}\n{self.partitions}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def topic_id_bytes(self) -> bytes:
        """The topic id as it stands in requests."""
        return uuid.UUID(self.topic_id).bytes


async def read_identity(connection: KafkaConnection, topic: str, partitions: int) -> Identity:
    """Ask a broker which topic bears the name now.

    Raises:
        PriceLogUnavailable: No broker answers within 5 s, or the topic is not there just now.
    """
    limit_library_logs()
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            return await _ask(connection, topic, partitions)
    except (KafkaError, OSError, TimeoutError) as error:
        raise PriceLogUnavailable(f"Kafka at {connection.bootstrap_servers} does not answer") from error


async def _ask(connection: KafkaConnection, topic: str, partitions: int) -> Identity:
    client = AIOKafkaClient(request_timeout_ms=_REQUEST_MS, **connection.client_options())
    try:
        await undisturbed(client.bootstrap())
        answer = await client.send(client.get_random_node(), MetadataRequest(topic))
    finally:
        await client.close()
    if answer.topic.error:
        raise PriceLogUnavailable(f"topic {topic} is not there (Kafka's error {answer.topic.error})")
    return Identity(answer.topic.cluster_id, str(uuid.UUID(bytes=answer.topic.topic_id)), partitions)
