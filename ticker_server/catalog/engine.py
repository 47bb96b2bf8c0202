"""How each kind of database is reached: the one place that knows drivers, pools and SQLite's ways."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine

from ticker_server.catalog.database import WRITES, Database, DatabaseUnusable

__all__ = ["migration_engine", "open_database", "sqlite_url"]

_BUSY_SECONDS = 5.0
_POOL_SIZE = 4
_POOL_SECONDS = 2.0
_OLDEST_SQLITE = (3, 35, 0)
"""The first one that answers INSERT ... RETURNING."""


def sqlite_url(path: Path) -> str:
    """Return the database URL of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def open_database(url: str, *, write_lock: asyncio.Lock | None = None, busy_seconds: float = _BUSY_SECONDS) -> Database:
    """Open a migrated database, `sqlite:///PATH`, for use in the running event loop.

    `write_lock` is shared with whoever else writes the same file; without one the database has its own. A writer waits
    `busy_seconds` for its turn and as long again for a writer in another process. Connections are made on first use,
    so that a database that is away is an outage and not the end.

    Raises:
        DatabaseUnusable: The URL is none of a database that is supported.
    """
    parsed = _parsed(url)
    engine = create_async_engine(
        parsed.set(drivername="sqlite+aiosqlite"),
        pool_size=_POOL_SIZE,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        async_creator=partial(_connect, str(parsed.database), busy_seconds),
    )
    _adapt_sqlite(engine.sync_engine)
    event.listen(engine.sync_engine, "connect", _enforce_foreign_keys)
    return Database(engine, write_lock=write_lock or asyncio.Lock(), turn_seconds=busy_seconds)


def migration_engine(url: str) -> Engine:
    """Return an engine for migrations: synchronous, without a pool, every transaction a writing one.

    Foreign keys are not enforced on it, since SQLite can only change a table by making it anew.

    Raises:
        DatabaseUnusable: The URL is none of a database that is supported.
    """
    engine = create_engine(
        _parsed(url).set(drivername="sqlite+pysqlite"),
        poolclass=NullPool,
        connect_args=_connect_args(_BUSY_SECONDS),
        execution_options={WRITES: True},
    )
    _adapt_sqlite(engine)
    return engine


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnusable("the database URL does not read like sqlite:///PATH") from error
    if parsed.drivername != "sqlite":
        raise DatabaseUnusable(f"databases of the kind {parsed.drivername!r} are not supported; use sqlite:///PATH")
    if not parsed.database or parsed.database == ":memory:":
        raise DatabaseUnusable("the database URL names no file; use sqlite:///PATH")
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise DatabaseUnusable(f"SQLite 3.35 or newer is needed, this Python brings {sqlite3.sqlite_version}")
    return parsed


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


def _adapt_sqlite(engine: Engine) -> None:
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
