"""Where the partitions of one topic begin and end, asked of the brokers that lead them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.offset import OffsetRequest

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.metadata import MetadataRequest, TopicMetadata
from ticker_server.feed.kafka.undisturbed import undisturbed

__all__ = ["BEGINNING", "END", "OLDEST", "READABLE_END", "LogReplaced", "Question", "TopicOffsets"]

_REQUEST_MS = 2000
_RETRY_SECONDS = 0.1
_NO_OFFSET = -1


class LogReplaced(Exception):
    """The topic's name belongs to another topic now: nothing more can come of the log that was opened."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which offset of a partition is asked for, in the words of Kafka's ListOffsets request."""

    timestamp: int
    replica_id: int = -1
    isolation: int = 1


BEGINNING = Question(-2)
"""The oldest record."""

OLDEST = Question(0)
"""The first record of 1970 or later, which is the oldest one: with it comes its time."""

READABLE_END = Question(-1)
"""Through where it can be read: what is committed and what every replica in sync has."""

END = Question(-1, replica_id=-2, isolation=0)
"""Behind the last record that the leader has written, readable or not yet: whoever has read to here has all there was.

Only a "debugging consumer", whose replica id is -2, is told of this end.
"""


class _Answer(NamedTuple):
    """What a leader says: an offset, and the time of the record there in milliseconds, -1 if there is none."""

    timestamp: int
    offset: int


class TopicOffsets:
    """Asks for offsets of a topic, and with every answer whether it is still the topic of an identity.

    A leader is asked for its offsets first and for the topic's id then, on one connection, which Kafka serves in this
    order: offsets that come before the right id are of the right topic.
    """

    def __init__(self, connection: KafkaConnection, topic: str, identity: Identity) -> None:
        self._connection = connection
        self._topic = topic
        self._identity = identity
        self._client: AIOKafkaClient | None = None
        self._connecting = asyncio.Lock()
        self._leaders: dict[int, int] = {}
        self.partitions = identity.partitions
        """How many partitions the topic has by the last answer."""

    async def ask(self, question: Question, partitions: Sequence[int], *, seconds: float = 5.0) -> dict[int, int]:
        """Return the offset of each partition; for a time after all records, that is the readable end.

        Raises:
            LogReplaced: The name belongs to another topic now.
            PriceLogUnavailable: Not all the partitions' leaders answered in time, or the topic is not there just now.
        """
        answers = await self._ask_in_time(question, partitions, seconds)
        return {partition: answer.offset for partition, answer in answers.items()}

    async def ask_times(self, question: Question, partitions: Sequence[int], *, seconds: float = 5.0) -> dict[int, int]:
        """Return the time of each partition's record (milliseconds since the epoch), of those that have one.

        Raises what `ask` raises.
        """
        answers = await self._ask_in_time(question, partitions, seconds)
        return {partition: answer.timestamp for partition, answer in answers.items() if answer.timestamp >= 0}

    async def check(self, *, seconds: float = 5.0) -> None:
        """Ask a broker whether the topic is the one it was. Raises LogReplaced, PriceLogUnavailable."""
        self._leaders = {}
        await self._ask_in_time(BEGINNING, [], seconds)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _ask_in_time(self, question: Question, partitions: Sequence[int], seconds: float) -> dict[int, _Answer]:
        refused: Exception | None = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        return await self._ask(question, partitions)
                    except (KafkaError, OSError, LookupError) as error:
                        # Leaders move, and a topic that was just made is not served at once.
                        refused = error
                        self._leaders = {}
                    await asyncio.sleep(_RETRY_SECONDS)
        except TimeoutError as error:
            self._leaders = {}
            why = "does not answer" if refused is None else f"does not answer: {refused}"
            raise PriceLogUnavailable(f"Kafka at {self._connection.bootstrap_servers} {why}") from refused or error

    async def _ask(self, question: Question, partitions: Sequence[int]) -> dict[int, _Answer]:
        client = self._client or await self._connect()
        if not self._leaders:
            self._note(await self._metadata(client, client.get_random_node()))
        by_leader: dict[int, list[int]] = {}
        for partition in partitions:
            by_leader.setdefault(self._leaders[partition], []).append(partition)
        answers = await asyncio.gather(
            *(self._ask_leader(client, node_id, question, each) for node_id, each in by_leader.items())
        )
        return {partition: found for answer in answers for partition, found in answer.items()}

    async def _connect(self) -> AIOKafkaClient:
        async with self._connecting:  # who asks at the same time gets the same one
            return self._client or await self._new_client()

    async def _new_client(self) -> AIOKafkaClient:
        client = AIOKafkaClient(request_timeout_ms=_REQUEST_MS, **self._connection.client_options())
        try:
            await undisturbed(client.bootstrap())
        except BaseException:
            await client.close()
            raise
        client.set_topics([self._topic])  # else it keeps itself informed of every topic of the cluster
        self._client = client
        return client

    async def _ask_leader(
        self, client: AIOKafkaClient, node_id: int, question: Question, partitions: list[int]
    ) -> dict[int, _Answer]:
        answers = await self._list_offsets(client, node_id, question, partitions)
        self._note(await self._metadata(client, node_id))
        behind = [partition for partition, answer in answers.items() if answer.offset == _NO_OFFSET]
        if behind:
            answers |= await self._list_offsets(client, node_id, READABLE_END, behind)
        return answers

    async def _list_offsets(
        self, client: AIOKafkaClient, node_id: int, question: Question, partitions: list[int]
    ) -> dict[int, _Answer]:
        asked = [(self._topic, [(partition, question.timestamp) for partition in partitions])]
        answer = await client.send(node_id, OffsetRequest(question.replica_id, question.isolation, asked))
        found: dict[int, _Answer] = {}
        for _topic, answered in answer.topics:
            for partition, error, timestamp, offset in answered:
                if error:
                    raise KafkaError(f"{self._topic}-{partition}: Kafka's error {error}")
                found[partition] = _Answer(timestamp, offset)
        return found

    async def _metadata(self, client: AIOKafkaClient, node_id: Any) -> TopicMetadata:
        answer = await client.send(node_id, MetadataRequest(self._topic))
        topic: TopicMetadata = answer.topic
        return topic

    def _note(self, topic: TopicMetadata) -> None:
        """Keep who leads what; raises unless the topic is there and is the one that was opened."""
        if topic.error:
            raise KafkaError(f"topic {self._topic}: Kafka's error {topic.error}")
        if topic.topic_id != self._identity.topic_id_bytes:
            raise LogReplaced(f"topic {self._topic} was deleted and made anew")
        self._leaders = topic.leaders
        self.partitions = len(topic.leaders)
