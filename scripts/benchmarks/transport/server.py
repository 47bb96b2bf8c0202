"""The side that is measured: a process with one server, which does what stdin says.

    python -m scripts.benchmarks.transport.server grpcio|frames FOLDER

It serves over TLS as well if there are a `cert.pem` and a `key.pem` in the folder. It uses uvloop where that is installed.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ticker_server.api.transport.endpoint import Tls

__all__ = ["Server"]

_PROBE_SECONDS = 0.001
_GC_THRESHOLDS = (10_000, 50, 100)
"""Those of the ticker server."""


class Server(Protocol):
    """What can be measured."""

    async def start(self, tls: Tls | None) -> Mapping[str, int]:
        """Listen, and return the ports, `plain` and `tls`."""

    async def stop(self) -> None:
        """Stop at once."""

    async def gone(self) -> None:
        """Wait until no watch is left."""

    async def push(self, rounds: int) -> None:
        """Send the shared message to all watches, so many times."""

    async def join(self, rounds: int) -> None:
        """Send to each watch the join of parts of its own, so many times."""


class Probe:
    """Finds the longest time for which the event loop did nothing else: how late a timer can be."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()  # whose own time may be that of the turn's begin
        self._longest = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        """Begin to look."""
        self._longest = 0.0
        self._wait()

    def stop(self) -> float:
        """Look no longer, and return the longest stall in seconds."""
        if self._timer is not None:
            self._timer.cancel()
        return max(self._longest, time.monotonic() - self._due)

    def _wait(self) -> None:
        self._due = time.monotonic() + _PROBE_SECONDS
        self._timer = self._loop.call_later(_PROBE_SECONDS, self._note)

    def _note(self) -> None:
        self._longest = max(self._longest, time.monotonic() - self._due)
        self._wait()


async def serve(server: Server, tls: Tls | None) -> None:
    """Serve, and obey stdin until it ends."""
    print(json.dumps(await server.start(tls)), flush=True)
    probe = Probe()
    async for command, *numbers in _commands():
        answer: Mapping[str, Any] = {}
        if command == "push":
            await server.push(int(numbers[0]))
        elif command == "join":
            await server.join(int(numbers[0]))
        elif command == "gone":
            await server.gone()
        elif command == "collect":
            gc.collect()
        elif command == "probe":
            probe.start()
        elif command == "stall":
            answer = {"seconds": probe.stop()}
        print(json.dumps(answer), flush=True)
    await server.stop()


async def _commands() -> AsyncIterator[list[str]]:
    """Yield the lines of stdin in words."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().split()


def _server(name: str) -> Server:
    # Each is imported where it is measured, so that its memory has nothing of the other.
    if name == "grpcio":
        from scripts.benchmarks.transport.grpcio_server import GrpcioServer  # noqa: PLC0415

        return GrpcioServer()
    from scripts.benchmarks.transport.frames_server import FramesServer  # noqa: PLC0415

    return FramesServer()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415

    return uvloop.new_event_loop


def main() -> None:
    """Serve until stdin ends."""
    name, folder = sys.argv[1:]
    certificate, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
    tls = Tls(certificate.read_bytes(), key.read_bytes()) if certificate.exists() else None
    gc.set_threshold(*_GC_THRESHOLDS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(name, tls))


async def _run(name: str, tls: Tls | None) -> None:
    await serve(_server(name), tls)


if __name__ == "__main__":
    main()
