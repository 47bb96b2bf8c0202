"""What CreateStock does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from ticker_server.catalog.service import Catalog
from ticker_server.errors import StockAlreadyExists, StockNotFound
from ticker_server.model.change import StockCreated, StockDeleted
from ticker_server.model.stock import Stock


async def test_new_stock_takes_defaults(bench: Any) -> None:
    """A stock created by its id alone is named by it and quoted in USD, and the change is told after the commit."""
    stock = await bench.catalog.create_stock("AAPL", name=None, currency=None)

    assert stock == Stock("AAPL", "AAPL", "USD", bench.clock.now)
    assert bench.committed == [StockCreated(stock, 1)]
    assert await bench.catalog.get_stock("AAPL") == stock


@pytest.mark.parametrize(("name", "currency"), [(None, None), ("Apple", None), (None, "EUR"), ("Apple", "EUR")])
async def test_same_stock_again_is_returned(bench: Any, name: str | None, currency: str | None) -> None:
    """Creating what exists returns it and changes nothing; what is omitted is not compared."""
    stock = await bench.catalog.create_stock("AAPL", name="Apple", currency="EUR")
    bench.clock.now += 1

    assert await bench.catalog.create_stock("AAPL", name=name, currency=currency) == stock
    assert len(bench.committed) == 1


@pytest.mark.parametrize(
    ("name", "currency", "message"),
    [
        ("Apples", None, 'exists with name "Apple", not "Apples"'),
        (None, "USD", 'exists with currency EUR, not "USD"'),
        ("Apples", "USD", 'exists with name "Apple", not "Apples" and currency EUR, not "USD"'),
    ],
)
async def test_other_content_is_refused(bench: Any, name: str | None, currency: str | None, message: str) -> None:
    """Creating what exists with other content names each field that differs, and changes nothing."""
    stock = await bench.catalog.create_stock("AAPL", name="Apple", currency="EUR")
    with pytest.raises(StockAlreadyExists) as caught:
        await bench.catalog.create_stock("AAPL", name=name, currency=currency)

    assert str(caught.value) == f'STOCK_ALREADY_EXISTS: stock "AAPL" {message}'
    assert await bench.catalog.get_stock("AAPL") == stock
    assert len(bench.committed) == 1


async def test_deleted_stock_comes_back_without_its_prices(bench: Any) -> None:
    """A stock created again keeps its currency, takes a new name and time, and hides what came before."""
    await bench.catalog.create_stock("AAPL", name="Apple", currency="EUR")
    await bench.catalog.delete_stock("AAPL")
    bench.newest["AAPL"] = 42
    bench.clock.now += 10
    stock = await bench.catalog.create_stock("AAPL", name=None, currency=None)

    assert stock == Stock("AAPL", "AAPL", "EUR", bench.clock.now, hidden_through=42, hidden_epoch="epoch-1")
    assert await bench.catalog.get_stock("AAPL") == stock
    assert bench.committed[1:] == [StockDeleted("AAPL", 2), StockCreated(stock, 3)]


async def test_hidden_prices_stay_hidden(bench: Any) -> None:
    """A second new life hides at least what the first one hid, even if the newest sequence is not known just then."""
    await bench.catalog.create_stock("AAPL", name=None, currency=None)
    for newest in (42, 0):
        bench.newest["AAPL"] = newest
        await bench.catalog.delete_stock("AAPL")
        stock = await bench.catalog.create_stock("AAPL", name=None, currency=None)

        assert stock.hidden_through == 42


async def test_what_is_hidden_counts_in_its_epoch(bench: Any) -> None:
    """After a change of the price log a new life hides the new log's ticks, however low their sequences are."""
    await bench.catalog.create_stock("AAPL", name=None, currency=None)
    for epoch, newest in (("epoch-1", 42), ("epoch-2", 7)):
        bench.epoch, bench.newest["AAPL"] = epoch, newest
        await bench.catalog.delete_stock("AAPL")
        stock = await bench.catalog.create_stock("AAPL", name=None, currency=None)

        assert (stock.hidden_through, stock.hidden_epoch) == (newest, epoch)
        assert await bench.catalog.get_stock("AAPL") == stock


async def test_older_sequence_uncovers_nothing(bench: Any) -> None:
    """A gateway that knows less than the one that hid the prices does not bring them back."""
    await bench.catalog.create_stock("AAPL", name=None, currency=None)
    for newest in (42, 41):
        bench.newest["AAPL"] = newest
        await bench.catalog.delete_stock("AAPL")
        stock = await bench.catalog.create_stock("AAPL", name=None, currency=None)

    assert stock.hidden_through == 42


async def test_tombstone_keeps_the_currency(bench: Any) -> None:
    """A deleted stock cannot come back in another currency, and stays deleted then."""
    await bench.catalog.create_stock("AAPL", name="Apple", currency="EUR")
    await bench.catalog.delete_stock("AAPL")
    with pytest.raises(StockAlreadyExists, match=r'EUR \(it was deleted, but keeps its currency\), not "USD"'):
        await bench.catalog.create_stock("AAPL", name="Other", currency="USD")
    with pytest.raises(StockNotFound):
        await bench.catalog.get_stock("AAPL")

    assert (await bench.catalog.create_stock("AAPL", name="Other", currency="EUR")).name == "Other"


async def test_one_of_many_creators_creates(bench: Any) -> None:
    """Of many that create one stock at once, one does and all get the same."""
    stocks = await asyncio.gather(*(bench.catalog.create_stock("AAPL", name=None, currency=None) for _ in range(8)))

    assert len(set(stocks)) == 1
    assert len(bench.committed) == 1


async def test_gateways_create_one_stock(postgres_catalogs: Sequence[Catalog]) -> None:
    """Of two gateways that create one stock at once, in its first or its second life, both get the same."""
    for round_ in range(10):
        created = await asyncio.gather(
            *(catalog.create_stock("AAPL", name=None, currency=None) for catalog in postgres_catalogs)
        )
        deleted = await asyncio.gather(
            *(catalog.delete_stock("AAPL") for catalog in postgres_catalogs), return_exceptions=True
        )

        assert created[0] == created[1], round_
        assert sorted(type(each).__name__ for each in deleted) == ["StockNotFound", "int"]


async def test_creator_and_deleter_meet(postgres_catalogs: Sequence[Catalog]) -> None:
    """Where one gateway deletes a stock and another one creates it at once, either may come last, and both answer."""
    one, other = postgres_catalogs
    for _ in range(10):
        await one.create_stock("AAPL", name=None, currency=None)
        _, stock = await asyncio.gather(one.delete_stock("AAPL"), other.create_stock("AAPL", name=None, currency=None))
        listed = await one.list_stocks()

        assert stock.stock_id == "AAPL"
        assert [each.stock_id for each in listed] in ([], ["AAPL"])
