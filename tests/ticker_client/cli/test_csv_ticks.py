"""From rows to ticks."""

from __future__ import annotations

import re
from datetime import UTC
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_client.cli.columns import Columns
from ticker_client.cli.csv_ticks import BadRow, CsvTick, RowReader, TickRow, is_stock_id
from ticker_client.cli.records import Record

SECOND = 1_000_000_000
NOW = 1_372_680_000 * SECOND
HEADER = ("stock_id", "trade_time", "open", "close", "size")
READER = RowReader(Columns(HEADER, stock_id=0, prices=(2, 3), size=4, trade_time=1), "", UTC, latest=NOW)


def read(*cells: str, index: int = 1) -> TickRow | BadRow:
    """Return what the cells of line 7 are."""
    return READER.row(Record(index, 7, cells))


def test_a_row_makes_a_tick_for_each_price_column() -> None:
    """Prices keep their order and digits, the size goes with the last, and the numbers run on from row to row."""
    at = 1_372_636_800 * SECOND

    assert read(" AAPL ", "2013-07-01", "118.560", "130.31", "9616100", index=3) == TickRow(
        7, (CsvTick("AAPL", "118.560", "", at, 5), CsvTick("AAPL", "130.31", "9616100", at, 6))
    )


def test_size_and_trade_time_may_be_left_out() -> None:
    """An empty size is unknown, and an empty trade time is left to the server."""
    row = read("AAPL", "", "1", "2", "")

    assert isinstance(row, TickRow)
    assert [(tick.size, tick.trade_time) for tick in row.ticks] == [("", None), ("", None)]


def test_one_stock_stands_for_all_rows() -> None:
    """A stock that was named for the file is the stock of its ticks."""
    reader = RowReader(Columns(("price",), stock_id=None, prices=(0,), size=None, trade_time=None), "FB", UTC, NOW)

    assert reader.row(Record(1, 2, ("1",))) == TickRow(2, (CsvTick("FB", "1", "", None, 1),))


@pytest.mark.parametrize(
    ("cells", "reason", "message"),
    [
        (("AAPL", "", "1", "abc", ""), "INVALID_PRICE", 'close "abc"'),
        (("AAPL", "", "-1", "1", ""), "INVALID_PRICE", 'open "-1"'),
        (("AAPL", "", "0.000", "1", ""), "INVALID_PRICE", "above zero"),
        (("AAPL", "", "NaN", "1", ""), "INVALID_PRICE", "NaN"),
        (("AAPL", "", "1e400", "1", ""), "INVALID_PRICE", "1e400"),
        (("AAPL", "", "", "1", ""), "INVALID_PRICE", 'open ""'),
        (("AAPL", "", "167.4200000001", "1", ""), "INVALID_PRICE", "at most 9 after a point"),
        (("AAPL", "", "1234567890123", "1", ""), "INVALID_PRICE", "1-12 digits"),
        (("AAPL", "", "1,5", "1", ""), "INVALID_PRICE", "1,5"),
        (("AAPL", "", "\u0661", "1", ""), "INVALID_PRICE", "\u0661"),
        (("AAPL", "", "1", "1", "-3"), "INVALID_SIZE", 'size "-3"'),
        (("aapl", "", "1", "1", ""), "INVALID_STOCK_ID", 'stock_id "aapl"'),
        (("A" * 40, "", "1", "1", ""), "INVALID_STOCK_ID", "1-16 characters"),
        (("", "", "1", "1", ""), "INVALID_STOCK_ID", 'stock_id ""'),
        (("AAPL", "soon", "1", "1", ""), "INVALID_TRADE_TIME", 'trade_time "soon"'),
        (("AAPL", "2013-07-02", "1", "1", ""), "INVALID_TRADE_TIME", "in the future"),
        (("AAPL", "", "1"), "INVALID_ROW", "it has 3 columns, the header has 5"),
        (("AAPL", "", "x\x1b[31m" * 50, "1", ""), "INVALID_PRICE", r"x\x1b[31m"),
    ],
)
def test_a_row_that_breaks_a_rule_says_which(cells: tuple[str, ...], reason: str, message: str) -> None:
    """A bad row names its line, the reason and the cell, and costs all ticks of the row."""
    bad = read(*cells)

    assert isinstance(bad, BadRow)
    assert (bad.line, bad.reason, bad.tick_count) == (7, reason, 2)
    assert message in bad.message
    assert len(bad.message) < 300
    assert bad.message.isprintable()


def test_a_row_that_is_no_csv_is_a_bad_row() -> None:
    """A record that could not be read is told with its fault."""
    assert READER.row(Record(1, 9, (), error="unexpected end of data")) == BadRow(
        9, "INVALID_ROW", "unexpected end of data", 2
    )


@given(st.text(alphabet="0123456789.eE+-, ", max_size=24) | st.text(max_size=8))
def test_a_price_is_taken_only_as_it_stands(text: str) -> None:
    """Whatever the cell, a tick has the very digits of it and is above zero, or there is no tick."""
    row = read("AAPL", "", text, "1", "")

    if isinstance(row, TickRow):
        assert row.ticks[0].price == text.strip()
        assert Decimal(row.ticks[0].price) > 0
    else:
        well_formed = re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text.strip())
        assert well_formed is None or Decimal(text.strip()) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("AAPL", True), ("BRK.B", True), ("0-1", True), (".A", False), ("", False), ("AAPL\n", False)],
)
def test_the_form_of_a_stock_id(text: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """A stock id begins with a capital or a digit and has at most 16 characters."""
    assert is_stock_id(text) is expected
