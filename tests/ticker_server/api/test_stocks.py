"""The StockService."""

from __future__ import annotations

from typing import Any

import pytest
from ticker.v1 import stock_service_pb2

from ticker_server.api.caller import Caller
from ticker_server.api.stocks import StockServicer
from ticker_server.errors import InvalidArgument, StockNotFound

CALLER = Caller()


@pytest.fixture
def servicer(catalog: Any) -> StockServicer:
    """A servicer over an empty catalog."""
    return StockServicer(catalog)


def create(stock_id: str, **fields: str) -> stock_service_pb2.CreateStockRequest:
    """Return a request that creates a stock."""
    return stock_service_pb2.CreateStockRequest(stock_id=stock_id, **fields)


async def test_created_stock_is_returned(servicer: StockServicer, clock: Any) -> None:
    """A created stock has its defaults and is found afterwards."""
    created = await servicer.create_stock(create("AAPL"), CALLER)

    assert (created.stock_id, created.name, created.currency) == ("AAPL", "AAPL", "USD")
    assert created.create_time.ToNanoseconds() == clock.now
    assert await servicer.get_stock(stock_service_pb2.GetStockRequest(stock_id="AAPL"), CALLER) == created


async def test_name_and_currency_are_kept(servicer: StockServicer) -> None:
    """Name and currency of a request reach the catalog."""
    created = await servicer.create_stock(create("SAP", name="SAP SE", currency="EUR"), CALLER)

    assert (created.name, created.currency) == ("SAP SE", "EUR")


async def test_bad_stock_is_not_created(servicer: StockServicer, catalog: Any) -> None:
    """A bad request changes nothing."""
    with pytest.raises(InvalidArgument):
        await servicer.create_stock(create("AAPL", currency="usd"), CALLER)

    assert not catalog.stocks


async def test_pages_hold_all_stocks_once(servicer: StockServicer) -> None:
    """Page after page, each stock comes once, in order; the last page has no token."""
    for number in range(25):
        await servicer.create_stock(create(f"S{number:02}"), CALLER)

    seen: list[str] = []
    request = stock_service_pb2.ListStocksRequest(page_size=10)
    while True:
        page = await servicer.list_stocks(request, CALLER)
        seen += [stock.stock_id for stock in page.stocks]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert seen == [f"S{number:02}" for number in range(25)]


async def test_stock_is_renamed(servicer: StockServicer) -> None:
    """UpdateStock gives a stock its new name."""
    await servicer.create_stock(create("FB"), CALLER)

    renamed = await servicer.update_stock(stock_service_pb2.UpdateStockRequest(stock_id="FB", name="Meta"), CALLER)

    assert renamed.name == "Meta"


async def test_deleted_stock_is_gone(servicer: StockServicer) -> None:
    """DeleteStock says how many subscriptions ended, and the stock is gone."""
    await servicer.create_stock(create("FB"), CALLER)

    deleted = await servicer.delete_stock(stock_service_pb2.DeleteStockRequest(stock_id="FB"), CALLER)

    assert deleted.ended_subscriptions == 0
    with pytest.raises(StockNotFound):
        await servicer.get_stock(stock_service_pb2.GetStockRequest(stock_id="FB"), CALLER)


@pytest.mark.parametrize(
    ("method", "request_type"),
    [
        ("get_stock", stock_service_pb2.GetStockRequest),
        ("update_stock", stock_service_pb2.UpdateStockRequest),
        ("delete_stock", stock_service_pb2.DeleteStockRequest),
    ],
)
async def test_bad_id_is_refused(servicer: StockServicer, method: str, request_type: type[Any]) -> None:
    """Every method that names a stock refuses what cannot be one."""
    with pytest.raises(InvalidArgument, match=r"^INVALID_STOCK_ID: "):
        await getattr(servicer, method)(request_type(stock_id="aapl"), CALLER)
