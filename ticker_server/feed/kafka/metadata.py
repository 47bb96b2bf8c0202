"""The metadata of one topic, with its id: version 12 of Kafka's Metadata request."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO

from ticker_server.feed.kafka.frame import NO_TAGS, Frame, array, compact
from ticker_server.feed.kafka.request import FlexibleRequest, Versions, require

__all__ = ["MetadataRequest", "TopicMetadata"]

_KEY = 3
_VERSION = 12
_INT32 = struct.Struct(">i")
_TOPIC_ERROR = struct.Struct(">h")
_TOPIC_ID = struct.Struct(">16s?")
_PARTITION = struct.Struct(">hiii")
_NO_ID = bytes(16)


@dataclass(frozen=True, slots=True)
class TopicMetadata:
    """What a broker knows of a topic: `error` is Kafka's error code (0 = none), `leaders` node ids by partition.

    A partition that has no leader just now has the leader -1.
    """

    cluster_id: str
    error: int
    topic_id: bytes
    leaders: dict[int, int]


@dataclass(frozen=True, slots=True)
class _MetadataAnswer:
    topic: TopicMetadata

    @classmethod
    def decode(cls, data: BytesIO) -> _MetadataAnswer:
        frame = Frame(data)
        frame.unpack(_INT32)  # how long the broker throttled
        for _ in range(frame.length()):  # brokers
            frame.unpack(_INT32)
            frame.text()
            frame.unpack(_INT32)
            frame.text()
            frame.skip_tags()
        cluster_id = frame.text()
        frame.unpack(_INT32)  # the controller
        topics = [_topic(cluster_id, frame) for _ in range(frame.length())]
        return cls(topics[0])


def _topic(cluster_id: str, frame: Frame) -> TopicMetadata:
    (error,) = frame.unpack(_TOPIC_ERROR)
    frame.text()
    topic_id, _internal = frame.unpack(_TOPIC_ID)
    leaders: dict[int, int] = {}
    for _ in range(frame.length()):
        _error, partition, leader, _leader_epoch = frame.unpack(_PARTITION)
        leaders[partition] = leader
        for _ in range(3):  # replicas, in sync, offline
            for _ in range(frame.length()):
                frame.unpack(_INT32)
        frame.skip_tags()
    frame.unpack(_INT32)  # operations that are allowed
    frame.skip_tags()
    return TopicMetadata(cluster_id, error, topic_id, leaders)


class MetadataRequest:
    """A question for one topic by its name, as aiokafka sends requests; `topic` of its answer is the metadata."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def prepare(self, versions: Versions) -> FlexibleRequest:
        """Return what is sent to a broker that speaks these versions. Raises IncompatibleBrokerVersion."""
        require(versions, _KEY, _VERSION)
        named = _NO_ID + compact(self._topic.encode()) + NO_TAGS
        # Neither make the topic if it is missing, nor tell what is allowed with it.
        return FlexibleRequest(_KEY, _VERSION, array([named]) + b"\x00\x00" + NO_TAGS, _MetadataAnswer)
