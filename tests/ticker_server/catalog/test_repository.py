"""All tables within one transaction."""

from __future__ import annotations

import pytest

from ticker_server.catalog.database import Database
from ticker_server.catalog.outbox_table import NO_REVISION
from ticker_server.catalog.repository import Repository
from ticker_server.model.change import StockCreated
from ticker_server.model.stock import Stock

STOCK = Stock("AAPL", "Apple", "USD", 1)


async def write_and_fail(database: Database) -> None:
    """Write to several tables and fail before the commit."""
    async with database.writing() as connection:
        repository = Repository(connection)
        await repository.users.insert_missing(["ana"], 1)
        await repository.stocks.insert(STOCK)
        await repository.outbox.append([StockCreated(STOCK, NO_REVISION)])
        raise KeyError


async def test_tables_share_one_transaction(database: Database) -> None:
    """What is written to several tables is there altogether or, when the transaction fails, not at all."""
    with pytest.raises(KeyError):
        await write_and_fail(database)
    async with database.reading() as connection:
        repository = Repository(connection)
        assert await repository.users.find("ana") is None
        assert await repository.stocks.find("AAPL") is None
        assert await repository.outbox.list_oldest(1) == []
        assert await repository.subscriptions.count(["ana"]) == {}
