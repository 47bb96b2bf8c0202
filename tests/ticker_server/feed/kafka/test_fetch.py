"""Reading by topic id."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.fetch import FetchRequest

from ticker_server.feed.kafka.fetch import FetchById
from ticker_server.feed.kafka.frame import NO_TAGS, array, compact, varint

TOPIC_ID = bytes(range(16))
VERSIONS = {1: (4, 18)}


def fetch() -> FetchById:
    """Return a fetch of two partitions, as aiokafka's consumer makes it."""
    return FetchById(FetchRequest(100, 1, 524_288, 1, [("t", [(3, 17, 65_536), (0, 2**40, 65_536)])]), "t", TOPIC_ID)


def partition(number: int, error: int, aborted: list[bytes], records: bytes) -> bytes:
    """Return what an answer has of a partition, tagged fields included."""
    tags = varint(1) + varint(1) + compact(b"leader")[:0] + varint(3) + b"new"
    head = struct.pack(">ihqqq", number, error, 20, 19, 5)
    return head + array(aborted) + struct.pack(">i", -1) + compact(records) + tags


def test_request_names_the_id() -> None:
    """The request has aiokafka's limits and positions, and the topic's id where older ones have its name."""
    request = fetch().prepare(VERSIONS)

    first = struct.pack(">iiqiqi", 3, -1, 17, -1, -1, 65_536) + NO_TAGS
    second = struct.pack(">iiqiqi", 0, -1, 2**40, -1, -1, 65_536) + NO_TAGS
    assert (request.API_KEY, request.API_VERSION) == (1, 13)
    assert request.encode() == (
        struct.pack(">iiiibii", -1, 100, 1, 524_288, 1, 0, -1)
        + b"\x02"
        + TOPIC_ID
        + b"\x03"
        + first
        + second
        + NO_TAGS
        + b"\x01"  # nothing to forget
        + b"\x01"  # no rack
        + NO_TAGS
    )


def test_answer_has_the_layout_of_the_fetcher() -> None:
    """The answer is read field by field, and stands where aiokafka's fetcher looks for it."""
    aborted = struct.pack(">qq", 9, 18) + NO_TAGS
    topic = TOPIC_ID + array([partition(3, 0, [aborted], b"records"), partition(0, 1, [], b"")]) + NO_TAGS
    asked = fetch()

    answer = asked.prepare(VERSIONS).RESPONSE_TYPE.decode(
        BytesIO(struct.pack(">ihi", 0, 0, 0) + array([topic]) + NO_TAGS)
    )
    found = asked.answer(answer)

    assert found == [(3, 0, 20, 19, 5, [(9, 18)], -1, b"records"), (0, 1, 20, 19, 5, [], -1, b"")]
    assert answer.topics == [("t", found)]
    assert answer.API_VERSION >= 11


def test_answer_for_another_id_is_none() -> None:
    """What an answer has of another topic id is not taken for this one's."""
    topic = bytes(16) + array([partition(3, 0, [], b"records")]) + NO_TAGS
    asked = fetch()
    answer = asked.prepare(VERSIONS).RESPONSE_TYPE.decode(
        BytesIO(struct.pack(">ihi", 0, 0, 0) + array([topic]) + NO_TAGS)
    )

    assert asked.answer(answer) == []
    assert answer.topics == [("t", [])]


def test_broker_that_is_too_old() -> None:
    """A broker that cannot read by id is not read by name instead."""
    with pytest.raises(IncompatibleBrokerVersion):
        fetch().prepare({1: (0, 12)})
