"""How a database is reached."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from ticker_server.catalog.database import Database, DatabaseUnusable
from ticker_server.catalog.engine import migration_engine, open_database, sqlite_url
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
        ("sqlite://", "no file"),
        ("sqlite:///:memory:", "no file"),
    ],
)
def test_other_url_is_refused(url: str, hint: str) -> None:
    """A URL that leads to no database of a supported kind is refused with what would do."""
    with pytest.raises(DatabaseUnusable, match=hint):
        open_database(url)
    with pytest.raises(DatabaseUnusable, match="sqlite:///PATH"):
        migration_engine(url)


def test_password_of_a_refused_url_is_not_told() -> None:
    """The message of a refusal does not repeat the URL."""
    with pytest.raises(DatabaseUnusable) as caught:
        open_database("mysql://root:secret@localhost/ticker")

    assert "secret" not in str(caught.value)


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
