"""The server over ready frames: puts the servicers behind one port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from google.protobuf.message import Message

from ticker_server.api.caller import Caller
from ticker_server.api.transport.endpoint import Endpoint, refuse_taken
from ticker_server.api.transport.failures import failure_status
from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.decoding import decoded
from ticker_server.api.transport.frames.header_block import OK_TRAILERS
from ticker_server.api.transport.frames.health import Health
from ticker_server.api.transport.frames.listener import Listener
from ticker_server.api.transport.frames.methods import Method, Push, Unary
from ticker_server.api.transport.frames.status import trailers_of_status
from ticker_server.api.transport.frames.stream import Stream
from ticker_server.api.transport.frames.tls import server_context
from ticker_server.api.transport.gate import Passage, StreamGate
from ticker_server.api.transport.health import HEALTH_SERVICE, health_names
from ticker_server.api.transport.services import OpenWatch, Rpc, Services
from ticker_server.clock import Clock
from ticker_server.errors import TickerError

__all__ = ["FramesServer"]


class FramesServer:
    """Serves the servicers over ready frames: `start`, then `set_serving(serving=True)`; the other way round, then `stop`."""

    def __init__(self, services: Services, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._gate = StreamGate(endpoint.max_streams)
        names = services.names()
        self._health = Health(health_names(names))
        methods: dict[str, Method] = {rpc.name: self._method(rpc) for rpc in services.rpcs()}
        methods.update(self._health.methods)
        if endpoint.reflection:
            # Imported here: its library brings grpc along, 12 MB that nothing else needs.
            from ticker_server.api.transport.frames.reflection import reflection_methods  # noqa: PLC0415

            methods.update(reflection_methods((*names, HEALTH_SERVICE)))
        self._listener = Listener(methods, clock=clock)

    @property
    def unread_streams(self) -> int:
        """How many streams were ended and wait for readers that do not read."""
        return self._gate.unread

    async def start(self) -> int:
        """Listen and return the bound port. Health says NOT_SERVING until `set_serving(serving=True)`.

        Raises:
            OSError: The address cannot be listened on; EADDRINUSE if another process listens there.
        """
        endpoint = self._endpoint
        await refuse_taken(endpoint)
        tls = None if endpoint.tls is None else server_context(endpoint.tls)
        return await self._listener.start(endpoint.host, endpoint.port, tls)

    async def set_serving(self, *, serving: bool) -> None:
        """Tell through health whether this process serves. While it does not, new watches are refused as draining."""
        self._gate.draining = not serving
        self._health.set_serving(serving=serving)

    async def stop(self, grace: float) -> None:
        """Refuse new connections and calls, give those that run so many seconds to end, then cut them."""
        self._gate.draining = True
        await self._listener.stop(grace)

    def _method(self, rpc: Rpc) -> Method:
        if rpc.is_streaming:
            return Push(_opener(rpc, self._gate))
        return Unary(_answerer(rpc))


class _Opened:
    """A watch on its way through the gate. It is let go when its stream is ended, and leaves when the stream is gone."""

    __slots__ = ("_caller", "_method", "_passage", "_watch")

    def __init__(self, passage: Passage, method: str, caller: Caller) -> None:
        self._passage = passage
        self._method = method
        self._caller = caller
        self._watch: OpenWatch | None = None

    def hold(self, watch: OpenWatch) -> None:
        """Hold the watch until the stream is ended or gone; then close it."""
        self._watch = watch

    def end(self, error: TickerError | None) -> bytes:
        """Let go of the watch, and return what the stream ends with."""
        self._release()
        self._passage.end()
        if error is None:
            return OK_TRAILERS
        fields = {"method": self._method, "request_id": self._caller.request_id, "peer": self._caller.peer}
        return trailers_of_status(failure_status(error, fields))

    def close(self) -> None:
        """Leave: the stream is gone."""
        self._release()
        self._passage.leave()

    def _release(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()


def _answerer(rpc: Rpc) -> Callable[[bytes, Call], Awaitable[bytes]]:
    async def answer(request: bytes, call: Call) -> bytes:
        answered: Message = await rpc.function(decoded(rpc.request, request), call.caller)
        return answered.SerializeToString()

    return answer


def _opener(rpc: Rpc, gate: StreamGate) -> Callable[[bytes, Call, Stream], Awaitable[OpenWatch]]:
    async def open_watch(request: bytes, call: Call, stream: Stream) -> OpenWatch:
        message = decoded(rpc.request, request)
        passage = gate.enter(call.caller.peer)
        try:
            passage.check()
            opened = _Opened(passage, rpc.name, call.caller)
            stream.on_end = opened.end
            opened.hold(await rpc.function(message, call.caller, stream))
        except BaseException:
            passage.leave()
            raise
        return opened

    return open_watch
