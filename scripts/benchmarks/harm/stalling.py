"""A crowd of readers of which some stop: what a message to each of the others costs the server, before and meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

from scripts.benchmarks.harm.push_worker import push_server
from scripts.benchmarks.harm.readers import StampReader, reading
from scripts.benchmarks.machine import Cores, raise_file_limit
from scripts.benchmarks.worker import Worker
from tests.support.http2.header_blocks import call
from tests.support.http2.push_methods import WATCH
from tests.support.http2.push_reader import OPEN_WIDE
from tests.support.http2.wire_frames import PREFACE, settings

__all__ = ["NAME", "Stalling", "stall"]

NAME = "stalled readers"

_READERS = 1_000
_STALLED = 200
_INTERVAL_MILLISECONDS = 50
_MESSAGE_BYTES = 1_000
_FILES = 5_000
_SMALL_BUFFER = 4_096
_FILL_SECONDS = 8.0
"""After so long a connection that is not read has all that the kernel and the output take."""
_NO_CREDIT = PREFACE + settings() + call(1, WATCH)


@dataclass(frozen=True)
class Stalling:
    """Microseconds of server CPU for each message that the others got, before and while some stand still; bytes."""

    before: float
    meanwhile: float
    grew: int

    def __str__(self) -> str:
        return (
            f"{_STALLED} of {_READERS} readers stop: a message to each of the others costs {self.before:.1f} us"
            f" before and {self.meanwhile:.1f} us meanwhile (server CPU); memory {self.grew / 1024:+.0f} kB"
        )


def stall(seconds: float) -> Stalling:
    """Measure for some seconds before, and as long meanwhile."""
    raise_file_limit(_FILES)
    cores = Cores()
    with (
        push_server(cores.server, _INTERVAL_MILLISECONDS, _MESSAGE_BYTES) as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_stall(server, seconds))


async def _stall(server: Worker, seconds: float) -> Stalling:
    port = server.greeting["port"]
    half = _STALLED // 2
    async with (
        reading(port, _READERS - _STALLED) as others,
        reading(port, half, receive_buffer=_SMALL_BUFFER) as deaf,
        reading(port, half, first=_NO_CREDIT) as poor,
    ):
        for reader in (*deaf, *poor):
            reader.abort()
        before = await _cost(server, others, seconds)
    async with (
        reading(port, _READERS - _STALLED, first=OPEN_WIDE) as others,
        reading(port, half, receive_buffer=_SMALL_BUFFER) as deaf,
        reading(port, half, first=_NO_CREDIT),
    ):
        for reader in deaf:
            reader.stop_reading()
        await asyncio.sleep(_FILL_SECONDS)
        memory = server.memory
        meanwhile = await _cost(server, others, seconds)
        return Stalling(before, meanwhile, server.memory - memory)


async def _cost(server: Worker, readers: Sequence[StampReader], seconds: float) -> float:
    for reader in readers:
        reader.late.clear()
    used = server.cpu_seconds
    await asyncio.sleep(seconds)
    used = server.cpu_seconds - used
    return 1e6 * used / sum(len(reader.late) for reader in readers)
