"""Bringing a database to the schema of the program, and refusing what cannot be used."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect

from tests.support.postgres import Postgres
from ticker_server.catalog import migrate
from ticker_server.catalog.database import DatabaseUnusable
from ticker_server.catalog.engine import migration_engine, sqlite_url
from ticker_server.catalog.log_tables import log_metadata
from ticker_server.catalog.migrate import downgrade, upgrade
from ticker_server.catalog.sync_tables import sync_metadata
from ticker_server.catalog.tables import metadata
from ticker_server.errors import DatabaseUnavailable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the database will be."""
    return tmp_path / "ticker.db"


@pytest.fixture
def url(path: Path) -> str:
    """Return the URL of a SQLite file that does not exist yet."""
    return sqlite_url(path)


@pytest.fixture(params=["sqlite", "postgresql"])
def either_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a database without tables, of either kind."""
    return str(request.getfixturevalue("url" if request.param == "sqlite" else "postgres_url"))


def declared(url: str) -> MetaData:
    """Return the tables that the code declares for a kind of database."""
    together = MetaData()
    for each in (metadata, log_metadata if url.startswith("sqlite") else sync_metadata):
        for table in each.sorted_tables:
            table.to_metadata(together)
    return together


def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Execute statements on a database; return the rows of the last one."""
    engine = migration_engine(url)
    with engine.begin() as connection:
        results = [connection.exec_driver_sql(statement) for statement in statements]
        return [tuple(row) for row in results[-1]] if results[-1].returns_rows else []


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


def test_schema_goes_up_down_and_up(either_url: str) -> None:
    """A database can be migrated, taken back to nothing, and migrated again."""
    upgrade(either_url)
    first = table_names(either_url)
    downgrade(either_url, "base")
    between = table_names(either_url)
    upgrade(either_url)

    assert first == table_names(either_url) == {*declared(either_url).tables, "alembic_version"}
    assert between == {"alembic_version"}


def test_each_step_goes_back_and_up(either_url: str) -> None:
    """From every revision the schema can be taken on to the newest one."""
    config = Config()
    config.set_main_option("script_location", "ticker_server.catalog:migrations")
    upgrade(either_url)
    for script in ScriptDirectory.from_config(config).walk_revisions():
        downgrade(either_url, script.revision)
        upgrade(either_url)

    assert differences(either_url) == []


def test_upgrade_keeps_what_is_stored(either_url: str) -> None:
    """A database of the newest schema is left as it is."""
    upgrade(either_url)
    execute(either_url, """INSERT INTO "user" VALUES ('ana', 1)""")
    upgrade(either_url)

    assert execute(either_url, 'SELECT user_id FROM "user"') == [("ana",)]


def differences(url: str) -> list[Any]:
    """Return how a database differs from what the code declares."""
    engine = migration_engine(url)
    with engine.connect() as connection:
        options = {"compare_server_default": not url.startswith("sqlite")}  # it takes SQLite's counter for a default
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, declared(url)))


def test_migrated_schema_is_the_declared_one(either_url: str) -> None:
    """The tables that the migrations make are those that the code declares."""
    upgrade(either_url)

    assert differences(either_url) == []


STOCKS_OF_0001 = """INSERT INTO stock VALUES
    ('A', 'A', 'USD', 1, NULL, 7), ('B', 'B', 'USD', 1, 5, 9), ('C', 'C', 'USD', 1, NULL, 0)"""
CHANGES_OF_0001 = """INSERT INTO outbox (kind, stock_id, payload) VALUES
    ('stock_created', 'A', '{"name": "A", "currency": "USD", "create_time": 1, "hidden_through": 7}'),
    ('stock_created', 'C', '{"name": "C", "currency": "USD", "create_time": 1, "hidden_through": 0}'),
    ('stock_deleted', 'B', '{}')"""


def test_what_was_hidden_gets_the_epoch_of_its_file(url: str) -> None:
    """A SQLite file of revision 0001 hides the same prices afterwards, in the newest epoch of its own price log."""
    upgrade(url)
    downgrade(url, "0001")
    execute(url, "INSERT INTO log_epoch (epoch) VALUES ('former'), ('present')", STOCKS_OF_0001, CHANGES_OF_0001)
    upgrade(url)

    assert execute(url, "SELECT stock_id, hidden_through, hidden_epoch, ended_through FROM stock ORDER BY 1") == [
        ("A", 7, "present", 0),
        ("B", 9, "present", 0),
        ("C", 0, None, 0),
    ]
    payloads = [json.loads(payload) for (payload,) in execute(url, "SELECT payload FROM outbox ORDER BY revision")]
    assert [payload.get("hidden_epoch") for payload in payloads] == ["present", None, None]


def test_file_without_ticks_is_migrated(url: str) -> None:
    """A SQLite file of revision 0001 whose price log has no epoch yet has nothing to hide."""
    upgrade(url)
    downgrade(url, "0001")
    execute(url, STOCKS_OF_0001)
    upgrade(url)

    assert execute(url, "SELECT DISTINCT hidden_epoch FROM stock") == [(None,)]


