"""Requests of this package's own, as aiokafka's connections send them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from aiokafka.errors import IncompatibleBrokerVersion

from ticker_server.feed.kafka.request import FlexibleRequest, require


class Everything:
    """Reads the whole answer."""

    @classmethod
    def decode(cls, data: BytesIO) -> Any:
        """Return what there is."""
        return data.read()


def test_header_is_kafkas() -> None:
    """A request goes under the second header of Kafka, and its answer is read behind the first flexible one."""
    request = FlexibleRequest(3, 12, b"body", Everything)

    header = request.build_request_header(7, "me").encode()
    answer = BytesIO(b"\x00\x00\x00\x07\x00rest")

    assert header == b"\x00\x03\x00\x0c\x00\x00\x00\x07\x00\x02me\x00"
    assert request.encode() == b"body"
    assert request.parse_response_header(answer).correlation_id == 7
    assert request.RESPONSE_TYPE.decode(answer) == b"rest"


def test_version_that_a_broker_does_not_speak() -> None:
    """A broker that is too old for a request is told as such."""
    require({3: (0, 12)}, 3, 12)
    for versions in ({3: (0, 11)}, {3: (13, 14)}, {}):
        with pytest.raises(IncompatibleBrokerVersion):
            require(versions, 3, 12)
