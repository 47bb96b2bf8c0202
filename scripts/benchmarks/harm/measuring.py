"""Readers beside an abuser, and what both cost the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import uvloop

from scripts.benchmarks.errors import BenchFailed
from scripts.benchmarks.harm.abuses import ABUSES
from scripts.benchmarks.harm.push_worker import push_server
from scripts.benchmarks.harm.readers import StampReader, percentile, reading
from scripts.benchmarks.machine import Cores, raise_file_limit
from scripts.benchmarks.worker import Worker, python

__all__ = ["Row", "measure"]

_INTERVAL_MILLISECONDS = 5
_MESSAGE_BYTES = 200
_FILES = 5_000
_WARM_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 90.0


@dataclass(frozen=True)
class Lateness:
    """How late messages were, in seconds."""

    late: Sequence[float]

    @property
    def figures(self) -> Sequence[str]:
        """The median, the 99th percentile and the most, in milliseconds."""
        return [f"{1000 * value:.2f}" for value in (self.at(0.5), self.at(0.99), max(self.late))]

    def at(self, share: float) -> float:
        """Return a percentile."""
        return percentile(list(self.late), share)


@dataclass(frozen=True)
class Row:
    """One abuse: readers alone and beside it, what the server did meanwhile, and what is left of it."""

    name: str
    alone: Lateness
    beside: Lateness
    cpu: float
    longest: float
    times: int
    grew: int

    @property
    def figures(self) -> Sequence[str]:
        """The cells of the row."""
        return [
            *self.alone.figures,
            *self.beside.figures,
            f"{self.beside.at(0.99) / self.alone.at(0.99):.1f}",
            f"{100 * self.cpu:.0f}",
            f"{1000 * self.longest:.1f}",
            str(self.times),
            f"{self.grew / 1024:.0f}",
        ]


def measure(only: str, seconds: float, readers: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """Measure the abuses whose names have a text."""
    raise_file_limit(_FILES)
    cores = Cores()
    with push_server(cores.server, _INTERVAL_MILLISECONDS, _MESSAGE_BYTES) as server:
        for name in ABUSES:
            if only in name:
                tell(name)
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    yield runner.run(_measure(server, cores, name, seconds, readers))


async def _measure(server: Worker, cores: Cores, name: str, seconds: float, readers: int) -> Row:
    port = server.greeting["port"]
    abuser = Worker("the abuser", python("scripts.benchmarks.harm.abuser", str(port), name), cores.reader)
    try:
        async with reading(port, readers) as honest:
            await asyncio.to_thread(abuser.ask, _WARM_SECONDS)
            memory = await _calm(server, honest)
            alone = await _late(honest, seconds)
            abuser.tell(seconds + _WARM_SECONDS)
            await asyncio.sleep(_WARM_SECONDS / 2)
            server.ask("watch")
            used, began = server.cpu_seconds, time.monotonic()
            beside = await _late(honest, seconds)
            cpu = (server.cpu_seconds - used) / (time.monotonic() - began)
            longest = server.ask("longest")["seconds"]
            times = (await asyncio.to_thread(abuser.answer))["times"]
            grew = await _calm(server, honest) - memory
    finally:
        abuser.end()
    return Row(name, alone, beside, cpu, longest, times, grew)


async def _calm(server: Worker, honest: Sequence[StampReader]) -> int:
    """Let the server forget the abuser; return its memory in bytes."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while server.ask("figures")["connections"] > len(honest):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(_LOOK_SECONDS)
    if any(reader.is_over for reader in honest):
        raise BenchFailed("an honest reader was cut")
    return server.memory


async def _late(readers: Sequence[StampReader], seconds: float) -> Lateness:
    """Read for some seconds."""
    for reader in readers:
        reader.late.clear()
    await asyncio.sleep(seconds)
    return Lateness([late for reader in readers for late in reader.late])
