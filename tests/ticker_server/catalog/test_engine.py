"""How a database is reached."""

from __future__ import annotations

import time
import traceback
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from ticker_server.catalog.database import Database, DatabaseUnusable
from ticker_server.catalog.engine import migration_engine, open_database, place_of, sqlite_url
from ticker_server.catalog.migrate import upgrade
from ticker_server.errors import DatabaseUnavailable


@pytest.mark.parametrize("directory", ["plain", "two words", "100%", "a%20b", "what?", "#1", "ä-日本"])
async def test_any_path_can_be_a_database(tmp_path: Path, directory: str) -> None:
    """The URL of a path leads to that path, whatever characters it has."""
    path = tmp_path / directory / "ticker.db"
    path.parent.mkdir()
    upgrade(sqlite_url(path))
    database = open_database(sqlite_url(path))
    async with database.reading() as connection:
        tables = (await connection.execute(text("SELECT count(*) FROM stock"))).scalar_one()
    await database.close()

    assert tables == 0
    assert [each.name for each in path.parent.iterdir()] == ["ticker.db"]


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "does not read like"),
        ("ticker.db", "does not read like"),
        ("mysql://root@localhost/ticker", "mysql"),
        ("postgres://ana@localhost/ticker", "'postgres'"),
        ("postgresql+asyncpg://ana@localhost/ticker", "asyncpg"),
        ("postgresql://ana@localhost", "no database"),
        ("postgresql://ana@localhost:port/ticker", "does not read like"),
        ("sqlite://", "no file"),
        ("sqlite:///:memory:", "no file"),
    ],
)
def test_other_url_is_refused(url: str, hint: str) -> None:
    """A URL that leads to no database of a supported kind is refused with what would do."""
    with pytest.raises(DatabaseUnusable, match=hint):
        open_database(url)
    with pytest.raises(DatabaseUnusable, match=r"sqlite:///PATH|postgresql://USER@HOST/DATABASE"):
        migration_engine(url)


@pytest.mark.parametrize(
    "url", ["mysql://root:geheim@localhost/ticker", "postgresql://ana:geheim@host:port/x", "postgresql://ana:geheim@"]
)
def test_password_of_a_refused_url_is_not_told(url: str) -> None:
    """Neither the message of a refusal nor its cause repeats the URL."""
    with pytest.raises(DatabaseUnusable) as caught:
        open_database(url)

    assert "geheim" not in "".join(traceback.format_exception(caught.value)[-1:])
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sqlite:////data/ticker.db", "/data/ticker.db"),
        ("postgresql://ana:geheim@db.example:5433/ticker?sslmode=require", "db.example:5433/ticker"),
        ("postgresql+psycopg://ana:geheim@db.example/ticker", "db.example/ticker"),
        ("postgresql:///ticker?host=/run/postgresql&password=geheim", "/run/postgresql/ticker"),
        ("postgresql:///ticker?host=one:5432&host=two:5432", "one:5432,two:5432/ticker"),
        ("postgresql:///ticker", "localhost/ticker"),
    ],
)
def test_place_tells_where_and_nothing_else(url: str, place: str) -> None:
    """A database is named in logs by its file, or by host and database."""
    assert place_of(make_url(url)) == place


@pytest.mark.parametrize("kind", ["postgresql", "postgresql+psycopg"])
async def test_both_spellings_of_postgresql_lead_there(postgres_catalog_url: str, kind: str) -> None:
    """A URL may name the driver or leave it out."""
    url = postgres_catalog_url.replace("postgresql", kind, 1)
    database = open_database(url)
    async with database.reading() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM stock"))).scalar_one() == 0
    await database.close()
    upgrade(url)


async def test_at_most_four_connections_are_made(postgres_database: Database) -> None:
    """A database makes no more connections than its pool has, and a fifth transaction is an outage after two seconds."""
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(postgres_database.reading())
        begun = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await stack.enter_async_context(postgres_database.reading())

    assert 1.9 < time.monotonic() - begun < 4


async def test_callers_wait_as_long_as_a_statement_may_take(postgres_catalog_url: str) -> None:
    """How long a caller waits follows from how long a statement may take; without a limit it waits to the end."""
    waits = []
    for seconds in (3.0, 30.0, 0.0):
        database = open_database(postgres_catalog_url, statement_seconds=seconds)
        waits.append(database.answer_seconds)
        await database.close()

    assert waits == [5.5, 32.5, None]
