"""The embedded profile: price log and catalog in one SQLite file, for one process."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ticker_server.app.backend import Backend
from ticker_server.app.errors import PriceLogUnusable
from ticker_server.app.parts import Parts
from ticker_server.catalog import open_database, sqlite_url, upgrade
from ticker_server.clock import Clock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.changes import LocalChanges
from ticker_server.feed.sqlite import SqliteLog
from ticker_server.history.bars import BarStore
from ticker_server.model.tick import AcceptedTick
from ticker_server.ops.data_directory import locked_data_directory

__all__ = ["open_embedded"]


async def open_embedded(data_dir: Path, clock: Clock, parts: Parts) -> Backend:
    """Lock the data directory, bring its file up to date and open it; `parts` closes everything again.

    Raises:
        DataDirectoryUnusable, DatabaseUnusable: The data directory or its file cannot be used.
        PriceLogUnusable: The price log cannot be opened.
    """
    path = parts.enter_context(locked_data_directory(data_dir))
    await asyncio.to_thread(upgrade, sqlite_url(path))
    # The price log and the catalog write one file by two connections; the lock gives both their turn.
    write_lock = asyncio.Lock()
    log, recent = await _open_log(path, clock, write_lock, parts)
    database = open_database(sqlite_url(path), write_lock=write_lock)
    parts.push_async_callback(database.close)
    return Backend(
        log,
        database,
        LocalChanges(),
        must_load=True,
        prepare=_nothing,
        recent=recent,
        bars=BarStore(database),
    )


async def _nothing() -> None:
    """Prepare nothing: the file was migrated before it was opened."""


async def _open_log(
    path: Path, clock: Clock, write_lock: asyncio.Lock, parts: Parts
) -> tuple[SqliteLog, Sequence[AcceptedTick]]:
    log = SqliteLog(path, clock, write_lock)
    parts.push_async_callback(log.close)
    try:
        await log.open()
        recent = await log.recent()
    except (sqlite3.Error, PriceLogUnavailable) as error:
        raise PriceLogUnusable(f"the price log in {path} cannot be opened: {error}") from error
    parts.run("price log", log.run(), stop=log.stop)
    return log, recent
