"""The server that is harmed, or soaked: watches that get a stamped message every few milliseconds.

    python -m scripts.benchmarks.harm.push_server MILLISECONDS BYTES

It does what stdin says, and uses uvloop as the ticker server does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import uvloop

from scripts.benchmarks.harm.stamp import stamped
from scripts.benchmarks.harm.turns import Turns
from tests.support.http2.push_methods import COLLECT, ECHO, WATCH
from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.listener import Listener
from ticker_server.api.transport.frames.methods import Push, Streaming, Unary
from ticker_server.fanout.sink import Sink

_GC_THRESHOLDS = (10_000, 50, 100)
"""Those of the ticker server."""
_LIBC = ctypes.CDLL(None)
"""For `malloc_trim`: memory that was freed but not given back says nothing of what is held."""
_SLICE = 500
"""So many watches get a message, then a turn of the event loop."""


class PushServer:
    """Sends each watch the newest message, and nothing else is kept for it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._watches: dict[Watch, None] = {}
        self._sent = 0
        self._listener = Listener(
            {WATCH: Push(self._watch), ECHO: Unary(self._echo), COLLECT: Streaming(self._collect)}
        )

    async def start(self) -> int:
        """Listen and return the port."""
        return await self._listener.start()

    async def publish(self, seconds: float) -> None:
        """Send to all watches, for ever."""
        while True:
            await asyncio.sleep(seconds)
            parts = (stamped(self._size),)
            for number, watch in enumerate(list(self._watches), 1):
                self._sent += watch.offer(parts)
                if not number % _SLICE:
                    await asyncio.sleep(0)

    def figures(self) -> Mapping[str, Any]:
        """Return what there is, and how many messages were sent."""
        connections = self._listener.connections
        files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as cheap as can be
        tasks = len(asyncio.all_tasks())
        return {
            "connections": len(connections),
            "watches": len(self._watches),
            "sent": self._sent,
            "files": files,
            "tasks": tasks,
            "blocks": sys.getallocatedblocks(),
        }

    async def _watch(self, _request: bytes, _call: Call, sink: Sink) -> Watch:
        watch = Watch(sink, self._forget)
        self._watches[watch] = None
        return watch

    async def _echo(self, request: bytes, _call: Call) -> bytes:
        return request

    async def _collect(self, call: Call) -> None:
        while await call.read() is not None:
            pass

    def _forget(self, watch: Watch) -> None:
        self._watches.pop(watch, None)


class Watch:
    """Sends the newest message when its sink takes it."""

    __slots__ = ("_forget", "_newest", "_sink")

    def __init__(self, sink: Sink, forget: Callable[[Watch], None]) -> None:
        self._sink = sink
        self._forget = forget
        self._newest: tuple[bytes, ...] = ()
        sink.on_writable = self._pull

    def offer(self, parts: tuple[bytes, ...]) -> int:
        """Send a message now, or later unless a newer one comes; return how many were sent."""
        if self._sink.writable:
            self._sink.send(parts)
            return 1
        self._newest = parts
        return 0

    def close(self) -> None:
        """Leave the others."""
        self._forget(self)

    def _pull(self) -> None:
        if self._newest:
            parts, self._newest = self._newest, ()
            self._sink.send(parts)


async def serve(milliseconds: int, size: int) -> None:
    """Serve and publish until stdin ends."""
    server = PushServer(size)
    print(json.dumps({"port": await server.start()}), flush=True)
    publishing = asyncio.create_task(server.publish(milliseconds / 1000))
    turns = Turns()
    async for command in _lines():
        answer: Mapping[str, Any] = {}
        if command == "watch":
            turns.start()
        elif command == "longest":
            answer = {"seconds": turns.stop()}
        elif command == "figures":
            gc.collect()
            _LIBC.malloc_trim(0)
            answer = server.figures()
        print(json.dumps(answer), flush=True)
    publishing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await publishing


async def _lines() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().strip()


def main() -> None:
    """Serve until stdin ends."""
    gc.set_threshold(*_GC_THRESHOLDS)
    milliseconds, size = map(int, sys.argv[1:])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(milliseconds, size))


if __name__ == "__main__":
    main()
