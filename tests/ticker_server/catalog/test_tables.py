"""The catalog's tables."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from ticker_server.catalog.database import Database
from ticker_server.catalog.tables import metadata, outbox, stock, user, user_stock_subscription


def test_tables_have_the_names_that_analysts_know() -> None:
    """The tables are user, stock, user_stock_subscription and outbox."""
    assert set(metadata.tables) == {"user", "stock", "user_stock_subscription", "outbox"}


@pytest.mark.parametrize("table", [user, stock, user_stock_subscription])
def test_ids_are_ordered_by_code_point_in_postgresql(table: object) -> None:
    """An id column has collation C in PostgreSQL, so that its order is the one of Python."""
    assert 'COLLATE "C"' in str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[arg-type]


def test_revisions_are_an_identity_in_postgresql() -> None:
    """The outbox takes its revisions from an identity of 64 bits in PostgreSQL."""
    statement = str(CreateTable(outbox).compile(dialect=postgresql.dialect()))

    assert "revision BIGINT GENERATED ALWAYS AS IDENTITY" in statement


def test_revisions_are_never_given_twice_in_sqlite() -> None:
    """The outbox takes its revisions from a counter that survives deletes in SQLite."""
    assert "AUTOINCREMENT" in str(CreateTable(outbox).compile(dialect=sqlite.dialect()))


SUBSCRIPTION = {
    "user_id": "ana",
    "stock_id": "AAPL",
    "time_zone": "UTC",
    "revision": 1,
    "create_time_ns": 1,
    "update_time_ns": 1,
}


STOCK = {"stock_id": "AAPL", "name": "Apple", "currency": "USD", "create_time_ns": 0, "hidden_through": 0}


@pytest.mark.parametrize(
    "bad", [{"user_id": "eve"}, {"stock_id": "IBM"}, {"frequency_ns": 0}, {"window_start": "10:00"}]
)
async def test_database_refuses_what_the_model_does_not_know(database: Database, bad: dict[str, object]) -> None:
    """The database itself refuses an unknown user or stock, a frequency of zero, and half a window."""
    async with database.writing() as connection:
        await connection.execute(user.insert(), {"user_id": "ana", "create_time_ns": 0})
        await connection.execute(stock.insert(), STOCK)
        savepoint = await connection.begin_nested()
        with pytest.raises(IntegrityError):
            await connection.execute(user_stock_subscription.insert(), SUBSCRIPTION | bad)
        await savepoint.rollback()
        await connection.execute(user_stock_subscription.insert(), SUBSCRIPTION)
