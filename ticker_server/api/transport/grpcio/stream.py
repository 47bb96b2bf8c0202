"""Watch streams: a sink that hands a watch's messages to grpc.aio, one write in flight, and the handler around it.

The handler of a stream is its only writer. It is a coroutine, not an async generator: a generator that is suspended
while its reader goes away ends with GeneratorExit at some later time, and with it all that the watch holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message
from ticker.v1 import watch_service_pb2

from ticker_server.api.caller import Caller
from ticker_server.api.transport.grpcio.calls import Call, Calls, Context
from ticker_server.api.transport.grpcio.failures import answered
from ticker_server.api.transport.grpcio.unary import decoded
from ticker_server.errors import LimitExceeded, ServerDraining, TickerError
from ticker_server.fanout.sink import Sink

__all__ = ["OpenWatch", "StreamGate", "StreamSink", "WatchMethod", "stream_handler"]


class OpenWatch(Protocol):
    """An open watch, as the transport sees it."""

    def close(self) -> None:
        """Release everything: the stream is gone. Idempotent."""


WatchMethod = Callable[[watch_service_pb2.WatchStocksRequest, Caller, Sink], Awaitable[OpenWatch]]
"""Opens a watch that writes into the sink. What it raises ends the stream; it may send before it returns."""


class StreamGate:
    """How many streams may be open at once, and whether any may still be opened."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.open = 0
        self.draining = False

    def __enter__(self) -> None:
        self.open += 1

    def __exit__(self, *_: object) -> None:
        self.open -= 1

    def check(self) -> None:
        """Refuse the stream that was counted last, if it is one too many or comes too late."""
        if self.draining:
            raise ServerDraining
        if self.open > self.limit:
            raise LimitExceeded(
                "STREAM_LIMIT",
                "server",
                f"this server has at most {self.limit} open watches; close some or try another",
            )


class StreamSink:
    """The sink of one stream. `write_all` is its other end."""

    def __init__(self) -> None:
        self.on_writable: Callable[[], None] = _ignore
        self._message: bytes | None = None
        self._ended = False
        self._error: TickerError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def writable(self) -> bool:
        """Whether a message can be sent now."""
        return self._message is None and not self._ended

    def send(self, parts: Sequence[bytes]) -> None:
        """Send one message, the join of the parts."""
        if not self.writable:
            raise RuntimeError("a message is sent into a sink that is not writable")
        self._message = b"".join(parts)
        self._wake()

    def end(self, error: TickerError | None) -> None:
        """End the stream after what was sent: OK, or the error's status. Only the first call counts."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._wake()

    async def write_all(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Write what is sent until the stream is ended; raises the error it was ended with."""
        while True:
            if self._message is not None:
                await write(self._message)
                self._message = None
                if not self._ended:
                    self.on_writable()
            elif self._ended:
                break
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def stream_handler(
    name: str, request_type: type[Message], method: WatchMethod, gate: StreamGate, calls: Calls
) -> grpc.RpcMethodHandler[Any, Any]:
    """Return the handler of the method that opens a watch; `name` is its full name, `/package.Service/Method`."""

    async def handle(request: bytes, context: Context) -> None:
        call = calls.begin(name, context)
        message = await decoded(request, request_type, context)
        # A stream counts until its status is out, which a reader that does not read can hold up.
        with gate:
            await answered(call, _watch(method, message, call, gate))

    return grpc.unary_stream_rpc_method_handler(handle)


async def _watch(method: WatchMethod, request: Any, call: Call, gate: StreamGate) -> None:
    gate.check()
    sink = StreamSink()
    watch = await method(request, call.caller, sink)
    try:
        await sink.write_all(call.context.write)
    finally:
        watch.close()


def _ignore() -> None:
    """Stand in for `on_writable` until the watch sets it."""
