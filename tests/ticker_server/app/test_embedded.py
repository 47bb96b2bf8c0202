from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ticker_server.app.embedded import open_embedded
from ticker_server.app.errors import PriceLogUnusable
from ticker_server.app.parts import Parts
from ticker_server.clock import SystemClock
from ticker_server.model.tick import Tick
from ticker_server.ops.data_directory import DataDirectoryUnusable


async def test_opened_until_the_parts_are_closed(tmp_path: Path) -> None:
    """The file is locked, the log takes ticks, and all is released at the end with nothing lost."""
    async with Parts() as parts:
        backend = await open_embedded(tmp_path, SystemClock(), parts)
        assert backend.must_load
        publishing = asyncio.create_task(backend.log.publish([Tick("AAPL", "1")]))
        await asyncio.sleep(0)
        with pytest.raises(DataDirectoryUnusable):
            await open_embedded(tmp_path, SystemClock(), Parts())
    assert (await publishing)[0].sequence == 1

    async with Parts() as parts:
        again = await open_embedded(tmp_path, SystemClock(), parts)
        assert again.log.epoch == backend.log.epoch
        assert [each.newest.price for each in again.log.snapshot().numberings] == ["1"]


async def test_log_that_cannot_be_opened(tmp_path: Path) -> None:
    """A file without the tables of the log is refused, and is not left locked."""
    async with Parts() as parts:
        await open_embedded(tmp_path, SystemClock(), parts)
    with closing(sqlite3.connect(tmp_path / "ticker.db")) as connection:
        connection.execute("DROP TABLE log_epoch")

    for _ in range(2):
        async with Parts() as parts:
            with pytest.raises(PriceLogUnusable):
                await open_embedded(tmp_path, SystemClock(), parts)
