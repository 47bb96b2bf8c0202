"""A request in Kafka's flexible encoding, in the form that aiokafka's connections send."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Protocol

from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.api import RequestHeader_v2, ResponseHeader_v1

__all__ = ["Answer", "FlexibleRequest", "Versions", "require"]

Versions = dict[int, tuple[int, int]]
"""The lowest and the highest version that a broker speaks, by the key of the request."""


class Answer(Protocol):
    """What reads an answer."""

    @classmethod
    def decode(cls, data: BytesIO) -> Any:
        """Return the answer that stands in these bytes, behind its header."""


class FlexibleRequest:
    """One encoded request of one version, and what reads its answer.

    The names are aiokafka's: it finds the fields of the header, the bytes, and the reader of the answer by them.
    """

    def __init__(self, key: int, version: int, body: bytes, answer: type[Answer]) -> None:
        self.API_KEY = key
        self.API_VERSION = version
        self.RESPONSE_TYPE = answer
        self._body = body

    def build_request_header(self, correlation_id: int, client_id: str) -> Any:
        """Return the header before the request."""
        return RequestHeader_v2(self, correlation_id=correlation_id, client_id=client_id)

    def parse_response_header(self, data: BytesIO) -> Any:
        """Return the header before the answer."""
        return ResponseHeader_v1.decode(data)

    def encode(self) -> bytes:
        """Return the request without its header."""
        return self._body


def require(versions: Versions, key: int, version: int) -> None:
    """Raise IncompatibleBrokerVersion unless a broker speaks this version."""
    lowest, highest = versions.get(key, (0, 0))
    if not lowest <= version <= highest:
        raise IncompatibleBrokerVersion(
            f"request {key} in version {version} is not known: Kafka 4.0 or later is needed"
        )
