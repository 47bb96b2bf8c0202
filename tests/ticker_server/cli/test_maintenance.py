from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from tests.support.broker import Broker
from tests.support.command_lines import Run
from ticker_server.catalog import upgrade
from ticker_server.ops.data_directory import locked_data_directory


def tables(url: str) -> set[str]:
    """Return the tables of a PostgreSQL database."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_embedded_file_is_migrated(ticker_server: Run) -> None:
    """Without flags the file of the data directory is made or brought up to date, and can be taken down again."""
    assert ticker_server("migrate") == (0, "the schema is the newest\n", "")
    with closing(sqlite3.connect(Path("ticker-data") / "ticker.db")) as connection:
        assert connection.execute("SELECT count(*) FROM stock").fetchone() == (0,)

    assert ticker_server("migrate", "--down", "base") == (0, "the schema is that of revision base\n", "")
    with closing(sqlite3.connect(Path("ticker-data") / "ticker.db")) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "stock" not in names


def test_file_in_use_is_not_migrated(ticker_server: Run) -> None:
    """While a server has the file, a migration is exit 4."""
    with locked_data_directory(Path("ticker-data")):
        code, _, errors = ticker_server("migrate")

    assert code == 4
    assert errors.startswith("error: DATA_DIRECTORY_UNUSABLE: ")


def test_unknown_revision(ticker_server: Run) -> None:
    """A revision that does not exist is exit 4 and one line."""
    code, output, errors = ticker_server("migrate", "--down", "9999")

    assert (code, output) == (4, "")
    assert errors.startswith("error: DATABASE_UNUSABLE: ")
    assert errors.count("\n") == 1


def test_production_is_migrated(
    ticker_server: Run, broker: Broker, postgres_url: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Kafka and PostgreSQL the schema is made, and the topics; again is no mistake, and down leaves the topics."""
    monkeypatch.setenv("TICKER_KAFKA_PARTITIONS", "3")
    flags = ["--kafka", broker.bootstrap_servers, "--database-url", postgres_url, "--topic-prefix", topic_prefix]
    flags += ["--log-level", "error"]
    done = f"the schema is the newest\nthe topics {topic_prefix}.prices and {topic_prefix}.subscriptions are there\n"

    assert ticker_server("migrate", *flags) == (0, done, "")
    assert ticker_server("migrate", *flags) == (0, done, "")
    assert {"stock", "user", "outbox", "latest_price"} <= tables(postgres_url)

    assert ticker_server("migrate", *flags, "--down", "base")[0] == 0
    assert "stock" not in tables(postgres_url)


def test_topic_that_differs(
    ticker_server: Run, broker: Broker, postgres_url: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic with fewer partitions than set is exit 5 and one line that names it."""
    flags = ["--kafka", broker.bootstrap_servers, "--database-url", postgres_url, "--topic-prefix", topic_prefix]
    flags += ["--log-level", "error"]
    monkeypatch.setenv("TICKER_KAFKA_PARTITIONS", "2")
    assert ticker_server("migrate", *flags)[0] == 0

    monkeypatch.setenv("TICKER_KAFKA_PARTITIONS", "3")
    code, _, errors = ticker_server("migrate", *flags)

    assert code == 5
    assert errors.startswith("error: PRICE_LOG_UNUSABLE: ")
    assert f"{topic_prefix}.prices" in errors
    assert errors.count("\n") == 1


def test_brokers_that_are_away(ticker_server: Run, postgres_url: str) -> None:
    """Brokers that do not answer are exit 5."""
    code, _, errors = ticker_server("migrate", "--kafka", "127.0.0.1:1", "--database-url", postgres_url)

    assert code == 5
    assert errors.startswith("error: PRICE_LOG_UNUSABLE: ")


def test_database_that_is_away(ticker_server: Run) -> None:
    """A database that does not answer is exit 4."""
    code, _, errors = ticker_server(
        "migrate", "--kafka", "127.0.0.1:1", "--database-url", "postgresql://127.0.0.1:1/ticker"
    )

    assert code == 4
    assert errors.startswith("error: DATABASE_UNUSABLE: ")


SUBSCRIPTIONS = "user_id,stock_id,frequency,days\nana,AAPL,1s,mon|tue\nana,NONE,1s,\nben,AAPL,,\n"


@pytest.fixture(params=["embedded", "production"])
def database_flags(request: pytest.FixtureRequest, ticker_server: Run) -> list[str]:
    """Return the flags of a database with the stock AAPL, of either profile."""
    if request.param == "embedded":
        flags, path = ["--data-dir", "data"], Path("data") / "ticker.db"
        assert ticker_server("migrate", *flags)[0] == 0
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("INSERT INTO stock VALUES ('AAPL', 'Apple', 'USD', 0, NULL, 0, NULL, 0)")
            connection.commit()
        return flags
    url = request.getfixturevalue("postgres_url")
    upgrade(url)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO stock (stock_id, name, currency, create_time_ns, hidden_through, ended_through)"
            " VALUES ('AAPL', 'Apple', 'USD', 0, 0, 0)"
        )
    engine.dispose()
    return ["--database-url", url]


def test_subscriptions_are_imported(ticker_server: Run, database_flags: list[str]) -> None:
    """Good rows are stored and bad ones named, which the exit code tells; the same file again changes nothing."""
    Path("wishes.csv").write_text(SUBSCRIPTIONS)

    code, output, errors = ticker_server("import", "--subscriptions", "wishes.csv", *database_flags)
    assert code == 1
    assert output.startswith("imported 2, unchanged 0, replaced 0, rejected 1 in ")
    assert "line 3: STOCK_NOT_FOUND: " in errors

    code, output, _ = ticker_server("import", "--subscriptions", "wishes.csv", *database_flags)
    assert code == 1
    assert output.startswith("imported 0, unchanged 2, replaced 0, rejected 1 in ")


def test_users_are_imported(ticker_server: Run, database_flags: list[str]) -> None:
    """A file of users without a fault is exit 0."""
    Path("users.csv").write_text("user_id\nana\nben\n")

    code, output, _ = ticker_server("import", "--users", "users.csv", *database_flags)

    assert code == 0
    assert output.startswith("imported 2, unchanged 0, replaced 0, rejected 0 in ")


def test_import_needs_one_file(ticker_server: Run) -> None:
    """Neither file, or both, is exit 2; so is one that is not there."""
    expected = (2, "", "error: INVALID_SETTING: give one of --users and --subscriptions\n")
    assert ticker_server("import") == expected
    assert ticker_server("import", "--users", "a", "--subscriptions", "b") == expected

    code, _, errors = ticker_server("import", "--users", "none.csv")
    assert code == 2
    assert errors.startswith("error: FILE_NOT_FOUND: ")


def test_import_while_a_server_has_the_file(ticker_server: Run) -> None:
    """While a server has the data directory, an import is exit 4."""
    Path("users.csv").write_text("user_id\nana\n")
    with locked_data_directory(Path("ticker-data")):
        code, _, errors = ticker_server("import", "--users", "users.csv")

    assert code == 4
    assert errors.startswith("error: DATA_DIRECTORY_UNUSABLE: ")