def test_step_back_brings_no_subscription_back(either_url: str) -> None:
    """What ended with its stock is gone in the older schema, too, which could not tell it from the others."""
    upgrade(either_url)
    execute(
        either_url,
        """INSERT INTO "user" VALUES ('ana', 1), ('ben', 1)""",
        "INSERT INTO stock (stock_id, name, currency, create_time_ns, hidden_through, ended_through)"
        " VALUES ('A', 'A', 'USD', 1, 0, 5)",
        "INSERT INTO user_stock_subscription"
        " (user_id, stock_id, time_zone, revision, create_time_ns, update_time_ns)"
        " VALUES ('ana', 'A', 'UTC', 5, 1, 1), ('ben', 'A', 'UTC', 6, 1, 1)",
    )
    downgrade(either_url, "0001")

    assert execute(either_url, "SELECT user_id FROM user_stock_subscription") == [("ben",)]


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


def test_newer_schema_is_refused(either_url: str) -> None:
    """A database that a newer program has migrated is refused, and says so."""
    upgrade(either_url)
    execute(either_url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(DatabaseUnusable, match="9999, which this program is too old to know"):
        upgrade(either_url)
    with pytest.raises(DatabaseUnusable, match="9999"):
        downgrade(either_url, "base")


def test_database_of_another_program_is_refused(either_url: str) -> None:
    """A database that has a table of ours but was never migrated by us is refused and left alone."""
    execute(either_url, 'CREATE TABLE "user" (name TEXT)', """INSERT INTO "user" VALUES ('theirs')""")
    with pytest.raises(DatabaseUnusable, match="another program: user"):
        upgrade(either_url)

    assert execute(either_url, 'SELECT name FROM "user"') == [("theirs",)]


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


def test_processes_that_start_at_once_migrate_once(postgres_url: str) -> None:
    """Of four processes on an empty database one migrates, and the others wait and find it done."""
    script = f"from ticker_server.catalog.migrate import upgrade; upgrade({postgres_url!r})"
    processes = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True) for _ in range(4)]
    failures = [process.communicate(timeout=50)[1] for process in processes]

    assert failures == [""] * 4
    assert [process.returncode for process in processes] == [0] * 4
    assert differences(postgres_url) == []


def test_newest_schema_waits_for_nobody(postgres_url: str) -> None:
    """A process that starts on a migrated database neither waits for one that migrates nor locks anything."""
    upgrade(postgres_url)
    with psycopg.connect(postgres_url) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({migrate._MIGRATION_LOCK})".encode())
        other.execute("LOCK TABLE stock IN ACCESS EXCLUSIVE MODE")
        upgrade(postgres_url)


def test_migration_gives_way_and_tries_again(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that cannot have a table soon lets others go first, and is done once the table is free."""
    monkeypatch.setattr(migrate, "_LOCK_SECONDS", 0.05)
    monkeypatch.setattr(migrate, "_PAUSE_SECONDS", 0.01)
    upgrade(postgres_url)
    downgrade(postgres_url, "0001")
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE stock IN ACCESS SHARE MODE")
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            upgrade(postgres_url)
        with ThreadPoolExecutor(1) as pool:
            migration = pool.submit(upgrade, postgres_url)
            other.rollback()
            migration.result(timeout=30)

    assert differences(postgres_url) == []


def test_server_that_is_away_is_no_refusal(postgres: Postgres) -> None:
    """Where nobody listens the database is unavailable, by host and database and without the password."""
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1/ticker: .*refused") as caught:
        upgrade("postgresql://ana:geheim@127.0.0.1:1/ticker")

    assert "geheim" not in str(caught.value)


def test_server_that_refuses_makes_the_database_unusable(postgres: Postgres) -> None:
    """A wrong password or a database that is not there cannot be waited for."""
    with pytest.raises(DatabaseUnusable, match="password authentication failed") as caught:
        upgrade(postgres.url().replace("@", "geheim@"))
    with pytest.raises(DatabaseUnusable, match=r'/nothing: .*database "nothing" does not exist'):
        upgrade(postgres.url("nothing"))

    assert "geheim" not in str(caught.value)
    assert caught.value.exit_code == 4


def test_user_without_rights_is_refused(postgres_url: str) -> None:
    """A user that may make no tables is told so; on a migrated database it needs no such right."""
    role = f"reader_{postgres_url[-8:]}"
    other = postgres_url.replace("//ticker:", f"//{role}:")
    password = postgres_url.split("@", maxsplit=1)[0].rsplit(":", 1)[1]
    execute(postgres_url, f"CREATE ROLE {role} LOGIN PASSWORD '{password}'", "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    execute(postgres_url, f"GRANT USAGE ON SCHEMA public TO {role}")
    with pytest.raises(DatabaseUnusable, match="permission denied"):
        upgrade(other)
    upgrade(postgres_url)
    execute(postgres_url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    upgrade(other)
    execute(postgres_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
