"""Clients that come, watch, call, cancel and go in all ways, and a server that must not grow by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

import uvloop

from scripts.benchmarks.harm.push_worker import push_server
from scripts.benchmarks.machine import Cores, raise_file_limit
from scripts.benchmarks.worker import Worker
from tests.support.http2.header_blocks import call, open_stream
from tests.support.http2.push_methods import COLLECT, ECHO, WATCH
from tests.support.http2.raw_client import RawClient, connected
from tests.support.http2.wire_frames import (
    INITIAL_WINDOW,
    PREFACE,
    Frame,
    Kind,
    Setting,
    frame,
    grpc_message,
    ping,
    rst,
    settings,
    window_update,
)

__all__ = ["Growth", "Sample", "growth", "soak"]

_CLIENTS = 40
_INTERVAL_MILLISECONDS = 20
_MESSAGE_BYTES = 300
_SAMPLE_SECONDS = 30.0
_FILES = 5_000
_LOOK_SECONDS = 0.05
_SETTLE_SECONDS = 1.5
"""So long a server waits for the peer before it closes a socket for good."""
_FLAT_BYTES = 2 * 1024 * 1024
_FLAT_BLOCKS = 500
"""More than these is growth. Resident memory has the grain of the allocator: it moves by 1-2 MB in either direction."""
_OWN_TASKS = 3
"""Those of a server that nobody uses."""
_PATIENCE_SECONDS = 60.0
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Sample:
    """What a server holds when nobody is connected, and what it did until then. `blocks` are Python's, of memory."""

    seconds: float
    memory: int
    blocks: int
    connections: int
    calls: int
    sent: int
    files: int
    tasks: int

    def __str__(self) -> str:
        return (
            f"{self.seconds:5.0f} s  {self.memory // 1024:,} kB  {self.blocks:,} blocks"
            f"  {self.connections:,} connections"
            f"  {self.calls:,} calls  {self.sent:,} messages  {self.files} files  {self.tasks} tasks"
        )


@dataclass(frozen=True)
class Growth:
    """From the first third of the samples to the last: resident bytes by their medians, blocks by the fewest."""

    memory: int
    blocks: int

    @property
    def is_flat(self) -> bool:
        """Whether nothing grew."""
        return self.memory <= _FLAT_BYTES and self.blocks <= _FLAT_BLOCKS

    def __str__(self) -> str:
        return (
            f"{self.memory / 1024:+.0f} kB resident, {self.blocks:+} blocks: {'flat' if self.is_flat else 'it grows'}"
        )


def growth(samples: Sequence[Sample]) -> Growth:
    """Return how much a server grew over samples, at least three."""
    third = len(samples) // 3
    first, last = samples[:third], samples[-third:]
    memory = median(sample.memory for sample in last) - median(sample.memory for sample in first)
    return Growth(round(memory), min(sample.blocks for sample in last) - min(sample.blocks for sample in first))


class SoakClient(RawClient):
    """Keeps no frames; what it reads gives credit on the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def take(self, frame: Frame) -> None:
        """Take one frame."""
        super().take(frame)
        self.frames.clear()
        if frame.kind == Kind.DATA and frame.payload:
            self.send(window_update(0, len(frame.payload)))


class Soak:
    """Counts what all clients did."""

    def __init__(self, port: int, random: Random) -> None:
        self._port = port
        self._random = random
        self.connections = self.calls = 0

    async def run(self, until: float) -> None:
        """Let many clients come and go until a moment of the loop's clock, and all go then."""
        await asyncio.gather(*(self._client(until) for _ in range(_CLIENTS)))

    async def _client(self, until: float) -> None:
        while time.monotonic() < until:
            window = self._random.choice((0, 100, INITIAL_WINDOW, _LARGEST))
            first = PREFACE + settings({Setting.INITIAL_WINDOW_SIZE: window})
            async with connected(self._port, SoakClient, first=first) as client:
                self.connections += 1
                await self._live(client, until)
                if self._random.random() < 0.5 and not client.is_over:
                    client.end()
                    await client.gone()

    async def _live(self, client: SoakClient, until: float) -> None:
        """Do some random things on a connection."""
        random, watches = self._random, [1]
        next_id = 1
        for _ in range(random.randrange(1, 60)):
            if client.is_over or client.terminated is not None or time.monotonic() > until:
                return
            doing = random.randrange(6)
            if doing <= 1:
                client.send(call(next_id, WATCH))
                watches.append(next_id)
            elif doing == 2:
                client.send(call(next_id, ECHO, bytes(random.randrange(2_000))))
            elif doing == 3:
                half = grpc_message(bytes(random.randrange(500)), random.choice((500, 100, 1_000_000)))
                client.send(open_stream(next_id, COLLECT), frame(Kind.DATA, next_id, half))
            elif doing == 4:
                client.send(rst(random.choice(watches)) if len(watches) > 1 else ping())
            else:
                client.send(window_update(random.choice(watches), 500) if len(watches) > 1 else ping())
            if doing <= 3:
                next_id += 2
                self.calls += 1
            await asyncio.sleep(random.random() * 0.05)


def soak(seconds: float, seed: int) -> Iterator[Sample]:
    """Take a sample every half minute."""
    raise_file_limit(_FILES)
    cores = Cores()
    with (
        push_server(cores.server, _INTERVAL_MILLISECONDS, _MESSAGE_BYTES) as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        clients = Soak(server.greeting["port"], Random(seed))  # noqa: S311 - the same clients each time
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            runner.run(clients.run(time.monotonic() + min(_SAMPLE_SECONDS, seconds)))
            yield runner.run(_sample(server, clients, began))


async def _sample(server: Worker, clients: Soak, began: float) -> Sample:
    await asyncio.sleep(_SETTLE_SECONDS)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (figures := server.ask("figures"))["connections"] or figures["tasks"] > _OWN_TASKS:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
    seconds = time.monotonic() - began
    return Sample(
        seconds,
        server.memory,
        figures["blocks"],
        clients.connections,
        clients.calls,
        figures["sent"],
        figures["files"],
        figures["tasks"],
    )
