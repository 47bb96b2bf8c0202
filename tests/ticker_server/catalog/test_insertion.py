"""Inserting where something may be stored already."""

from __future__ import annotations

from sqlalchemy import select

from ticker_server.catalog.database import Database
from ticker_server.catalog.insertion import insert_missing, insert_or_replace
from ticker_server.catalog.tables import user


async def test_only_missing_rows_are_inserted(database: Database) -> None:
    """A row whose key exists is left as it is, and the count tells how many are new."""
    async with database.writing() as connection:
        first = await insert_missing(connection, user, [{"user_id": "ana", "create_time_ns": 1}])
        again = await insert_missing(connection, user, [{"user_id": "ana", "create_time_ns": 2}])
        both = await insert_missing(
            connection, user, [{"user_id": name, "create_time_ns": 3} for name in ("ana", "ben", "eve")]
        )
        rows = (await connection.execute(select(user).order_by(user.c.user_id))).all()

    assert (first, again, both) == (1, 0, 2)
    assert [tuple(row) for row in rows] == [("ana", 1), ("ben", 3), ("eve", 3)]


async def test_stored_rows_are_replaced(database: Database) -> None:
    """A row takes the place of the one with its key; the others are new."""
    async with database.writing() as connection:
        await insert_missing(connection, user, [{"user_id": "ana", "create_time_ns": 1}])
        await insert_or_replace(connection, user, [{"user_id": name, "create_time_ns": 3} for name in ("ana", "ben")])
        rows = (await connection.execute(select(user).order_by(user.c.user_id))).all()

    assert [tuple(row) for row in rows] == [("ana", 3), ("ben", 3)]
