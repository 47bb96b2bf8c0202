"""The database as the catalog uses it: transactions that read, transactions that write, and what an outage becomes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
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
_ANSWER_SECONDS = 5.5
_CANCEL_SECONDS = 0.5
_MAX_CAUSES = 5
"""How many causes of one outage are logged: what waits for a hanging connection names others than what hangs."""

_Result = TypeVar("_Result")

_log = structlog.get_logger(__name__)


class DatabaseUnusable(CannotStart):
    """The database cannot be used as it is: damaged, newer than the program, not writable. Waiting will not help."""

    reason = "DATABASE_UNUSABLE"
    exit_code = 4


class _RolledBack(Exception):
    """Ends a transaction without a commit."""


class Database:
    """An engine and the two ways to begin a transaction on it.

    Both ways commit at the end of the block and roll back when it raises. An outage (locked, out of space, broken,
    closed, out of connections, away) becomes DatabaseUnavailable; its details go to the log, once per outage.

    `write_lock` is held around each writing transaction, for a database with one writer at a time whose own queue is
    not fair (SQLite). Whoever writes the same file by another connection holds the same lock.

    `answer_seconds` is how long `complete` keeps its caller waiting; None = as long as it takes.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        write_lock: asyncio.Lock | None = None,
        turn_seconds: float = _TURN_SECONDS,
        answer_seconds: float | None = _ANSWER_SECONDS,
    ) -> None:
        self._engine = engine
        self._write_lock = write_lock
        self._turn_seconds = turn_seconds
        self.answer_seconds = answer_seconds
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._outage: set[str] = set()

    @property
    def is_postgresql(self) -> bool:
        """Whether it is PostgreSQL, which several gateways share, or else a SQLite file of this process alone."""
        return self._engine.dialect.name == "postgresql"

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
        """Run work to its end in a task of its own, even if the caller is cancelled or told to come again meanwhile.

        So a caller's deadline neither costs a connection nor leaves open whether what follows a commit was done,
        and a database that hangs neither keeps the caller waiting nor from being cancelled. Work that was given up
        goes on for as long as its connection lives; there is never more of it than the pool has connections, since
        what waits for one is refused sooner. `close` waits for such work.

        Raises:
            DatabaseUnavailable: The work did not end in time; whether it will be done is not known.
        """
        task = self.begin(work)
        await self._answered(task)
        return _result(task)

    def begin(self, work: Coroutine[Any, Any, _Result]) -> asyncio.Task[_Result]:
        """Begin work that `close` waits for; whoever begins it sees to what it returns or raises."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    @asynccontextmanager
    async def held(
        self,
        open_: Callable[[AsyncConnection], Awaitable[_Result]],
        end: Callable[[AsyncConnection, _Result], Awaitable[None]],
    ) -> AsyncIterator[_Result]:
        """Keep a writing transaction, with its locks, open around the caller's block.

        `open_` is called in it before the block, and what it returns is the block's; `end` is called after the block,
        before the commit. A block that raises rolls back. As with `complete` the transaction has a task of its own,
        and a database that hangs neither keeps the caller waiting nor from being cancelled.
        """
        opened: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def transaction() -> None:
            with suppress(_RolledBack):
                async with self.writing() as connection:
                    result = await open_(connection)
                    opened.set_result(result)
                    if not await kept:
                        raise _RolledBack
                    await end(connection, result)

        task = self.begin(transaction())
        try:
            await self._answered(task, opened)
            if not opened.done():
                _result(task)  # raises: a transaction does not end before it was opened
            yield opened.result()
        except BaseException:
            if not kept.done():  # `close` may have ended the wait for it
                kept.set_result(False)
            task.add_done_callback(_log_abandoned_failure)
            raise
        if not kept.done():
            kept.set_result(True)
        await self._answered(task)
        _result(task)

    async def close(self) -> None:
        """Refuse what comes, wait for what runs, and close all connections.

        Work that hangs is cancelled in the end, again and again: at first the driver asks the server to stop the
        query and waits for that, at the next time it drops the connection.
        """
        self._closed = True
        hanging = set(self._running)
        if hanging:
            _, hanging = await asyncio.wait(hanging, timeout=self.answer_seconds)
        while hanging:
            for task in hanging:
                task.cancel()
            _, hanging = await asyncio.wait(hanging, timeout=_CANCEL_SECONDS)
        await self._engine.dispose()

    async def _answered(self, task: asyncio.Task[Any], *signals: asyncio.Future[Any]) -> None:
        """Wait for a task, or for a signal that it gives, for as long as a caller may be kept waiting."""
        try:
            done, _ = await asyncio.wait(
                [task, *signals], timeout=self.answer_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        except asyncio.CancelledError:
            task.add_done_callback(_log_abandoned_failure)
            raise
        if not done:
            task.add_done_callback(_log_abandoned_failure)
            self._note_outage(f"no answer within {self.answer_seconds} s")
            raise DatabaseUnavailable("the database did not answer in time; the call is safe to repeat")

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
            self._note_outage(f"{type(cause).__name__}: {' '.join(str(cause).split())}")
            raise DatabaseUnavailable("the database did not do its part; the call is safe to repeat") from error
        if self._outage:
            self._outage.clear()
            _log.info("database available again")

    def _note_outage(self, cause: str) -> None:
        if cause not in self._outage and len(self._outage) < _MAX_CAUSES:
            self._outage.add(cause)
            _log.error("database unavailable", cause=cause)


def _is_outage(error: Exception) -> bool:
    """Tell whether an error comes from the database's state; the others come from a fault of our own."""
    if isinstance(error, IntegrityError | DataError | NotSupportedError | ProgrammingError):
        return error.connection_invalidated
    return True


def _result(task: asyncio.Task[_Result]) -> _Result:
    if task.cancelled():  # by `close`; it is not the caller that was cancelled
        raise DatabaseUnavailable("the database was closed, this server is about to stop")
    return task.result()


def _log_abandoned_failure(task: asyncio.Task[Any]) -> None:
    error = None if task.cancelled() else task.exception()
    # An outage is in the log already, once.
    if error is not None and not isinstance(error, DatabaseUnavailable):
        _log.warning("a change failed after its caller had gone", error=repr(error))
