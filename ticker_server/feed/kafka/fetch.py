"""Reading by topic id: version 13 of Kafka's Fetch request, under aiokafka's consumer.

Up to version 12 a fetch names its topic, and after the topic was deleted and made anew it reads on in the new one. By
id the broker itself refuses: what the consumer gets is of this topic, or an error.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

from aiokafka.protocol.fetch import FetchRequest

from ticker_server.feed.kafka.frame import NO_TAGS, Frame, array, compact
from ticker_server.feed.kafka.request import FlexibleRequest, Versions, require

__all__ = ["FetchById"]

_KEY = 1
_VERSION = 13
_REQUEST = struct.Struct(">iiiibii")
_REQUEST_PARTITION = struct.Struct(">iiqiqi")
_RESPONSE = struct.Struct(">ihi")
_TOPIC_ID = struct.Struct(">16s")
_PARTITION = struct.Struct(">ihqqq")
_ABORTED = struct.Struct(">qq")
_INT32 = struct.Struct(">i")

_Partition = tuple[int, int, int, int, int, list[tuple[int, int]], int, bytes]


class _FetchAnswer:
    """What aiokafka's fetcher reads of an answer: `topics` by name, in the layout of version 11."""

    API_VERSION = _VERSION

    def __init__(self, by_id: list[tuple[bytes, list[_Partition]]]) -> None:
        self.by_id = by_id
        self.topics: list[tuple[str, list[_Partition]]] = []

    @classmethod
    def decode(cls, data: BytesIO) -> _FetchAnswer:
        frame = Frame(data)
        frame.unpack(_RESPONSE)  # throttling, an error of the fetch session (there is none), the session
        by_id: list[tuple[bytes, list[_Partition]]] = []
        for _ in range(frame.length()):
            (topic_id,) = frame.unpack(_TOPIC_ID)
            by_id.append((topic_id, [_partition(frame) for _ in range(frame.length())]))
            frame.skip_tags()
        return cls(by_id)


def _partition(frame: Frame) -> _Partition:
    partition, error, high_watermark, last_stable, log_start = frame.unpack(_PARTITION)
    aborted: list[tuple[int, int]] = []
    for _ in range(frame.length()):
        aborted.append(frame.unpack(_ABORTED))  # the producer and its first offset
        frame.skip_tags()
    (preferred_replica,) = frame.unpack(_INT32)
    records = frame.data()
    frame.skip_tags()
    return partition, error, high_watermark, last_stable, log_start, aborted, preferred_replica, records


class FetchById:
    """A fetch of aiokafka's, of one topic, asked by the topic's id."""

    def __init__(self, fetch: FetchRequest, topic: str, topic_id: bytes) -> None:
        self._fields: dict[str, Any] = vars(fetch)
        self._topic = topic
        self._topic_id = topic_id

    def prepare(self, versions: Versions) -> FlexibleRequest:
        """Return what is sent to a broker that speaks these versions. Raises IncompatibleBrokerVersion."""
        require(versions, _KEY, _VERSION)
        fields = self._fields
        partitions = [
            # No leader epoch known, none of the last record, no log start: a consumer's, not a follower's.
            _REQUEST_PARTITION.pack(partition, -1, offset, -1, -1, max_bytes) + NO_TAGS
            for _topic, asked in fields["_topics"]
            for partition, offset, max_bytes in asked
        ]
        limits = fields["_max_wait_ms"], fields["_min_bytes"], fields["_max_bytes"], fields["_isolation_level"]
        body = (
            _REQUEST.pack(-1, *limits, 0, -1)  # a consumer's, and no fetch session
            + array([self._topic_id + array(partitions) + NO_TAGS])
            + array([])  # what a session would forget
            + compact(b"")  # no rack
            + NO_TAGS
        )
        return FlexibleRequest(_KEY, _VERSION, body, _FetchAnswer)

    def answer(self, response: _FetchAnswer) -> list[_Partition]:
        """Give the answer the topic's name, where aiokafka looks for it, and return its partitions."""
        found = [each for topic_id, partitions in response.by_id if topic_id == self._topic_id for each in partitions]
        response.topics = [(self._topic, found)]
        return found
