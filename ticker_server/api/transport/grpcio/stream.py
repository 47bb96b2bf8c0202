"""Watch streams: a sink that hands a watch's messages to grpc.aio, one write in flight, and the handler around it.

The handler of a stream is its only writer. It is a coroutine, not an async generator: a generator that is suspended
while its reader goes away ends with GeneratorExit at some later time, and with it all that the watch holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc

from ticker_server.api.transport.gate import Passage, StreamGate
from ticker_server.api.transport.grpcio.batch import Batch
from ticker_server.api.transport.grpcio.calls import Call, Calls, Context
from ticker_server.api.transport.grpcio.failures import answered
from ticker_server.api.transport.grpcio.unary import decoded
from ticker_server.api.transport.services import OpenWatch, Rpc, WatchMethod
from ticker_server.errors import TickerError

__all__ = ["StreamSink", "stream_handler"]


class StreamSink:
    """The sink of one stream. `write_all` is its other end; `on_end` is called once, when the stream is ended.

    It holds the open watch, and lets it go as soon as the stream is ended: what was sent may wait for a reader that
    does not read for as long as its connection lasts, and only that waits.
    """

    def __init__(self, on_end: Callable[[], None] = lambda: None) -> None:
        self.on_writable: Callable[[], None] = _ignore
        self._on_end = on_end
        self._watch: OpenWatch | None = None
        self._message = b""
        self._last = b""
        self._is_writing = False
        self._ended = False
        self._error: TickerError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def writable(self) -> bool:
        """Whether a message can be sent now."""
        return not (self._message or self._is_writing or self._ended)

    def hold(self, watch: OpenWatch) -> None:
        """Hold the watch that sends until the stream is ended, or `release` is called; then close it."""
        self._watch = watch
        if self._ended:
            self.release()

    def release(self) -> None:
        """Close the watch and let it go. Idempotent."""
        watch, self._watch = self._watch, None
        self.on_writable = _ignore
        if watch is not None:
            watch.close()

    def send(self, parts: Sequence[bytes]) -> None:
        """Send one message, the join of the parts."""
        if not self.writable:
            raise RuntimeError("a message is sent into a sink that is not writable")
        self._message = b"".join(parts)
        self._wake()

    def end(self, error: TickerError | None, last: Sequence[bytes] = ()) -> None:
        """End the stream after what was sent and one last message: OK, or the error's status. Only the first call counts."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._last = b"".join(last)
            self._on_end()
            self.release()
            self._wake()

    async def write_all(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Write what is sent until the stream is ended; raises the error it was ended with."""
        while True:
            if self._message:
                await self._write_message(write)
                if not self._ended:
                    self.on_writable()
            elif self._last:
                self._message, self._last = self._last, b""
            elif self._ended:
                break
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
        if self._error is not None:
            raise self._error

    async def _write_message(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        writing = Batch(write(self._message))
        self._message, self._is_writing = b"", True
        await writing
        self._is_writing = False

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def stream_handler(rpc: Rpc, gate: StreamGate, calls: Calls) -> grpc.RpcMethodHandler[Any, Any]:
    """Return the handler of the method that opens a watch."""

    async def handle(request: bytes, context: Context) -> None:
        call = calls.begin(rpc.name, context)
        message = await decoded(request, rpc.request, context)
        passage = gate.enter(call.caller.peer)
        call.when_over(passage.leave)
        await answered(call, _watch(rpc.function, message, call, passage))

    return grpc.unary_stream_rpc_method_handler(handle)


async def _watch(method: WatchMethod, request: Any, call: Call, passage: Passage) -> None:
    passage.check()
    sink = StreamSink(passage.end)
    sink.hold(await method(request, call.caller, sink))
    try:
        await sink.write_all(call.context.write)
    finally:
        sink.release()


def _ignore() -> None:
    """Stand in for `on_writable` until the watch sets it, and after the end."""
