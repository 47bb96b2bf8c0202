"""How a database is reached: its URL, and how many connections of which kind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from ticker_server.catalog.database import Database, DatabaseUnusable
from ticker_server.catalog.postgres import postgres_engine, postgres_migration_engine, refuse_postgres
from ticker_server.catalog.sqlite import refuse_sqlite, sqlite_engine, sqlite_migration_engine

__all__ = ["migration_engine", "open_database", "place_of", "sqlite_url"]

_BUSY_SECONDS = 5.0
_POOL_SIZE = 4
_POOL_SECONDS = 2.0
_SPARE_SECONDS = 0.5
_KNOWN = "use sqlite:///PATH or postgresql://USER@HOST/DATABASE"


def sqlite_url(path: Path) -> str:
    """Return the database URL of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def open_database(
    url: str,
    *,
    write_lock: asyncio.Lock | None = None,
    busy_seconds: float = _BUSY_SECONDS,
    statement_seconds: float = 3.0,
    application_name: str = "ticker-server",
) -> Database:
    """Open a migrated database, `sqlite:///PATH` or `postgresql://...`, for use in the running event loop.

    Connections, four at most, are made on first use, so that a database that is away is an outage and not the end.

    PostgreSQL ends each statement after `statement_seconds` (0 = never) and shows its connections under
    `application_name`. A SQLite writer waits `busy_seconds` for its turn and as long again for a writer in another
    process; `write_lock` is shared with whoever else writes the same file, without one the database has its own.

    Raises:
        DatabaseUnusable: The URL is none of a database that is supported.
    """
    parsed = _parsed(url)
    if _is_sqlite(parsed):
        return Database(
            sqlite_engine(
                parsed, busy_seconds=busy_seconds, pool_size=_POOL_SIZE, max_overflow=0, pool_timeout=_POOL_SECONDS
            ),
            write_lock=write_lock or asyncio.Lock(),
            turn_seconds=busy_seconds,
        )
    engine = postgres_engine(
        parsed,
        statement_seconds=statement_seconds,
        application_name=application_name,
        pool_size=_POOL_SIZE,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
    )
    answer_seconds = _POOL_SECONDS + statement_seconds + _SPARE_SECONDS if statement_seconds else None
    return Database(engine, answer_seconds=answer_seconds)


def migration_engine(url: str) -> Engine:
    """Return an engine for migrations: synchronous, without a pool.

    Raises:
        DatabaseUnusable: The URL is none of a database that is supported.
    """
    parsed = _parsed(url)
    if _is_sqlite(parsed):
        return sqlite_migration_engine(parsed, busy_seconds=_BUSY_SECONDS)
    return postgres_migration_engine(parsed)


def place_of(url: URL) -> str:
    """Return where a database is, as it may stand in a log: the file, or host, port and database. Never more."""
    if _is_sqlite(url):
        return str(url.database)
    hosts = url.query.get("host", ())
    host = url.host or (hosts if isinstance(hosts, str) else ",".join(hosts)) or "localhost"
    return f"{host}{f':{url.port}' if url.port else ''}/{url.database}"


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Without the cause: it may repeat the URL, and with it a password.
        raise DatabaseUnusable(f"the database URL does not read like one; {_KNOWN}") from None
    match parsed.drivername:
        case "sqlite":
            refuse_sqlite(parsed)
        case "postgresql" | "postgresql+psycopg":
            refuse_postgres(parsed)
        case kind:
            raise DatabaseUnusable(f"databases of the kind {kind!r} are not supported; {_KNOWN}")
    return parsed


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"
