"""PostgreSQL's ways: what a connection asks for, and which of its failures waiting can cure."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ticker_server.catalog.database import DatabaseUnusable

__all__ = ["is_away", "is_lock_timeout", "postgres_engine", "postgres_migration_engine", "refuse_postgres"]

_DRIVER = "postgresql+psycopg"
_IDLE_SECONDS = 15
"""How long a transaction may do nothing: longer than anything we wait for within one, and no lock is held for ever."""

_CONNECT_ARGS: dict[str, Any] = {
    "connect_timeout": 3,
    # A host that went away without a word is noticed after 5 s while something is sent, after 19 s otherwise.
    "tcp_user_timeout": 5000,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "client_encoding": "utf8",
}

_AWAY_STATES = ("08", "40", "53", "55P03", "57")
"""Beginnings of the SQLSTATEs that waiting may cure: no connection, no resources, a lock, a server that stops."""

_REFUSALS = re.compile(
    r"authentication failed|no password supplied|does not exist|not permitted to log in|pg_hba\.conf|permission denied"
    r"|SSL was required|certificate|invalid \S+ value|unrecognized configuration parameter|invalid connection option"
    r"|invalid value for parameter|must be superuser|client encoding"
)
"""What a refused connection says. It comes without a SQLSTATE: the library keeps only the text."""


def refuse_postgres(url: URL) -> None:
    """Raise DatabaseUnusable where the URL names no database."""
    if not url.database:
        raise DatabaseUnusable("the database URL names no database; use postgresql://USER@HOST/DATABASE")


def postgres_engine(url: URL, *, statement_seconds: float, application_name: str, **pool: Any) -> AsyncEngine:
    """Return an engine whose statements the server ends after `statement_seconds`; 0 = never."""
    return create_async_engine(
        url.set(drivername=_DRIVER),
        connect_args=_connect_args(url, statement_seconds, application_name),
        pool_pre_ping=True,
        pool_recycle=1800,  # what a balancer in front changes is followed within half an hour
        hide_parameters=True,
        **pool,
    )


def postgres_migration_engine(url: URL) -> Engine:
    """Return a synchronous engine without a pool, whose statements may take as long as they need."""
    return create_engine(
        url.set(drivername=_DRIVER),
        poolclass=NullPool,
        connect_args=_connect_args(url, 0, "ticker-server migrate"),
        hide_parameters=True,
    )


def is_away(error: DBAPIError) -> bool:
    """Tell whether waiting may cure an error of PostgreSQL: the server or a lock is away, nothing is wrong in itself.

    What a server says in another language than English while it refuses a connection counts as away, too.
    """
    cause = error.orig
    if not isinstance(cause, psycopg.OperationalError):
        return False
    if cause.sqlstate is not None:
        return cause.sqlstate.startswith(_AWAY_STATES)
    return _REFUSALS.search(str(cause)) is None


def is_lock_timeout(error: DBAPIError) -> bool:
    """Tell whether a statement was given up because someone else held a lock for too long."""
    return isinstance(error.orig, psycopg.errors.LockNotAvailable)


def _connect_args(url: URL, statement_seconds: float, application_name: str) -> dict[str, Any]:
    """Return what a connection asks for; what the URL itself says comes first."""
    arguments = _CONNECT_ARGS | {"application_name": application_name}
    options = (
        f"-c statement_timeout={round(statement_seconds * 1000)} "
        f"-c idle_in_transaction_session_timeout={_IDLE_SECONDS * 1000}"
    )
    return {
        **{name: value for name, value in arguments.items() if name not in url.query},
        "options": f"{options} {url.query.get('options', '')}".rstrip(),
    }
