"""Bringing a database to the schema of the program, and refusing what cannot be used."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect

from ticker_server.catalog.database import DatabaseUnusable
from ticker_server.catalog.engine import migration_engine, sqlite_url
from ticker_server.catalog.log_tables import log_metadata
from ticker_server.catalog.migrate import downgrade, upgrade
from ticker_server.catalog.tables import metadata


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the database will be."""
    return tmp_path / "ticker.db"


@pytest.fixture
def url(path: Path) -> str:
    """Return the URL of a database that does not exist yet."""
    return sqlite_url(path)


def table_names(url: str) -> set[str]:
    """Return the tables of a database."""
    engine = migration_engine(url)
    with engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def run(path: Path, *statements: str) -> None:
    """Execute statements on a SQLite file."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_schema_goes_up_down_and_up(url: str) -> None:
    """A database can be migrated, taken back to nothing, and migrated again."""
    upgrade(url)
    first = table_names(url)
    downgrade(url, "base")
    between = table_names(url)
    upgrade(url)

    assert first == table_names(url) == {*metadata.tables, *log_metadata.tables, "alembic_version"}
    assert between == {"alembic_version"}


def test_upgrade_keeps_what_is_stored(url: str, path: Path) -> None:
    """A database of the newest schema is left as it is."""
    upgrade(url)
    run(path, "INSERT INTO user VALUES ('ana', 1)")
    upgrade(url)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT user_id FROM user").fetchall() == [("ana",)]


def test_migrated_schema_is_the_declared_one(url: str) -> None:
    """The tables that the migrations make are those that the code declares."""
    upgrade(url)
    declared = MetaData()
    for table in (*metadata.sorted_tables, *log_metadata.sorted_tables):
        table.to_metadata(declared)
    engine = migration_engine(url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), declared)

    assert differences == []


def test_failed_migration_changes_nothing(url: str, path: Path) -> None:
    """A migration that fails half-way leaves the database as it was."""
    run(path, "CREATE TABLE log_epoch (ordinal INTEGER)")
    with pytest.raises(DatabaseUnusable, match="log_epoch already exists"):
        upgrade(url)

    assert table_names(url) == {"log_epoch"}


@pytest.mark.parametrize("content", [b"price,size\n1,2\n", b"x" * 8192, b"SQLite format 3\0" + b"\1" * 8192])
def test_other_file_is_refused_and_left_alone(url: str, path: Path, content: bytes) -> None:
    """A file that is no database is refused by name, and not a byte of it changes."""
    path.write_bytes(content)
    with pytest.raises(DatabaseUnusable, match="not a database") as caught:
        upgrade(url)

    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_truncated_database_is_refused(url: str, path: Path, kept: float) -> None:
    """A database whose end is missing is refused as damaged."""
    upgrade(url)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])

    with pytest.raises(DatabaseUnusable, match=r"damaged|malformed"):
        upgrade(url)


def test_overwritten_page_is_found(url: str, path: Path) -> None:
    """A database with a page of rubbish in its middle is refused as damaged."""
    upgrade(url)
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)

    with pytest.raises(DatabaseUnusable, match="damaged"):
        upgrade(url)


def test_newer_schema_is_refused(url: str, path: Path) -> None:
    """A database that a newer program has migrated is refused, and says so."""
    upgrade(url)
    run(path, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(DatabaseUnusable, match="9999, which this program is too old to know"):
        upgrade(url)
    with pytest.raises(DatabaseUnusable, match="9999"):
        downgrade(url, "base")


def test_database_of_another_program_is_refused(url: str, path: Path) -> None:
    """A database that has a table of ours but was never migrated by us is refused and left alone."""
    run(path, "CREATE TABLE user (name TEXT)", "INSERT INTO user VALUES ('theirs')")
    with pytest.raises(DatabaseUnusable, match="another program: user"):
        upgrade(url)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM user").fetchall() == [("theirs",)]


def test_unwritable_directory_is_refused(tmp_path: Path) -> None:
    """A directory in which no file can be made is refused by the name of the file."""
    directory = Path("/proc/self") if os.geteuid() == 0 else tmp_path / "read-only"  # root may write anywhere else
    if os.geteuid() != 0:
        directory.mkdir(mode=0o500)

    with pytest.raises(DatabaseUnusable, match=r"ticker\.db: unable to open database file"):
        upgrade(sqlite_url(directory / "ticker.db"))


def test_locked_database_is_refused(url: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that another process is writing all the time is refused."""
    monkeypatch.setattr("ticker_server.catalog.engine._BUSY_SECONDS", 0.01)
    upgrade(url)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnusable, match="locked"):
            upgrade(url)


def test_unknown_target_is_refused(url: str) -> None:
    """A downgrade to a revision that never was changes nothing."""
    upgrade(url)
    with pytest.raises(DatabaseUnusable, match="nonsense"):
        downgrade(url, "nonsense")

    assert "stock" in table_names(url)


def test_logging_is_left_alone(url: str) -> None:
    """Migrating neither adds a handler nor changes a level."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("alembic").level)
    upgrade(url)

    assert (list(root.handlers), root.level, logging.getLogger("alembic").level) == before
