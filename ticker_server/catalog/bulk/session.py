"""The database during an import: one connection, and a transaction per chunk."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError

from ticker_server.catalog.bulk.postgres_store import PostgresStore
from ticker_server.catalog.bulk.refusals import ImportStopped
from ticker_server.catalog.bulk.sqlite_store import SqliteStore
from ticker_server.catalog.bulk.store import BulkStore
from ticker_server.catalog.engine import migration_engine, place_of
from ticker_server.catalog.migrate import upgrade
from ticker_server.errors import DatabaseUnavailable

__all__ = ["BulkSession", "bulk_session"]

_ATTEMPTS = 10
_PAUSE_SECONDS = 0.05
_OUR_FAULT = ("22", "23", "42")
"""Beginnings of the SQLSTATEs that no outage has: bad data, a broken rule of a table, a wrong statement."""

_Result = TypeVar("_Result")


class BulkSession:
    """An open connection to a migrated database. `sleep` waits for so many seconds."""

    def __init__(self, connection: Connection, store: BulkStore, sleep: Callable[[float], None]) -> None:
        self._connection = connection
        self._store = store
        self._sleep = sleep

    def transact(self, work: Callable[[BulkStore], _Result]) -> _Result:
        """Run work in a transaction; again after a pause, where it and a gateway were in each other's way."""
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._transact_once(work)
            except (DBAPIError, psycopg.Error) as error:
                if not _is_collision(error):
                    raise
            self._sleep(attempt * _PAUSE_SECONDS)
        return self._transact_once(work)

    def _transact_once(self, work: Callable[[BulkStore], _Result]) -> _Result:
        with self._connection.begin():
            return work(self._store)


@contextmanager
def bulk_session(database_url: str, *, sleep: Callable[[float], None] = time.sleep) -> Generator[BulkSession]:
    """Open a database, `sqlite:///PATH` or `postgresql://...`, and bring its schema to the newest one.

    Raises:
        DatabaseUnusable: It cannot be used as it is.
        ImportStopped: It is away, or went away.
    """
    with _outages_translated(database_url):
        upgrade(database_url)
        engine = migration_engine(_named(database_url))
        try:
            with engine.connect() as connection:
                kind = PostgresStore if connection.dialect.name == "postgresql" else SqliteStore
                with connection.begin():
                    store = kind(connection)
                yield BulkSession(connection, store, sleep)
        finally:
            engine.dispose()


def _named(database_url: str) -> str:
    """Return the URL with the name under which PostgreSQL shows the connection, unless the URL has one."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" or "application_name" in url.query:
        return database_url
    return url.update_query_dict({"application_name": "ticker-server import"}).render_as_string(hide_password=False)


@contextmanager
def _outages_translated(database_url: str) -> Iterator[None]:
    try:
        yield
    except (DatabaseUnavailable, DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if _is_our_fault(error):
            raise
        place = "" if isinstance(error, DatabaseUnavailable) else f"{place_of(make_url(database_url))}: "
        told = error.message if isinstance(error, DatabaseUnavailable) else str(cause)
        raise ImportStopped(f"{place}{told}; import the same file again to complete it") from error


def _is_our_fault(error: Exception) -> bool:
    return (_sqlstate(error) or "").startswith(_OUR_FAULT)


def _is_collision(error: Exception) -> bool:
    """Tell whether a deadlock or the like has ended the transaction."""
    return (_sqlstate(error) or "").startswith("40")


def _sqlstate(error: Exception) -> str | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause.sqlstate if isinstance(cause, psycopg.Error) else None
