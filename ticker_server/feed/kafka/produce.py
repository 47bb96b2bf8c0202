"""Writing by topic id: version 13 of Kafka's Produce request, under aiokafka's producer.

By id a broker refuses what is meant for a topic that was deleted, also when there is a new one of its name. Brokers
have it since 4.1; to an older one the request goes by name, as aiokafka made it.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

from aiokafka.protocol.produce import ProduceRequest

from ticker_server.feed.kafka.frame import NO_TAGS, Frame, array, compact
from ticker_server.feed.kafka.request import FlexibleRequest, Versions

__all__ = ["ProduceById"]

_KEY = 0
_VERSION = 13
_LIKE_VERSION = 8
_REQUEST = struct.Struct(">hi")
_INT32 = struct.Struct(">i")
_TOPIC_ID = struct.Struct(">16s")
_PARTITION = struct.Struct(">ihqqq")

_Partition = tuple[int, int, int, int, int, None, str]


class _ProduceAnswer:
    """What aiokafka's sender reads of an answer: `topics` by name, in the layout of version 8."""

    API_VERSION = _LIKE_VERSION

    def __init__(self, by_id: list[tuple[bytes, list[_Partition]]]) -> None:
        self.by_id = by_id
        self.topics: list[tuple[str, list[_Partition]]] = []

    @classmethod
    def decode(cls, data: BytesIO) -> _ProduceAnswer:
        frame = Frame(data)
        by_id: list[tuple[bytes, list[_Partition]]] = []
        for _ in range(frame.length()):
            (topic_id,) = frame.unpack(_TOPIC_ID)
            by_id.append((topic_id, [_partition(frame) for _ in range(frame.length())]))
            frame.skip_tags()
        return cls(by_id)


def _partition(frame: Frame) -> _Partition:
    partition, error, offset, timestamp, log_start = frame.unpack(_PARTITION)
    for _ in range(frame.length()):  # errors of single records: the batch failed with them
        frame.unpack(_INT32)
        frame.text()
        frame.skip_tags()
    message = frame.text()
    frame.skip_tags()
    return partition, error, offset, timestamp, log_start, None, message


class ProduceById:
    """A produce request of aiokafka's, to one topic, sent by the topic's id where the broker can take it so."""

    def __init__(self, produce: ProduceRequest, topic: str, topic_id: bytes) -> None:
        self._produce = produce
        self._topic = topic
        self._topic_id = topic_id
        self.by_id = False
        """Whether it went by id; known once it was prepared."""

    def prepare(self, versions: Versions) -> Any:
        """Return what is sent to a broker that speaks these versions."""
        lowest, highest = versions.get(_KEY, (0, 0))
        self.by_id = lowest <= _VERSION <= highest
        if not self.by_id:
            return self._produce.prepare(versions)
        fields: dict[str, Any] = vars(self._produce)
        partitions = [
            _INT32.pack(partition) + compact(bytes(records)) + NO_TAGS
            for _topic, sent in fields["_topics"]
            for partition, records in sent
        ]
        body = (
            compact(None)  # no transaction
            + _REQUEST.pack(fields["_required_acks"], fields["_timeout"])
            + array([self._topic_id + array(partitions) + NO_TAGS])
            + NO_TAGS
        )
        return FlexibleRequest(_KEY, _VERSION, body, _ProduceAnswer)

    def answer(self, response: Any) -> list[tuple[int, ...]]:
        """Give an answer by id the topic's name, where aiokafka looks for it, and return its partitions."""
        if self.by_id:
            found = [each for topic_id, each in response.by_id if topic_id == self._topic_id]
            response.topics = [(self._topic, partitions) for partitions in found]
        return [partition for _topic, partitions in response.topics for partition in partitions]
