"""A client of aiokafka's pinned to one topic id: it reads and writes that topic, never another one of its name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import (
    BrokerResponseError,
    InvalidRequestError,
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    UnknownTopicOrPartitionError,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest

from ticker_server.feed.kafka.fetch import FetchById
from ticker_server.feed.kafka.metadata import MetadataRequest
from ticker_server.feed.kafka.produce import ProduceById

__all__ = ["pin"]

_WRONG_ID = frozenset({100, 103})
"""Kafka's UNKNOWN_TOPIC_ID and INCONSISTENT_TOPIC_ID."""

_PAUSE_SECONDS = 0.1


def pin(client: AIOKafkaClient, topic: str, topic_id: bytes, missing: Callable[[], None]) -> None:
    """Let all that a client reads and writes go by topic id; `missing` is called when a broker does not know it.

    A broker that does not know the id answers a fetch with an error that aiokafka's fetcher tries again, after a
    pause, because that fetcher makes none; and a produce request with one that it does not, because what was not
    written under this id is never to be written under its name.
    """
    _PinnedClient(client, topic, topic_id, missing)


class _PinnedClient:
    """Stands before the `send` of a client, which is all that its consumer or producer talks to brokers through."""

    def __init__(self, client: AIOKafkaClient, topic: str, topic_id: bytes, missing: Callable[[], None]) -> None:
        self._send = client.send
        self._topic = topic
        self._topic_id = topic_id
        self._missing = missing
        client.send = self.send

    async def send(self, node_id: Any, request: Any, *, group: Any = ConnectionGroup.DEFAULT) -> Any:
        """Send a request to a broker and return its answer. Raises KafkaError and nothing else."""
        try:
            if isinstance(request, FetchRequest):
                return await self._fetch(node_id, FetchById(request, self._topic, self._topic_id))
            if isinstance(request, ProduceRequest):
                return await self._produce(node_id, ProduceById(request, self._topic, self._topic_id))
            return await self._send(node_id, request, group=group)
        except KafkaError:
            raise
        except Exception as error:
            # The fetcher and the sender of aiokafka end for ever at anything that is not a KafkaError, such as the
            # KeyError of a connection that closed at the wrong moment. As this one they try again.
            raise KafkaConnectionError(f"broker {node_id}: {error!r}") from error

    async def _fetch(self, node_id: Any, request: FetchById) -> Any:
        response = await self._send(node_id, request)
        partitions = request.answer(response)
        if any(partition[1] in _WRONG_ID for partition in partitions):
            self._missing()
            await asyncio.sleep(_PAUSE_SECONDS)
            response.topics = [(self._topic, [_with_error(each, UnknownTopicOrPartitionError) for each in partitions])]
        return response

    async def _produce(self, node_id: Any, request: ProduceById) -> Any:
        response = await self._send(node_id, request)
        partitions = request.answer(response)
        refused = any(partition[1] in _WRONG_ID for partition in partitions)
        if refused or not (request.by_id or await self._is_still_there(node_id)):
            self._missing()
            # By id it was refused. By name who knows which topic acknowledged it: it counts neither way.
            error = InvalidTopicError if refused else InvalidRequestError
            response.topics = [(self._topic, [_with_error(each, error) for each in partitions])]
        return response

    async def _is_still_there(self, node_id: Any) -> bool:
        """Tell whether a broker has the topic under this id.

        A broker knows of a new topic before it writes to it, and answers the requests of a connection one after the
        other: what it acknowledged before it still knew this id went to this id.
        """
        answer = await self._send(node_id, MetadataRequest(self._topic))
        return bool(answer.topic.topic_id == self._topic_id)


def _with_error(partition: Any, error: type[BrokerResponseError]) -> tuple[Any, ...]:
    return (partition[0], error.errno, *partition[2:])
