"""From a request to its call: what gRPC asks of every request, and the handler of its method (gRPC over HTTP/2)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import partial

from google.rpc import code_pb2

from ticker_server.api.caller import Caller
from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.header_block import Request, http_block
from ticker_server.api.transport.frames.methods import Method, Methods, Push, Streaming, Unary
from ticker_server.api.transport.frames.status import CallFailed
from ticker_server.api.transport.frames.stream import Stream
from ticker_server.clock import Clock

__all__ = ["Dispatcher"]

_GRPC = b"application/grpc"
_SEPARATORS = (b"", b"+", b";")
_TEXT = (b"content-type", b"text/plain")
_NOT_ALLOWED = http_block(405, (_TEXT, (b"allow", b"POST")))
_UNSUPPORTED = http_block(415, (_TEXT,))


class Dispatcher:
    """Gives each request to the handler of its method, and keeps the calls that are being answered."""

    def __init__(self, methods: Methods, clock: Clock) -> None:
        self._methods = methods
        self._clock = clock
        self._calls: set[Call] = set()
        self._unawaited: set[Call] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def take(self, stream: Stream, request: Request, peer: str, cut: Callable[[Stream], None]) -> None:
        """Answer a request. `peer` is its address, `cut` resets a stream."""
        assert stream.inbox is not None
        refusal = _http_refusal(request)
        if refusal is not None:
            # Such an answer waits for the end of the request, which is what clients of HTTP expect.
            stream.inbox.is_discarding = True
            stream.inbox.on_change = partial(stream.answer_plain, *refusal)
            return
        try:
            method = self._find(request)
        except CallFailed as failure:
            _fail(stream, failure)
            return
        deadline = None if request.timeout is None else self._clock.wall() + request.timeout
        caller = Caller(peer=peer, request_id=secrets.token_hex(8), deadline=deadline)
        call = Call(request.path, request.metadata, caller, stream, self._forget)
        self._calls.add(call)
        self._idle.clear()
        if request.timeout is not None:
            call.expire_in(request.timeout / 1e9, cut)
        if isinstance(method, Streaming):
            call.serve(method.serve)
            if not method.is_awaited:
                self._unawaited.add(call)
        else:
            stream.inbox.on_change = partial(_take_only_message, stream, call, method)

    def _find(self, request: Request) -> Method:
        if request.encoding not in {b"", b"identity"}:
            raise CallFailed(code_pb2.UNIMPLEMENTED, "messages must not be compressed: grpc-encoding identity")
        method = self._methods.get(request.path)
        if method is None:
            raise CallFailed(code_pb2.UNIMPLEMENTED, f"this server has no method {request.path[:128]}")
        return method

    async def idle(self) -> None:
        """Wait until no handler runs."""
        await self._idle.wait()

    def end_unawaited(self) -> None:
        """End the calls that no drain waits for."""
        for call in list(self._unawaited):
            call.end(CallFailed(code_pb2.UNAVAILABLE, "the server is about to stop"))

    def cancel(self) -> None:
        """Cancel the handlers that run."""
        for call in list(self._calls):
            if call.task is not None:
                call.task.cancel()

    def _forget(self, call: Call) -> None:
        self._calls.discard(call)
        self._unawaited.discard(call)
        if not self._calls:
            self._idle.set()


def _http_refusal(request: Request) -> tuple[bytes, bytes] | None:
    """Return the headers and the body of the answer to what is no gRPC request."""
    if request.method != b"POST":
        # To HEAD, an answer has no body (RFC 9110, section 9.3.2).
        return _NOT_ALLOWED, b"" if request.method == b"HEAD" else b"gRPC requests are POSTs\n"
    kind = request.content_type
    if not kind.startswith(_GRPC) or kind[len(_GRPC) : len(_GRPC) + 1] not in _SEPARATORS:
        return _UNSUPPORTED, b"gRPC requests have the content-type application/grpc\n"
    return None


def _fail(stream: Stream, failure: CallFailed) -> None:
    if stream.inbox is not None:
        stream.inbox.discard()
    stream.finish(failure.trailers())


def _take_only_message(stream: Stream, call: Call, method: Unary | Push) -> None:
    """Start the handler once the request is complete, which is one message and no more."""
    inbox = stream.inbox
    assert inbox is not None
    if len(inbox.messages) > 1:
        _fail(stream, CallFailed(code_pb2.UNIMPLEMENTED, "the method takes one request message, and more were sent"))
    elif inbox.has_ended and not inbox.messages:
        _fail(stream, CallFailed(code_pb2.UNIMPLEMENTED, "the method takes one request message, and none was sent"))
    elif inbox.has_ended:
        message = inbox.take()
        if isinstance(method, Push):
            call.open(method.open, message)
        else:
            call.answer(method.answer, message)
