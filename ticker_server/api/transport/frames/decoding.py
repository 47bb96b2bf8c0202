"""Request messages out of the bytes that came."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from ticker_server.api.statuses import malformed_status
from ticker_server.api.transport.frames.status import CallFailed

__all__ = ["decoded"]

_M = TypeVar("_M", bound=Message)


def decoded(kind: type[_M], request: bytes) -> _M:
    """Return the message in a request's bytes. Raises CallFailed: such bytes have no field that could be named."""
    try:
        return kind.FromString(request)
    except DecodeError as error:
        status = malformed_status(kind.DESCRIPTOR.full_name)
        raise CallFailed(status.code, status.message) from error
