"""What a listener answers, by the name of the method: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.stream import Stream
from ticker_server.api.transport.services import OpenWatch

__all__ = ["Method", "Methods", "Push", "Streaming", "Unary"]


@dataclass(frozen=True, slots=True)
class Unary:
    """One request, one answer."""

    answer: Callable[[bytes, Call], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Push:
    """One request, then whatever is sent into the stream, which is a sink. What is opened is closed when it is gone."""

    open: Callable[[bytes, Call, Stream], Awaitable[OpenWatch]]


@dataclass(frozen=True, slots=True)
class Streaming:
    """Any other kind: reads and writes through the call, and ends it by returning.

    `is_awaited`: whether a drain waits for it. What goes on for as long as its caller pleases is not waited for.
    """

    serve: Callable[[Call], Awaitable[None]]
    is_awaited: bool = True


Method = Unary | Push | Streaming
Methods = Mapping[str, Method]
"""By their names on the wire, `/package.Service/Method`."""
