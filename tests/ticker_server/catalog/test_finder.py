from __future__ import annotations

import pytest

from tests.support.virtual_clock import VirtualClock
from ticker_server.catalog.directory import StockDirectory
from ticker_server.catalog.finder import StockFinder
from ticker_server.errors import DatabaseUnavailable, StockNotFound
from ticker_server.model.stock import Stock

AAPL, MSFT = (Stock(stock_id, stock_id, "USD", 0) for stock_id in ("AAPL", "MSFT"))


class Database:
    """A database that has some stocks, or is away; counts what it is asked."""

    def __init__(self, *stocks: Stock) -> None:
        self.stocks = {stock.stock_id: stock for stock in stocks}
        self.is_away = False
        self.asked: list[str] = []

    async def get_stock(self, stock_id: str) -> Stock:
        """Return a stock."""
        self.asked.append(stock_id)
        if self.is_away:
            raise DatabaseUnavailable("away")
        if stock_id not in self.stocks:
            raise StockNotFound(stock_id)
        return self.stocks[stock_id]


@pytest.fixture
def directory() -> StockDirectory:
    """Return a directory that knows AAPL."""
    directory = StockDirectory()
    directory.load([AAPL])
    return directory


async def test_known_stock_needs_no_database(directory: StockDirectory, clock: VirtualClock) -> None:
    """What the directory knows is not asked for."""
    database = Database()

    assert await StockFinder(directory, database.get_stock, clock).find("AAPL") is AAPL
    assert database.asked == []


async def test_stock_of_another_gateway_is_found(directory: StockDirectory, clock: VirtualClock) -> None:
    """A stock that the directory has yet to hear of is found in the database."""
    assert await StockFinder(directory, Database(MSFT).get_stock, clock).find("MSFT") is MSFT


@pytest.mark.parametrize("is_away", [False, True])
async def test_missing_stock_is_not_asked_for_again_and_again(
    directory: StockDirectory, clock: VirtualClock, *, is_away: bool
) -> None:
    """What does not exist, or cannot be asked for, is asked for again after a quarter of a second and not before."""
    database = Database()
    database.is_away = is_away
    finder = StockFinder(directory, database.get_stock, clock)

    assert await finder.find("MSFT") is None
    assert await finder.find("MSFT") is None
    assert database.asked == ["MSFT"]
    database.is_away = False
    database.stocks["MSFT"] = MSFT
    clock.advance(0.25)
    assert await finder.find("MSFT") is MSFT


async def test_memory_of_missing_stocks_is_bounded(directory: StockDirectory, clock: VirtualClock) -> None:
    """Whoever asks for ever new ids does not fill the memory."""
    finder = StockFinder(directory, Database().get_stock, clock)

    for number in range(10_050):
        await finder.find(f"S{number}")

    assert len(finder._missing) <= 10_000
