"""An import into SQLite."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from ticker_server.catalog.bulk.rows import SubscriptionRow
from ticker_server.catalog.bulk.session import bulk_session
from ticker_server.catalog.bulk.terms import TermCells, parse_terms
from ticker_server.catalog.database import Database
from ticker_server.catalog.engine import sqlite_url
from ticker_server.catalog.outbox_table import NO_REVISION, OutboxTable
from ticker_server.catalog.tables import user_stock_subscription
from ticker_server.model.change import UserDeleted


def test_nobody_is_waited_for(sqlite_file: Path) -> None:
    """A SQLite file is served by nobody during an import, so its outbox is not looked at."""
    with bulk_session(sqlite_url(sqlite_file)) as session:
        assert session.transact(lambda store: store.backlog(10)) == 0


async def test_revisions_go_on_where_others_ended(sqlite_file: Path, sqlite_database: Database) -> None:
    """Revisions come from one sequence, whether anything was ever in the outbox or not, and are given once."""
    row = SubscriptionRow(2, "ana", "A", parse_terms(TermCells()))

    async def revision() -> int:
        async with sqlite_database.reading() as connection:
            return int((await connection.execute(select(user_stock_subscription.c.revision))).scalar_one())

    with bulk_session(sqlite_url(sqlite_file)) as session:
        session.transact(lambda store: store.write([(row, None)], 1))
        assert await revision() == 1
        async with sqlite_database.writing() as connection:
            (change,) = await OutboxTable(connection).append([UserDeleted("bob", NO_REVISION)])
        assert change.revision == 2
        session.transact(lambda store: store.write([(row, None)], 1))
        assert await revision() == 3


def test_more_keys_than_a_statement_has_variables(sqlite_file: Path) -> None:
    """A chunk may have more rows than SQLite takes values in one statement."""
    users = [f"u{number:06}" for number in range(40_000)]
    with bulk_session(sqlite_url(sqlite_file)) as session:
        assert session.transact(lambda store: store.insert_users(users, 1)) == len(users)
        assert session.transact(lambda store: store.count(users)) == {}
        assert session.transact(lambda store: store.stored([(user, "A") for user in users])) == {}
