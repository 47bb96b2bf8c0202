"""The server over ready frames: what is pushed goes into the sinks, as a watch does it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence

from scripts.benchmarks.transport.payload import ECHO, SHARED, WATCH, own_parts
from ticker_server.api.transport.endpoint import Tls
from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.listener import Listener
from ticker_server.api.transport.frames.methods import Push, Unary
from ticker_server.api.transport.frames.stream import Stream
from ticker_server.api.transport.frames.tls import server_context

__all__ = ["FramesServer"]

_SLICE = 500
"""So many watches get a message, then a turn of the event loop."""


class FramesServer:
    """Serves Watch and Echo."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._watches: dict[Stream, Sequence[bytes]] = {}
        self._all_gone = asyncio.Event()
        self._all_gone.set()

    async def start(self, tls: Tls | None) -> Mapping[str, int]:
        """Listen, and return the ports, `plain` and `tls`."""
        ports = {"plain": await self._listen(None)}
        if tls is not None:
            ports["tls"] = await self._listen(server_context(tls))
        return ports

    async def stop(self) -> None:
        """Stop at once."""
        for listener in self._listeners:
            await listener.stop(0)

    async def gone(self) -> None:
        """Wait until no watch is left."""
        await self._all_gone.wait()

    async def push(self, rounds: int) -> None:
        """Send the shared message to all watches, so many times."""
        await self._send_all(rounds, [(stream, SHARED) for stream in self._watches])

    async def join(self, rounds: int) -> None:
        """Send to each watch the join of parts of its own, so many times."""
        await self._send_all(rounds, list(self._watches.items()))

    async def _listen(self, tls: ssl.SSLContext | None) -> int:
        listener = Listener({WATCH: Push(self._watch), ECHO: Unary(self._echo)})
        self._listeners.append(listener)
        return await listener.start(tls=tls)

    async def _send_all(self, rounds: int, messages: Sequence[tuple[Stream, Sequence[bytes]]]) -> None:
        for _ in range(rounds):
            for first in range(0, len(messages), _SLICE):
                for stream, parts in messages[first : first + _SLICE]:
                    if not stream.writable:
                        await _writable(stream)
                    stream.send(parts)
                # What was sent leaves at the end of this turn.
                await asyncio.sleep(0)

    async def _watch(self, _request: bytes, _call: Call, stream: Stream) -> _Watch:
        self._watches[stream] = own_parts(len(self._watches))
        self._all_gone.clear()
        stream.send(SHARED)
        return _Watch(self._forget, stream)

    async def _echo(self, request: bytes, _call: Call) -> bytes:
        return request

    def _forget(self, stream: Stream) -> None:
        self._watches.pop(stream, None)
        if not self._watches:
            self._all_gone.set()


class _Watch:
    """Nothing but a stream among others, until it is closed."""

    __slots__ = ("_forget", "_stream")

    def __init__(self, forget: Callable[[Stream], None], stream: Stream) -> None:
        self._forget = forget
        self._stream = stream

    def close(self) -> None:
        """Leave the others."""
        self._forget(self._stream)


async def _writable(stream: Stream) -> None:
    """Wait until a stream that was found not writable is."""
    again = asyncio.get_running_loop().create_future()
    stream.on_writable = lambda: again.set_result(None)
    await again
