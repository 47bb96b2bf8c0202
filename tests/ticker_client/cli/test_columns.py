"""Which column is which field."""

from __future__ import annotations

import pytest

from ticker_client.cli.columns import Columns, parse_column_map, resolve_columns
from ticker_client.cli.failures import CommandError

HEADER = ("Ticker", "Date", "Open", "High", "Low", "Close", "Volume", "Adj Close")
MAPS = ["stock_id=Ticker", "price=Open,High,Low,Close", "size=Volume", "trade_time=Date"]


def test_a_map_names_the_columns_of_fields() -> None:
    """Mapped fields are found under their columns' names, several prices in the order of the map."""
    columns = resolve_columns(HEADER, parse_column_map(MAPS), has_stock=False)

    assert columns == Columns(header=HEADER, stock_id=0, prices=(2, 3, 4, 5), size=6, trade_time=1)


def test_a_column_may_have_a_space_in_its_name() -> None:
    """A column's name is taken as it is, blanks at its ends aside."""
    columns = resolve_columns(HEADER, parse_column_map(["price= Adj Close "]), has_stock=True)

    assert columns.prices == (7,)


def test_fields_without_a_map_are_found_by_their_own_names() -> None:
    """Without a map the columns are called as the fields, in any case; size and trade time may be absent."""
    columns = resolve_columns((" Price ", "STOCK_ID", "volume"), {}, has_stock=False)

    assert columns == Columns(
        header=("Price", "STOCK_ID", "volume"), stock_id=1, prices=(0,), size=None, trade_time=None
    )


def test_one_stock_for_all_rows_needs_no_column() -> None:
    """A stock column is not looked for when one stock was named for the file."""
    columns = resolve_columns(("price", "stock_id"), {}, has_stock=True)

    assert columns.stock_id is None


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("price", "write FIELD=COLUMN"),
        ("price=", "write FIELD=COLUMN"),
        ("price=Open,,Close", "write FIELD=COLUMN"),
        ("cost=Open", "the fields are stock_id, price, size, trade_time"),
        ("size=Volume,Count", "only price"),
    ],
)
def test_a_malformed_map_is_refused(option: str, message: str) -> None:
    """A map option that names no field or no column is a usage error."""
    with pytest.raises(CommandError, match=message) as caught:
        parse_column_map([option])

    assert caught.value.exit_code == 2


def test_a_field_is_mapped_once() -> None:
    """A second map of the same field is refused, with the way to write several columns."""
    with pytest.raises(CommandError, match="price=Open,Close"):
        parse_column_map(["price=Open", "price=Close"])


@pytest.mark.parametrize(
    ("header", "maps", "reason", "message"),
    [
        (("stock_id", "Close"), [], "MISSING_COLUMN", '"price" among stock_id, Close; --map'),
        (("Ticker", "price"), [], "MISSING_COLUMN", '"stock_id"'),
        (("stock_id", "price"), ["price=close"], "MISSING_COLUMN", '"close" among stock_id, price$'),
        (("stock_id", "price", "PRICE"), [], "AMBIGUOUS_COLUMN", "2 columns"),
        (("stock_id", "Close", "Close"), ["price=Close"], "AMBIGUOUS_COLUMN", '"Close"'),
    ],
)
def test_a_column_that_is_not_there_once_is_named(
    header: tuple[str, ...], maps: list[str], reason: str, message: str
) -> None:
    """A missing or doubled column is named together with what the file has."""
    with pytest.raises(CommandError, match=message) as caught:
        resolve_columns(header, parse_column_map(maps), has_stock=False)

    assert caught.value.reason == reason
