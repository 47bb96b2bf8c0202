"""The tables of the embedded price log."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ticker_server.catalog.log_tables import log_metadata


def test_log_tables_exist_in_sqlite(sqlite_file: Path) -> None:
    """A migrated SQLite file has the tables of the price log with their columns."""
    with closing(sqlite3.connect(sqlite_file)) as connection:
        for table in log_metadata.sorted_tables:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")]
            assert columns == [column.name for column in table.columns]


def test_sequence_is_never_used_twice(sqlite_file: Path) -> None:
    """A tick gets a new sequence even when all ticks before it were pruned."""
    insert = "INSERT INTO price_tick (stock_id, price, size, trade_time_ns, accept_time_ns, tick_number) VALUES (?,?,?,?,?,?)"
    with closing(sqlite3.connect(sqlite_file)) as connection:
        first = connection.execute(insert, ("AAPL", "1", "", 1, 1, 1)).lastrowid
        connection.execute("DELETE FROM price_tick")
        second = connection.execute(insert, ("AAPL", "1", "", 1, 1, 2)).lastrowid

    assert (first, second) == (1, 2)


def test_epoch_stands_once(sqlite_file: Path) -> None:
    """An epoch cannot be stored twice."""
    with closing(sqlite3.connect(sqlite_file)) as connection:
        connection.execute("INSERT INTO log_epoch (epoch) VALUES ('e')")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO log_epoch (epoch) VALUES ('e')")
