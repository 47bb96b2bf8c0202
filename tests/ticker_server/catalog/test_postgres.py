"""PostgreSQL's ways."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.postgres import Postgres
from ticker_server.catalog.database import Database
from ticker_server.catalog.engine import migration_engine, open_database
from ticker_server.catalog.postgres import is_away, is_lock_timeout
from ticker_server.errors import DatabaseUnavailable


async def setting(database: Database, name: str) -> str:
    """Return what a connection has as the value of a setting."""
    async with database.reading() as connection:
        return str((await connection.execute(text(f"SHOW {name}"))).scalar_one())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("statement_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "15s"),
        ("application_name", "ticker-server"),
        ("client_encoding", "UTF8"),
        ("transaction_isolation", "read committed"),
    ],
)
async def test_connection_is_bounded(postgres_database: Database, name: str, value: str) -> None:
    """A connection ends what takes too long by itself, and says whose it is."""
    assert await setting(postgres_database, name) == value


@pytest.mark.parametrize(("seconds", "value"), [(30.0, "30s"), (0.25, "250ms"), (0.0, "0")])
async def test_each_role_has_its_statement_timeout(postgres_catalog_url: str, seconds: float, value: str) -> None:
    """How long a statement may take, and under what name, is the opener's choice."""
    database = open_database(postgres_catalog_url, statement_seconds=seconds, application_name="ticker-server sync")
    assert await setting(database, "statement_timeout") == value
    assert await setting(database, "application_name") == "ticker-server sync"
    await database.close()


async def test_url_comes_first(postgres_catalog_url: str) -> None:
    """What the URL itself asks for is kept, beside what every connection asks for."""
    database = open_database(f"{postgres_catalog_url}?application_name=mine&options=-c%20work_mem%3D5MB")
    assert await setting(database, "application_name") == "mine"
    assert await setting(database, "work_mem") == "5MB"
    assert await setting(database, "statement_timeout") == "3s"
    await database.close()


def test_migrations_take_the_time_they_need(postgres_catalog_url: str) -> None:
    """A connection that migrates has no statement timeout."""
    engine = migration_engine(postgres_catalog_url)
    with engine.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"


async def test_statement_that_takes_too_long_is_an_outage(postgres_catalog_url: str) -> None:
    """The server ends a statement after its time, and the connection serves the next one."""
    database = open_database(postgres_catalog_url, statement_seconds=0.05)

    async def sleep() -> None:
        async with database.reading() as connection:
            await connection.execute(text("SELECT pg_sleep(30)"))

    with pytest.raises(DatabaseUnavailable):
        await sleep()
    assert await setting(database, "statement_timeout") == "50ms"
    await database.close()


def test_gone_server_is_away(postgres: Postgres) -> None:
    """Nobody who listens, and a host that has no address: waiting may help."""
    for address in ("127.0.0.1:1", "no-such-host.invalid"):
        with pytest.raises(psycopg.OperationalError) as caught:
            psycopg.connect(f"postgresql://ana@{address}/ticker", connect_timeout=2)
        assert is_away(DBAPIError(None, None, caught.value))


def test_refusing_server_is_not_away(postgres: Postgres) -> None:
    """A wrong password, a user or a database that does not exist, and TLS that is not there: waiting does not help."""
    url = postgres.url()
    user, rest = url.split("@")
    for refused in (
        f"{user}x@{rest}",
        url.replace("//ticker:", "//nobody:"),
        postgres.url("nothing"),
        f"{url}?sslmode=require",
        f"{url}?sslmode=nonsense",
        f"{url}?options=-c%20nonsense%3D1",
        url.replace(":" + user.rsplit(":", 1)[1], ""),
    ):
        with pytest.raises(psycopg.OperationalError) as caught:
            psycopg.connect(refused, connect_timeout=2)
        assert not is_away(DBAPIError(None, None, caught.value)), caught.value


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (errors.AdminShutdown(), True),
        (errors.CannotConnectNow(), True),
        (errors.TooManyConnections(), True),
        (errors.DeadlockDetected(), True),
        (errors.LockNotAvailable(), True),
        (errors.QueryCanceled(), True),
        (psycopg.OperationalError("server closed the connection unexpectedly"), True),
        (psycopg.OperationalError("FATAL:  the database system is starting up"), True),
        (psycopg.OperationalError("FATAL:  sorry, too many clients already"), True),
        (errors.InsufficientPrivilege(), False),
        (errors.UndefinedTable(), False),
        (psycopg.ProgrammingError('invalid connection option "x"'), False),
        (ValueError(), False),
    ],
)
def test_errors_are_told_apart(error: Exception, *, away: bool) -> None:
    """A server that stops, starts, is full or at a lock is away; what is wrong in itself is not."""
    assert is_away(DBAPIError(None, None, error)) is away  # type: ignore[arg-type]
    assert is_lock_timeout(DBAPIError(None, None, error)) is isinstance(error, errors.LockNotAvailable)  # type: ignore[arg-type]
