"""An import of a text into each kind of database, and what is stored afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from ticker_server.catalog.bulk import ImportPlan, Subject, Tally, run_import
from ticker_server.catalog.bulk.session import BulkSession, bulk_session
from ticker_server.catalog.bulk.store import BulkStore
from ticker_server.catalog.database import Database
from ticker_server.catalog.outbox_table import OutboxTable
from ticker_server.catalog.service import Catalog
from ticker_server.model.change import Change, SubscriptionChanged
from ticker_server.model.subscription import Subscription

LIMIT = 3


@dataclass
class Desk:
    """Where files are imported: a migrated database, and a folder for the files."""

    url: str
    folder: Path

    def subscriptions(self, *lines: str, chunk_rows: int = 10_000) -> Tally:
        """Import lines of subscriptions, the header first."""
        return self._run(Subject.SUBSCRIPTIONS, lines, chunk_rows)

    def users(self, *lines: str, chunk_rows: int = 10_000) -> Tally:
        """Import lines of users, the header first."""
        return self._run(Subject.USERS, lines, chunk_rows)

    def told(self, *subscriptions: Subscription) -> list[Change]:
        """Return the changes that wait for gateways; none do where nobody can be serving."""
        return [] if self.url.startswith("sqlite") else [SubscriptionChanged(each) for each in subscriptions]

    def _run(self, subject: Subject, lines: tuple[str, ...], chunk_rows: int) -> Tally:
        path = self.folder / f"{subject}.csv"
        path.write_text("".join(f"{line}\n" for line in lines))
        return run_import(self.url, ImportPlan(subject, str(path), LIMIT, chunk_rows))


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Desk:
    """Return a desk on each kind of database; a user may have three subscriptions."""
    return Desk(database_url, tmp_path)


@pytest.fixture
def session(database_url: str) -> Iterator[BulkSession]:
    """Return an open session on each kind of database."""
    with bulk_session(database_url) as session:
        yield session


@pytest.fixture
def in_store(session: BulkSession) -> Callable[[Callable[[BulkStore], object]], object]:
    """Return a function that runs work on the store, in one transaction."""
    return session.transact


@pytest.fixture
def outbox(database: Database) -> Callable[[], object]:
    """Return a function that returns the changes that wait in the outbox."""

    async def read() -> list[Change]:
        async with database.reading() as connection:
            return await OutboxTable(connection).list_oldest(100)

    return read


@pytest.fixture
async def three_stocks(catalog: Catalog, database: Database) -> Catalog:
    """Return a catalog that lists A, B and C and has an empty outbox."""
    for stock_id in "ABC":
        await catalog.create_stock(stock_id, name=None, currency=None)
    async with database.writing() as connection:
        await connection.execute(text("DELETE FROM outbox"))
    return catalog
