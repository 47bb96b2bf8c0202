"""One call of a method: what its handler sees, and how the handler's end becomes that of the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from google.rpc import code_pb2

from ticker_server.api.caller import Caller
from ticker_server.api.transport.failures import failure_status
from ticker_server.api.transport.frames.framing import message_bytes
from ticker_server.api.transport.frames.header_block import OK_TRAILERS, Metadata, headers_block, trailers_block
from ticker_server.api.transport.frames.status import CallFailed, trailers_of_status
from ticker_server.api.transport.frames.stream import Stream
from ticker_server.api.transport.services import OpenWatch

__all__ = ["Call"]

_DEADLINE_EXCEEDED = trailers_block(code_pb2.DEADLINE_EXCEEDED, "the deadline has passed")


class Call:
    """A call that is being answered.

    `method` is its name on the wire, `metadata` what the caller told. A handler is cancelled when the caller is gone,
    cancels, or its deadline passes. `on_done` is called once, when handler and stream have ended; `cut` resets a
    stream whose reader does not read its end in time.
    """

    __slots__ = (
        "_on_done",
        "_stream",
        "_task",
        "_timer",
        "_trailing",
        "_writer",
        "caller",
        "metadata",
        "method",
    )

    def __init__(
        self, method: str, metadata: Metadata, caller: Caller, stream: Stream, on_done: Callable[[Call], None]
    ) -> None:
        self.method = method
        self.metadata = metadata
        self.caller = caller
        self._stream = stream
        self._on_done = on_done
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._trailing: Metadata = ()
        self._writer: asyncio.Future[None] | None = None
        stream.on_gone = self._note_gone

    @property
    def fields(self) -> dict[str, str]:
        """What the log says of a call besides what happened."""
        return {"method": self.method, "request_id": self.caller.request_id, "peer": self.caller.peer}

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The task of the handler; None before it was started."""
        return self._task

    def set_initial_metadata(self, metadata: Metadata) -> None:
        """Send this before the first message."""
        self._stream.begin(headers_block(metadata))

    def set_trailing_metadata(self, metadata: Metadata) -> None:
        """Send this with the status."""
        trailers_block(0, metadata=metadata)  # what cannot be encoded fails here, where the status can still be told
        self._trailing = metadata

    async def read(self) -> bytes | None:
        """Return the next request message; None after the last."""
        inbox = self._stream.inbox
        return None if inbox is None else await inbox.read()

    async def write(self, message: bytes) -> None:
        """Send one message; waits while the reader does not take any."""
        stream = self._stream
        while not stream.writable:
            self._writer = asyncio.get_running_loop().create_future()
            stream.on_writable = self._wake
            await self._writer
        stream.send((message,))

    def expire_in(self, seconds: float, cut: Callable[[Stream], None]) -> None:
        """End the call when its deadline passes."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire, cut)

    def answer(self, handler: Callable[[bytes, Call], Awaitable[bytes]], request: bytes) -> None:
        """Let a handler answer one request with one message."""
        self._run(self._answer, handler, request)

    def open(self, handler: Callable[[bytes, Call, Stream], Awaitable[OpenWatch]], request: bytes) -> None:
        """Let a handler open what sends into the stream."""
        self._run(self._open, handler, request)

    def serve(self, handler: Callable[[Call], Awaitable[None]]) -> None:
        """Let a handler read and write until it returns."""
        self._run(self._serve, handler)

    def end(self, failure: CallFailed) -> None:
        """End the call with a status, whatever its handler does; it is cancelled."""
        self._stream.finish(failure.trailers())

    async def _answer(self, handler: Callable[[bytes, Call], Awaitable[bytes]], request: bytes) -> None:
        answer = await handler(request, self)
        self._finish(
            trailers_block(0, metadata=self._trailing) if self._trailing else OK_TRAILERS, message_bytes(answer)
        )

    async def _open(self, handler: Callable[[bytes, Call, Stream], Awaitable[OpenWatch]], request: bytes) -> None:
        stream = self._stream
        opened = await handler(request, self, stream)
        if stream.is_over:
            opened.close()
        else:
            # From here on nothing of the call is kept but its timer, if it has a deadline.
            stream.on_gone = opened.close if self._timer is None else self._closing(opened)
            stream.inbox = None

    async def _serve(self, handler: Callable[[Call], Awaitable[None]]) -> None:
        await handler(self)
        self._finish(trailers_block(0, metadata=self._trailing))

    def _run(self, work: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        self._task = asyncio.get_running_loop().create_task(self._end_with(work, *arguments))
        # Not at the end of the task: it may be cancelled before it has begun.
        self._task.add_done_callback(self._note_done)

    def _note_done(self, _task: asyncio.Task[None]) -> None:
        self._on_done(self)

    async def _end_with(self, work: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        """Do the work; whatever it raises becomes the status."""
        try:
            await work(*arguments)
        except CallFailed as failure:
            self._finish(failure.trailers(self._trailing))
        except asyncio.CancelledError as error:
            if self._task is None or self._task.cancelling():
                raise
            # Nobody cancelled this call, so the error came out of the work itself.
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - nothing of an unforeseen error may reach the caller
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._finish(trailers_of_status(failure_status(error, self.fields), self._trailing))

    def _finish(self, trailers: bytes, last: bytes = b"") -> None:
        if self._timer is not None:
            self._timer.cancel()
        stream = self._stream
        if stream.on_gone == self._note_gone:
            stream.on_gone = None
        stream.finish(trailers, last)

    def _expire(self, cut: Callable[[Stream], None]) -> None:
        stream = self._stream
        if not stream.is_ended:
            stream.finish(_DEADLINE_EXCEEDED)
        if not stream.is_over:
            cut(stream)

    def _note_gone(self) -> None:
        """Cancel the handler: nobody waits for its answer any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        else:
            self._on_done(self)

    def _closing(self, opened: OpenWatch) -> Callable[[], None]:
        def close() -> None:
            if self._timer is not None:
                self._timer.cancel()
            opened.close()

        return close

    def _wake(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)
