"""The table of users."""

from __future__ import annotations

from ticker_server.catalog.database import Database
from ticker_server.catalog.user_table import UserTable
from ticker_server.model.stock import User


async def test_user_is_stored_until_deleted(database: Database) -> None:
    """A user is found and locked from its insertion to its deletion, and keeps its first create time."""
    async with database.writing() as connection:
        users = UserTable(connection)
        await users.insert_missing(["ben", "ana"], 1)
        await users.insert_missing(["ana"], 2)
        assert await users.find("ana") == User("ana", 1)
        assert await users.lock(["ana", "ben", "eve"]) == {"ana", "ben"}

        await users.delete("ana")
        assert await users.find("ana") is None
        assert await users.lock(["ana"]) == set()
