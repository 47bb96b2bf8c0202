"""Writing by topic id."""

from __future__ import annotations

import struct
from io import BytesIO

from aiokafka.protocol.produce import ProduceRequest

from ticker_server.feed.kafka.frame import NO_TAGS, array, compact
from ticker_server.feed.kafka.produce import ProduceById

TOPIC_ID = bytes(range(16))


def produce() -> ProduceById:
    """Return a write to two partitions, as aiokafka's producer makes it."""
    written = ProduceRequest(
        transactional_id=None, required_acks=-1, timeout=5000, topics=[("t", [(3, b"three"), (0, b"null")])]
    )
    return ProduceById(written, "t", TOPIC_ID)


def test_request_names_the_id() -> None:
    """To a broker that can take it so, the request has the topic's id where older ones have its name."""
    asked = produce()
    request = asked.prepare({0: (3, 13)})

    assert asked.by_id
    assert (request.API_KEY, request.API_VERSION) == (0, 13)
    assert request.encode() == (
        b"\x00"  # no transaction
        + struct.pack(">hi", -1, 5000)
        + b"\x02"
        + TOPIC_ID
        + array([struct.pack(">i", n) + compact(data) + NO_TAGS for n, data in ((3, b"three"), (0, b"null"))])
        + NO_TAGS
        + NO_TAGS
    )


def test_broker_before_4_1() -> None:
    """To an older broker it goes by name, as aiokafka made it."""
    asked = produce()
    request = asked.prepare({0: (0, 12)})

    assert not asked.by_id
    assert request.API_VERSION < 13
    assert request.encode().endswith(b"three" + struct.pack(">ii", 0, 4) + b"null")


def test_answer_has_the_layout_of_the_sender() -> None:
    """The answer is read field by field, and stands where aiokafka's sender looks for it."""
    asked = produce()
    of_a_record = struct.pack(">i", 0) + compact(b"bad") + NO_TAGS
    fine = struct.pack(">ihqqq", 3, 0, 41, 1_000, 5) + array([]) + compact(None) + NO_TAGS
    failed = struct.pack(">ihqqq", 0, 87, -1, -1, -1) + array([of_a_record]) + compact(b"why") + NO_TAGS
    topic = TOPIC_ID + array([fine, failed]) + NO_TAGS

    answer = asked.prepare({0: (3, 13)}).RESPONSE_TYPE.decode(BytesIO(array([topic]) + struct.pack(">i", 0) + NO_TAGS))
    found = asked.answer(answer)

    assert found == [(3, 0, 41, 1_000, 5, None, ""), (0, 87, -1, -1, -1, None, "why")]
    assert answer.topics == [("t", found)]
    assert answer.API_VERSION == 8
