"""The file of the price log, used from an event loop."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.sqlite.storage_thread import StorageThread
from ticker_server.model.acceptance import Numbering
from ticker_server.model.tick import AcceptedTick


@pytest.fixture
async def storage(tmp_path: Path, migrated_file: Path) -> AsyncIterator[StorageThread]:
    """Return an opened storage on an empty file."""
    opened = StorageThread(Path(shutil.copy(migrated_file, tmp_path)))
    await opened.open()
    yield opened
    await opened.close()


async def append(storage: StorageThread, *times: int) -> None:
    """Append a tick for each accept time, sequences from 1 on."""
    ticks = [AcceptedTick("A", "1", "", 0, time, sequence, sequence) for sequence, time in enumerate(times, 1)]
    await storage.append(ticks, [Numbering(ticks[-1])])


async def test_what_was_written_is_read(storage: StorageThread) -> None:
    """Ticks, state and the sequence of a time come back as they were written."""
    await append(storage, 10, 20, 30)

    assert [tick.sequence for tick in await storage.ticks_after(1, 10)] == [2, 3]
    assert (await storage.load()).last_sequence == 3
    assert [await storage.first_since(time) for time in (0, 20, 21, 31)] == [1, 2, 3, 4]


async def test_oldest_tick(storage: StorageThread) -> None:
    """The oldest tick is known, and another one is after a pruning."""
    before = storage.oldest_time, await storage.oldest_sequence()
    await append(storage, 10, 20, 30)
    filled = storage.oldest_time, await storage.oldest_sequence()
    assert await storage.prune(3, 10) == 2

    assert before == (0, None)
    assert filled == (10, 1)
    assert (storage.oldest_time, await storage.oldest_sequence()) == (30, 3)


async def test_what_cannot_be_read(storage: StorageThread) -> None:
    """Readers are told that the log is unavailable; who writes gets the error itself."""
    storage._opened._connection.execute("ALTER TABLE price_tick RENAME TO away")

    for reading in (storage.ticks_after(0, 1), storage.first_since(0), storage.oldest_sequence()):
        with pytest.raises(PriceLogUnavailable):
            await reading
    with pytest.raises(sqlite3.Error):
        await append(storage, 10)


async def test_file_that_is_none(tmp_path: Path) -> None:
    """A file that cannot be opened is an error of the database, and closing is in order all the same."""
    storage = StorageThread(tmp_path)
    with pytest.raises(sqlite3.Error):
        await storage.open()

    await storage.close()
