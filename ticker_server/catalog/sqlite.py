"""SQLite's ways: how its files are opened and how its transactions begin."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from functools import partial
from typing import Any

import aiosqlite
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ticker_server.catalog.database import WRITES, DatabaseUnusable

__all__ = ["refuse_sqlite", "sqlite_engine", "sqlite_migration_engine"]

_OLDEST = (3, 35, 0)
"""The first version that answers INSERT ... RETURNING."""


def refuse_sqlite(url: URL) -> None:
    """Raise DatabaseUnusable where the URL names no file, or this Python's SQLite is too old."""
    if not url.database or url.database == ":memory:":
        raise DatabaseUnusable("the database URL names no file; use sqlite:///PATH")
    if sqlite3.sqlite_version_info < _OLDEST:
        raise DatabaseUnusable(f"SQLite 3.35 or newer is needed, this Python brings {sqlite3.sqlite_version}")


def sqlite_engine(url: URL, *, busy_seconds: float, **pool: Any) -> AsyncEngine:
    """Return an engine whose writers wait `busy_seconds` for a writer in another process."""
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        async_creator=partial(_connect, str(url.database), busy_seconds),
        **pool,
    )
    _adapt(engine.sync_engine)
    event.listen(engine.sync_engine, "connect", _enforce_foreign_keys)
    return engine


def sqlite_migration_engine(url: URL, *, busy_seconds: float) -> Engine:
    """Return a synchronous engine without a pool, on which every transaction writes.

    Foreign keys are not enforced on it, since SQLite can only change a table by making it anew.
    """
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        poolclass=NullPool,
        connect_args=_connect_args(busy_seconds),
        execution_options={WRITES: True},
    )
    _adapt(engine)
    return engine


async def _connect(path: str, busy_seconds: float) -> aiosqlite.Connection:
    """Open a connection; when that fails or is cancelled, leave neither an open file nor a running thread behind."""
    connection = aiosqlite.connect(path, **_connect_args(busy_seconds))
    # Up to 0.21 the connection is the thread. One that was not closed must not keep the process from ending.
    thread: Any = getattr(connection, "_thread", connection)
    thread.daemon = True
    opening = asyncio.ensure_future(connection)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(sqlite3.Error):
            await (await opening).close()
        raise
    except sqlite3.Error:
        # The thread still answers the driver's order to stop; the loop must not be gone by then.
        await asyncio.to_thread(thread.join)
        raise


def _connect_args(busy_seconds: float) -> dict[str, Any]:
    # isolation_level None: the driver begins nothing by itself. What it would begin, it begins only before the first
    # change, so what was read before could change meanwhile and updates would be lost without an error.
    return {"isolation_level": None, "timeout": busy_seconds}


def _adapt(engine: Engine) -> None:
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)


def _configure(connection: Any, _record: object) -> None:
    _execute(connection, "PRAGMA journal_mode=WAL")  # readers and the writer do not wait for each other
    _execute(connection, "PRAGMA synchronous=FULL")  # what was answered survives a power cut


def _enforce_foreign_keys(connection: Any, _record: object) -> None:
    _execute(connection, "PRAGMA foreign_keys=ON")


def _execute(connection: Any, statement: str) -> None:
    cursor = connection.cursor()
    cursor.execute(statement)
    cursor.close()


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once. Taking it at the first change fails, without waiting, when another
    # writer has committed since the transaction's first read.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")
