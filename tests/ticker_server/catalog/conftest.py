"""A migrated database, a catalog on it, and a clock that stands still, for the tests of the catalog."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import Postgres
from ticker_server.catalog.database import Database
from ticker_server.catalog.engine import open_database, sqlite_url
from ticker_server.catalog.migrate import upgrade
from ticker_server.catalog.service import Catalog
from ticker_server.catalog.tables import metadata
from ticker_server.clock import Timer
from ticker_server.model.change import Change
from ticker_server.model.schedule import Schedule
from ticker_server.model.subscription import DEFAULT_FREQUENCY, Wish

NOW = 1_763_900_000_123_456_789


@dataclass
class StandingClock:
    """A clock that shows what it was set to; nothing here waits for a time."""

    now: int = NOW

    def wall(self) -> int:
        """Return what the clock was set to."""
        return self.now

    def monotonic(self) -> int:
        """Return the same."""
        return self.now

    def call_at(self, deadline: int, callback: Callable[[], None]) -> Timer:
        """Refuse: the catalog has no timers."""
        raise AssertionError(deadline, callback)


@dataclass
class Bench:
    """A catalog with what it was handed, for tests to look at and to set."""

    catalog: Catalog
    clock: StandingClock
    committed: list[Change] = field(default_factory=list)
    newest: dict[str, int] = field(default_factory=dict)
    epoch: str = "epoch-1"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "ticker.db"
    upgrade(sqlite_url(path))
    return path


@pytest.fixture
def sqlite_file(tmp_path: Path, migrated_file: Path) -> Path:
    """Return a migrated, empty SQLite file."""
    return Path(shutil.copy(migrated_file, tmp_path / "ticker.db"))


@pytest.fixture
async def sqlite_database(sqlite_file: Path) -> AsyncIterator[Database]:
    """Return an open SQLite database that waits for no other writer, for what only SQLite does."""
    database = open_database(sqlite_url(sqlite_file), busy_seconds=0.01)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def emptied_postgres(postgres: Postgres) -> Callable[[], str]:
    """Return a function that empties a migrated PostgreSQL database and returns its URL: 5 ms instead of 100."""
    postgres.create_database("catalog")
    url = postgres.url("catalog")
    upgrade(url)
    tables = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)

    def empty() -> str:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )  # what a failed test has left behind
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY".encode())
        return url

    return empty


@pytest.fixture
def postgres_catalog_url(emptied_postgres: Callable[[], str]) -> str:
    """Return the URL of a migrated, empty PostgreSQL database."""
    return emptied_postgres()


@pytest.fixture
async def postgres_database(postgres_catalog_url: str) -> AsyncIterator[Database]:
    """Return an open PostgreSQL database, for what only PostgreSQL does."""
    database = open_database(postgres_catalog_url)
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a migrated, empty database; a parameter per kind of database."""
    if request.param == "sqlite":
        return sqlite_url(request.getfixturevalue("sqlite_file"))
    return str(request.getfixturevalue("postgres_catalog_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Return an open database, closed at the end."""
    database = open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
def bench(database: Database) -> Bench:
    """Return a catalog that allows three subscriptions per user."""
    clock = StandingClock()
    committed: list[Change] = []
    newest: dict[str, int] = {}
    catalog = Catalog(
        database,
        clock=clock,
        newest_sequence=lambda stock_id: newest.get(stock_id, 0),
        log_epoch=lambda: bench.epoch,
        on_commit=committed.extend,
        max_subscriptions_per_user=3,
    )
    bench = Bench(catalog, clock, committed, newest)
    return bench


@pytest.fixture
async def postgres_catalogs(postgres_catalog_url: str) -> AsyncIterator[list[Catalog]]:
    """Return the catalogs of two gateways on one PostgreSQL, each with connections of its own."""
    databases = [open_database(postgres_catalog_url) for _ in range(2)]
    yield [
        Catalog(
            database,
            clock=StandingClock(),
            newest_sequence=lambda _stock_id: 0,
            log_epoch=str,
            on_commit=lambda _changes: None,
            max_subscriptions_per_user=3,
        )
        for database in databases
    ]
    for database in databases:
        await database.close()


@pytest.fixture
def catalog(bench: Bench) -> Catalog:
    """Return the bench's catalog."""
    return bench.catalog


@pytest.fixture
def create_stocks(catalog: Catalog) -> Callable[..., object]:
    """Return a function that creates stocks."""

    async def create(*stock_ids: str) -> None:
        for stock_id in stock_ids:
            await catalog.create_stock(stock_id, name=None, currency=None)

    return create


@pytest.fixture
def wishes() -> Callable[..., Sequence[Wish]]:
    """Return a function that makes wishes of a user for stocks, with the default frequency and no window."""

    def make(user_id: str, *stock_ids: str, cadence: int = DEFAULT_FREQUENCY) -> list[Wish]:
        return [Wish(user_id, stock_id, cadence, Schedule("UTC", None)) for stock_id in stock_ids]

    return make
