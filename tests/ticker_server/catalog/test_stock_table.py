"""The table of stocks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ticker_server.catalog.database import Database
from ticker_server.catalog.stock_table import StockTable, StoredStock
from ticker_server.model.stock import Stock

APPLE = Stock("AAPL", "Apple", "USD", 1)


@pytest.fixture
async def stocks(database: Database) -> AsyncIterator[StockTable]:
    """Return the table within a transaction, with one stock in it."""
    async with database.writing() as connection:
        table = StockTable(connection)
        await table.insert(APPLE)
        yield table


async def test_stock_is_stored_once(stocks: StockTable) -> None:
    """A second stock of the same id changes nothing and says so."""
    assert not await stocks.insert(Stock("AAPL", "Other", "EUR", 2))
    assert await stocks.find("AAPL") == APPLE


async def test_tombstone_is_stored_but_not_listed(stocks: StockTable) -> None:
    """A buried stock is neither found nor listed, yet it can be locked, and replaced to be listed again."""
    await stocks.bury("AAPL", at=5, revision=1)
    assert await stocks.find("AAPL") is None
    assert await stocks.list_after("", None) == []
    assert await stocks.keep_listed({"AAPL"}) == set()
    assert await stocks.lock("AAPL") == StoredStock(APPLE, listed=False)

    await stocks.replace(APPLE)
    assert await stocks.lock("AAPL") == StoredStock(APPLE, listed=True)


async def test_unknown_stock_is_none(stocks: StockTable) -> None:
    """What was never stored is not there."""
    assert await stocks.find("MSFT") is None
    assert await stocks.lock("MSFT") is None
    assert await stocks.keep_listed({"AAPL", "MSFT"}) == {"AAPL"}


async def test_list_is_ordered_by_code_point(stocks: StockTable) -> None:
    """Stocks come in the order of Python's own comparison."""
    for stock_id in ("BRKA", "BRK.B", "BRK-C", "9X", "Z"):
        await stocks.insert(Stock(stock_id, stock_id, "USD", 1))
    listed = [stock.stock_id for stock in await stocks.list_after("", None)]

    assert listed == sorted(listed) == ["9X", "AAPL", "BRK-C", "BRK.B", "BRKA", "Z"]
    assert [stock.stock_id for stock in await stocks.list_after("AAPL", 2)] == ["BRK-C", "BRK.B"]
