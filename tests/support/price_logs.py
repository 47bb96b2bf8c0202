"""Price logs for tests: opened, killed and opened again over the same storage, as by gateways that come and go."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from ticker_server.clock import Clock
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import Identity, read_identity
from ticker_server.feed.kafka.log import KafkaLog
from ticker_server.feed.kafka.topics import ensure_topics, price_topic
from ticker_server.feed.log import PriceLog, Published
from ticker_server.feed.sqlite import SqliteLog
from ticker_server.model.acceptance import Positions, Snapshot
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick, Tick


class PriceLogs(Protocol):
    """One price log, and the processes that have it open one after the other."""

    partitions: int

    async def open(self) -> PriceLog:
        """Open the log; it works until `kill` or `close`."""

    async def kill(self) -> None:
        """End what has the log open, as if its process had been killed."""

    async def close(self) -> None:
        """Release everything."""


class SqliteLogs:
    """The embedded price log over one file."""

    partitions = 1

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.write_lock = asyncio.Lock()
        self._clock = clock
        self._opened: list[SqliteLog] = []
        self._run: asyncio.Task[None] | None = None

    async def open(self, **options: Any) -> SqliteLog:
        """Open the log and let it run."""
        log = SqliteLog(self.path, self._clock, self.write_lock, **options)
        self._opened.append(log)
        await log.open()
        self._run = asyncio.create_task(log.run())
        return log

    async def kill(self) -> None:
        """Stop running in the middle of whatever it is, and close nothing."""
        if self._run is not None:
            self._run.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._run
            self._run = None

    async def end(self) -> None:
        """Stop as a gateway does: what was taken is written."""
        assert self._run is not None
        self._opened[-1].stop()
        await self._run
        self._run = None

    async def close(self) -> None:
        """Kill what runs, and release the connections of all that were opened."""
        await self.kill()
        for log in self._opened:
            await log.close()


class KafkaLogs:
    """The price log of production over one topic of a broker."""

    partitions = 4

    def __init__(self, bootstrap_servers: str, topic_prefix: str, clock: Clock) -> None:
        self.connection = KafkaConnection(bootstrap_servers)
        self.plan = price_topic(topic_prefix, self.partitions)
        self.topic = self.plan.name
        self._clock = clock
        self.opened: list[KafkaLog] = []
        self._runs: list[asyncio.Task[None]] = []

    async def identity(self) -> Identity:
        """Return the identity of the topic, which is made if it is missing."""
        await ensure_topics(self.connection, [self.plan])
        return await read_identity(self.connection, self.topic, self.partitions)

    async def open(self, snapshot: Snapshot | None = None, **options: Any) -> KafkaLog:
        """Open the log and let it run."""
        log = KafkaLog(self.connection, self.topic, await self.identity(), self._clock, **options)
        self.opened.append(log)
        await log.open(snapshot)
        self._runs.append(asyncio.create_task(log.run()))
        return log

    @property
    def run(self) -> asyncio.Task[None]:
        """Return the task of the log that was opened last."""
        return self._runs[-1]

    async def kill(self) -> None:
        """Stop running in the middle of whatever it is."""
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        self._runs.clear()

    async def close(self) -> None:
        """Kill what runs, and close the connections of all that were opened."""
        await self.kill()
        for log in self.opened:
            await log.close()


def reached(partitions: int, ticks: Sequence[Tick], published: Sequence[Published]) -> dict[int, int]:
    """Return the positions behind what was published, by what was answered."""
    positions = dict.fromkeys(range(partitions), 0)
    for tick, answer in zip(ticks, published, strict=True):
        home = home_partition(tick.stock_id, partitions)
        positions[home] = max(positions[home], answer.sequence)
    return positions


async def read_between(log: PriceLog, start: Positions, end: Positions) -> list[AcceptedTick]:
    """Return what a reader gets above positions, until it has read through others that the log has or will have."""
    found: list[AcceptedTick] = []
    positions = dict(start)
    async with asyncio.timeout(20), contextlib.aclosing(log.read(start)) as batches:
        while any(positions.get(partition, 0) < position for partition, position in end.items()):
            batch = await anext(batches)
            found += batch.ticks
            positions.update(batch.positions)
    return found


async def read_through(log: PriceLog, position: int, last: int) -> list[AcceptedTick]:
    """Return what a reader of the only partition gets above a position, through a sequence."""
    return await read_between(log, {0: position}, {0: last})


async def instant_read_through(log: PriceLog, positions: Positions, instant: int) -> int:
    """Wait until a log says that everything before an instant is at or below positions, and return what it says."""
    async with asyncio.timeout(20):
        while (told := log.read_through(positions)) < instant:  # noqa: ASYNC110  # servers tell, with no event of it
            await asyncio.sleep(0.02)
    return told


def published_by(publisher: str, *sequences: int, stock_id: str = "AAPL") -> list[Tick]:
    """Return ticks that are safe to repeat."""
    return [
        Tick(stock_id, str(sequence), publisher_id=publisher, publisher_sequence=sequence) for sequence in sequences
    ]
