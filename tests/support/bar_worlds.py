"""A database of either kind with accepted ticks in it, written as in production and in the embedded profile."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import psycopg

from ticker_server.catalog import Database, open_database, sqlite_url, upgrade
from ticker_server.feed.sqlite.storage import Storage
from ticker_server.history.fold import Step
from ticker_server.history.price_rows import row_of
from ticker_server.history.retention import Retention
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.history.tick_lines import TickLines
from ticker_server.model.acceptance import Numbering
from ticker_server.model.minute_bars import MinuteBars
from ticker_server.model.tick import AcceptedTick


class World(Protocol):
    """A database, and what writes ticks to it."""

    database: Database
    partitions: int

    async def begin(self, epoch: str) -> None:
        """Let a new log epoch begin."""

    async def write(self, *ticks: AcceptedTick) -> None:
        """Write accepted ticks and what follows from them."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query by a client of its own."""


class Production:
    """PostgreSQL, written as the sync server does; all that is written is of one partition."""

    partitions = 4

    def __init__(self, url: str, database: Database, partition: int) -> None:
        self.database = database
        self._url = url
        self._partition = partition
        self._store = SnapshotStore(database, retention=Retention(tick_days=0))
        self._ordinal = 0
        self._next = 0

    async def begin(self, epoch: str) -> None:
        """Let a new epoch begin."""
        self._ordinal = await self._store.open_epoch(epoch)
        self._next = 0
        await self._store.load_partitions(self._ordinal, [self._partition])

    async def write(self, *ticks: AcceptedTick) -> None:
        """Store ticks in a step."""
        bars, lines = MinuteBars(self._ordinal), TickLines(self._partition, self._ordinal)
        for tick in ticks:
            bars.add(tick)
            lines.add(tick)
        rows = [row_of(Numbering(tick)) for tick in _newest(ticks)]
        step = Step(self._partition, self._next, ticks[-1].sequence, rows)
        await self._store.store(self._ordinal, replace(step, bars=bars.take(), ticks=lines.take()))
        self._next = ticks[-1].sequence

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL."""
        with psycopg.connect(self._url) as connection:
            return connection.execute(sql.encode()).fetchall()


class Embedded:
    """A SQLite file, written as the embedded log does."""

    partitions = 1

    def __init__(self, path: Path, database: Database) -> None:
        self.database = database
        self._path = path

    async def begin(self, epoch: str) -> None:
        """Let a new epoch begin."""
        with closing(Storage(self._path)) as storage:
            storage._connection.execute("INSERT INTO log_epoch (epoch) VALUES (?)", (epoch,))
            storage._connection.execute("DELETE FROM price_tick")

    async def write(self, *ticks: AcceptedTick) -> None:
        """Write ticks in a commit."""
        await asyncio.to_thread(self._append, ticks)

    def _append(self, ticks: Sequence[AcceptedTick]) -> None:
        with closing(Storage(self._path)) as storage:
            storage.append(ticks, [Numbering(tick) for tick in _newest(ticks)])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask SQLite."""
        with closing(Storage(self._path)) as storage:
            return storage._connection.execute(sql).fetchall()

    def table(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query by the names of their columns."""
        with closing(Storage(self._path)) as storage:
            cursor = storage._connection.execute(sql)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]


@asynccontextmanager
async def production(url: str, partition: int = 0) -> AsyncIterator[Production]:
    """Migrate an empty PostgreSQL and yield it."""
    await asyncio.to_thread(upgrade, url)
    database = open_database(url)
    yield Production(url, database, partition)
    await database.close()


@asynccontextmanager
async def embedded(migrated_file: Path, folder: Path) -> AsyncIterator[Embedded]:
    """Yield a copy of a migrated file."""
    path = Path(shutil.copy(migrated_file, folder))
    database = open_database(sqlite_url(path))
    yield Embedded(path, database)
    await database.close()


def _newest(ticks: Sequence[AcceptedTick]) -> list[AcceptedTick]:
    return list({tick.stock_id: tick for tick in ticks}.values())
