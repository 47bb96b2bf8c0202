"""Finding damage in a SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine

from ticker_server.catalog.integrity import find_damage

PAGE = 4096


@pytest.fixture
def file(sqlite_file: Path) -> Path:
    """Return a migrated file with some pages of ticks and of users."""
    with closing(sqlite3.connect(sqlite_file)) as connection, connection:
        connection.executemany("INSERT INTO user VALUES (?, 0)", ((f"{number:060}",) for number in range(1000)))
        connection.executemany(
            "INSERT INTO price_tick (stock_id, price, size, trade_time_ns, accept_time_ns, tick_number)"
            " VALUES ('AAPL', '167.42', '', 0, 0, ?)",
            ((number,) for number in range(1000)),
        )
    return sqlite_file


def spoil(file: Path, table: str) -> None:
    """Overwrite the root page of a table."""
    with closing(sqlite3.connect(file)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    content = bytearray(file.read_bytes())
    content[(page - 1) * PAGE : page * PAGE] = b"\xff" * PAGE
    file.write_bytes(content)


def damage(file: Path, **arguments: int) -> str | None:
    """Return what is found in a file."""
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with engine.connect() as connection:
        return find_damage(connection, **arguments)


@pytest.mark.parametrize("whole_check_bytes", [0, 2**40])
def test_sound_file_has_no_damage(file: Path, whole_check_bytes: int) -> None:
    """A sound file passes, however much of it is checked."""
    assert damage(file, whole_check_bytes=whole_check_bytes) is None


@pytest.mark.parametrize("table", ["user", "price_tick"])
def test_damage_in_a_small_file_is_found_anywhere(file: Path, table: str) -> None:
    """A small file is checked as a whole."""
    spoil(file, table)

    assert damage(file)


def test_large_file_is_checked_but_for_its_ticks(file: Path) -> None:
    """Of a large file everything but the ticks is checked."""
    spoil(file, "price_tick")
    assert damage(file, whole_check_bytes=0) is None

    spoil(file, "user")
    assert damage(file, whole_check_bytes=0)
