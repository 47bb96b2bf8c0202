"""SQLite's ways."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from ticker_server.catalog.database import Database, DatabaseUnusable
from ticker_server.catalog.engine import open_database, sqlite_url
from ticker_server.errors import DatabaseUnavailable


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("busy_timeout", 5000), ("foreign_keys", 1)]
)
async def test_sqlite_connection_is_safe(sqlite_file: Path, pragma: str, value: object) -> None:
    """A SQLite connection writes ahead, syncs each commit, waits for others, and enforces foreign keys."""
    database = open_database(sqlite_url(sqlite_file))
    async with database.reading() as connection:
        found = (await connection.execute(text(f"PRAGMA {pragma}"))).scalar_one()
    await database.close()

    assert found == value


async def test_failed_connection_leaves_no_thread(tmp_path: Path) -> None:
    """A database that cannot be opened leaves nothing running when the failure is told."""
    before = set(threading.enumerate())
    database = open_database(sqlite_url(tmp_path / "missing" / "ticker.db"))
    with pytest.raises(DatabaseUnavailable):
        await read(database)
    left = {thread for thread in threading.enumerate() if thread not in before}
    await database.close()

    assert not [thread.name for thread in left if "worker_thread" in thread.name]


async def read(database: Database) -> None:
    """Begin a transaction."""
    async with database.reading():
        pass


def test_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python whose SQLite is too old is told which one is needed."""
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))

    with pytest.raises(DatabaseUnusable, match=r"SQLite 3\.35"):
        open_database("sqlite:///ticker.db")
