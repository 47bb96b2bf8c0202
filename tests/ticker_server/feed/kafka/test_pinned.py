"""A client that reads and writes one topic id."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.client import ConnectionGroup
from aiokafka.errors import InvalidRequestError, InvalidTopicError, KafkaConnectionError, UnknownTopicOrPartitionError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest

from ticker_server.feed.kafka.metadata import MetadataRequest
from ticker_server.feed.kafka.pinned import pin

TOPIC_ID, OTHER_ID = bytes(range(16)), bytes(range(1, 17))
UNKNOWN_TOPIC_ID = 100


class Client:
    """Answers what it is sent, in the order of the test, as a broker of some versions."""

    def __init__(self, *answers: Any, produce_version: int = 13) -> None:
        self.sent: list[Any] = []
        self.missing = 0
        self._answers = list(answers)
        self._versions = {0: (3, produce_version), 1: (4, 18), 3: (0, 13)}
        pin(self, "t", TOPIC_ID, self._note_missing)

    async def send(self, _node_id: int, request: Any, *, group: Any = None) -> Any:
        """Take a request, and give its answer."""
        assert group in {None, ConnectionGroup.DEFAULT}
        self.sent.append(request.prepare(self._versions))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _note_missing(self) -> None:
        self.missing += 1


def fetched(error: int) -> Any:
    """Return the answer to a fetch, of one partition."""
    return SimpleNamespace(by_id=[(TOPIC_ID, [(2, error, 20, 20, 0, [], -1, b"records")])], topics=[])


def produced(error: int) -> Any:
    """Return the answer to a write by id, of one partition."""
    return SimpleNamespace(by_id=[(TOPIC_ID, [(2, error, 17, -1, 0, None, "")])], topics=[])


def produced_by_name() -> Any:
    """Return the answer to a write by name, of one partition."""
    return SimpleNamespace(topics=[("t", [(2, 0, 17, -1, 0)])])


def metadata(topic_id: bytes) -> Any:
    """Return the answer to a question for the topic."""
    return SimpleNamespace(topic=SimpleNamespace(topic_id=topic_id))


def fetch() -> FetchRequest:
    """Return a fetch of aiokafka's."""
    return FetchRequest(100, 1, 1000, 1, [("t", [(2, 17, 1000)])])


def produce() -> ProduceRequest:
    """Return a write of aiokafka's."""
    return ProduceRequest(transactional_id=None, required_acks=-1, timeout=1, topics=[("t", [(2, b"data")])])


async def test_fetch_goes_by_id() -> None:
    """What is fetched is asked by id, and given to aiokafka by name."""
    client = Client(fetched(0))

    answer = await client.send(1, fetch())

    assert TOPIC_ID in client.sent[0].encode()
    assert [(topic, partitions[0][1]) for topic, partitions in answer.topics] == [("t", 0)]
    assert not client.missing


async def test_fetch_of_an_id_that_is_gone() -> None:
    """A fetch of a topic that is gone is told, and tried again by aiokafka, with nothing in it."""
    client = Client(fetched(UNKNOWN_TOPIC_ID))

    answer = await client.send(1, fetch())

    assert [partition[1] for _, partitions in answer.topics for partition in partitions] == [
        UnknownTopicOrPartitionError.errno
    ]
    assert client.missing == 1


async def test_write_to_an_id_that_is_gone() -> None:
    """A write to a topic that is gone is told, and not tried again under its name."""
    client = Client(produced(UNKNOWN_TOPIC_ID))

    answer = await client.send(1, produce())

    assert answer.topics[0][1][0][1] == InvalidTopicError.errno
    assert not InvalidTopicError.retriable
    assert client.missing == 1


async def test_write_by_name_that_went_to_the_topic() -> None:
    """Where a broker takes no ids, a write counts once the topic is seen to be the same after it."""
    client = Client(produced_by_name(), metadata(TOPIC_ID), produce_version=12)

    answer = await client.send(1, produce())

    assert answer.topics[0][1][0][1:3] == (0, 17)
    assert [request.API_KEY for request in client.sent] == [0, 3]
    assert not client.missing


async def test_write_by_name_that_may_have_gone_elsewhere() -> None:
    """Where a broker takes no ids and the topic is another one after a write, the write counts neither way."""
    client = Client(produced_by_name(), metadata(OTHER_ID), produce_version=12)

    answer = await client.send(1, produce())

    assert answer.topics[0][1][0][1] == InvalidRequestError.errno
    assert not InvalidRequestError.retriable
    assert client.missing == 1


async def test_other_requests_go_as_they_are() -> None:
    """What is neither read nor written goes as it is."""
    client = Client(metadata(TOPIC_ID))

    await client.send(1, MetadataRequest("t"))

    assert client.sent[0].API_KEY == 3


@pytest.mark.parametrize("broken", [KeyError("connection"), ValueError("Buffer underrun"), TimeoutError()])
async def test_accidents_are_errors_of_the_connection(broken: Exception) -> None:
    """What goes wrong in a connection is an error that aiokafka tries again after, whatever it was."""
    client = Client(broken)

    with pytest.raises(KafkaConnectionError):
        await client.send(1, fetch())
