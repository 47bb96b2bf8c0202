"""The bars that the embedded log writes with its ticks."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticker_server.feed.sqlite.bar_table import add_bars
from ticker_server.model.bar import Bar, Mark, bar_of, merged
from ticker_server.model.minute_bars import MINUTE
from ticker_server.model.tick import AcceptedTick

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B"]),
        st.sampled_from(["7", "7.50", "123456789012.123456789", "0.000000001"]),
        st.sampled_from(["", "0", "999999999999.999999999", "2.5"]),
        st.one_of(st.integers(-MINUTE, MINUTE), st.just(-(2**63))),
    ),
    max_size=20,
)


@pytest.fixture
def connection(tmp_path: Path, migrated_file: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection to a migrated, empty file."""
    with closing(sqlite3.connect(shutil.copy(migrated_file, tmp_path), isolation_level=None)) as opened:
        yield opened


def stored(connection: sqlite3.Connection) -> dict[tuple[str, int], Bar]:
    """Return what is stored by stock and start."""
    bars = {}
    for stock_id, minute, epoch, *values in connection.execute("SELECT * FROM minute_bar"):
        decimals = [Decimal(text) for text in values[:5]]
        marks = Mark(values[8], epoch, values[9]), Mark(values[10], epoch, values[11])
        bars[stock_id, minute * MINUTE] = Bar(
            stock_id, minute * MINUTE, *decimals, values[5], epoch, *values[6:8], *marks
        )
    return bars


@settings(max_examples=30)
@given(ROWS, st.integers(1, 20))
def test_bars_are_those_of_the_ticks(migrated_file: Path, rows: list[tuple[str, str, str, int]], group: int) -> None:
    """However ticks are divided into commits, the bars are those that follow from all of them, to the last digit."""
    ticks = [AcceptedTick(stock, price, size, time, 0, n, n) for n, (stock, price, size, time) in enumerate(rows, 1)]
    expected: dict[tuple[str, int], list[Bar]] = {}
    for tick in ticks:
        bar = bar_of(tick, 1, MINUTE)
        expected.setdefault((bar.stock_id, bar.start), []).append(bar)
    with TemporaryDirectory() as folder, closing(sqlite3.connect(shutil.copy(migrated_file, folder))) as connection:
        for start in range(0, len(ticks), group):
            add_bars(connection, ticks[start : start + group])

        assert stored(connection) == {place: reduce(merged, bars) for place, bars in expected.items()}


def test_decimals_are_written_out(connection: sqlite3.Connection) -> None:
    """A small price stands with all its digits, not as a power of ten."""
    add_bars(connection, [AcceptedTick("A", "0.000000001", "", 0, 0, 1, 1)])

    assert connection.execute("SELECT open_text, volume_text FROM minute_bar").fetchall() == [("0.000000001", "0")]


def test_bars_are_of_the_epoch(connection: sqlite3.Connection) -> None:
    """Bars of a new log epoch stand beside those of the former one."""
    tick = AcceptedTick("A", "7", "", 0, 0, 1, 1)
    connection.execute("INSERT INTO log_epoch (epoch) VALUES ('one')")
    add_bars(connection, [tick])
    connection.execute("INSERT INTO log_epoch (epoch) VALUES ('two')")
    add_bars(connection, [tick])

    assert connection.execute("SELECT epoch_ordinal, tick_count FROM minute_bar").fetchall() == [(1, 1), (2, 1)]
