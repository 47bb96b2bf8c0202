"""The database as the catalog uses it: transactions that read, transactions that write, and what an outage becomes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ticker_server.errors import CannotStart, DatabaseUnavailable

__all__ = ["WRITES", "Database", "DatabaseUnusable"]

WRITES = "ticker_writes"
"""The execution option of a connection whose transactions write; an engine may begin those in another way."""

_TURN_SECONDS = 5.0

_Result = TypeVar("_Result")

_log = structlog.get_logger(__name__)


class DatabaseUnusable(CannotStart):
    """The database cannot be used as it is: damaged, newer than the program, not writable. Waiting will not help."""

    reason = "DATABASE_UNUSABLE"
    exit_code = 4


class Database:
    """An engine and the two ways to begin a transaction on it.

    Both ways commit at the end of the block and roll back when it raises. An outage (locked, out of space, broken,
    closed, out of connections) becomes DatabaseUnavailable; its details go to the log, once per outage.

    `write_lock` is held around each writing transaction, for a database with one writer at a time whose own queue is
    not fair (SQLite). Whoever writes the same file by another connection holds the same lock.
    """

    def __init__(
        self, engine: AsyncEngine, *, write_lock: asyncio.Lock | None = None, turn_seconds: float = _TURN_SECONDS
    ) -> None:
        self._engine = engine
        self._write_lock = write_lock
        self._turn_seconds = turn_seconds
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._outage = ""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that only reads; it waits for no writer."""
        with self._outages_translated():
            async with self._engine.connect() as connection, connection.begin():
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that may write; what it reads cannot change under it where there is a write lock."""
        with self._outages_translated():
            async with self._turn(), self._engine.connect() as connection:
                await connection.execution_options(**{WRITES: True})
                async with connection.begin():
                    yield connection

    async def complete(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run work to its end in a task of its own, even if the caller is cancelled meanwhile.

        So a caller's deadline neither costs a connection nor leaves open whether what follows a commit was done,
        and a database that hangs does not keep the caller from being cancelled. `close` waits for such work.
        """
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.add_done_callback(_log_abandoned_failure)
            raise
        return task.result()

    async def close(self) -> None:
        """Refuse what comes, wait for what runs, and close all connections."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running)
        await self._engine.dispose()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._write_lock is None:
            yield
            return
        try:
            async with asyncio.timeout(self._turn_seconds):
                await self._write_lock.acquire()
        except TimeoutError as error:
            self._note_outage("another writer did not finish")
            raise DatabaseUnavailable("the database is busy with other changes; nothing was changed") from error
        try:
            yield
        finally:
            self._write_lock.release()

    @contextmanager
    def _outages_translated(self) -> Iterator[None]:
        if self._closed:
            raise DatabaseUnavailable("the database is closed, this server is about to stop")
        try:
            yield
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            if not _is_outage(error):
                raise
            cause = error.orig if isinstance(error, DBAPIError) else error
            self._note_outage(f"{type(cause).__name__}: {cause}")
            raise DatabaseUnavailable("the database did not do its part; the call is safe to repeat") from error
        if self._outage:
            self._outage = ""
            _log.info("database available again")

    def _note_outage(self, cause: str) -> None:
        if cause != self._outage:
            self._outage = cause
            _log.error("database unavailable", cause=cause)


def _is_outage(error: Exception) -> bool:
    """Tell whether an error comes from the database's state; the others come from a fault of our own."""
    if isinstance(error, IntegrityError | DataError | NotSupportedError | ProgrammingError):
        return error.connection_invalidated
    return True


def _log_abandoned_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("a change failed after its caller had gone", error=repr(error))
