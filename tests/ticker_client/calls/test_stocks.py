"""Calls of the StockService."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import stock_service_pb2 as wire

from tests.ticker_client.scripted_server import Refuse, ScriptedServer
from ticker_client import AlreadyExists, Stock, TickerClient

APPLE = wire.Stock(stock_id="AAPL", name="Apple", currency="USD", create_time=Timestamp(seconds=86_400))
STOCK = Stock("AAPL", "Apple", "USD", datetime(1970, 1, 2, tzinfo=UTC))


async def test_create_get_and_update_return_the_stock(server: ScriptedServer, ticker: TickerClient) -> None:
    """Creating, getting and renaming send what was given and return the stock."""
    for name in ("CreateStock", "GetStock", "UpdateStock"):
        server.answers[name] = lambda _: APPLE
    stocks = [
        await ticker.create_stock("AAPL", name="Apple", currency="USD"),
        await ticker.create_stock("AAPL"),
        await ticker.get_stock("AAPL"),
        await ticker.update_stock("AAPL", name="Apple"),
    ]

    assert stocks == [STOCK] * 4
    assert server.requests == [
        wire.CreateStockRequest(stock_id="AAPL", name="Apple", currency="USD"),
        wire.CreateStockRequest(stock_id="AAPL"),
        wire.GetStockRequest(stock_id="AAPL"),
        wire.UpdateStockRequest(stock_id="AAPL", name="Apple"),
    ]


async def test_listing_goes_through_all_pages(server: ScriptedServer, ticker: TickerClient) -> None:
    """Listing yields the stocks of all pages, in large pages."""
    pages = {
        "": wire.ListStocksResponse(stocks=[APPLE], next_page_token="t"),
        "t": wire.ListStocksResponse(stocks=[wire.Stock(stock_id="MSFT")]),
    }
    server.answers["ListStocks"] = lambda request: pages[request.page_token]

    assert [stock.stock_id async for stock in ticker.list_stocks()] == ["AAPL", "MSFT"]
    assert [request.page_size for request in server.requests] == [1000, 1000]


async def test_deleting_tells_how_many_subscriptions_ended(server: ScriptedServer, ticker: TickerClient) -> None:
    """Deleting returns the number of subscriptions that ended with the stock."""
    server.answers["DeleteStock"] = lambda _: wire.DeleteStockResponse(ended_subscriptions=7)

    assert await ticker.delete_stock("AAPL") == 7
    assert server.requests == [wire.DeleteStockRequest(stock_id="AAPL")]


async def test_a_refusal_is_raised(server: ScriptedServer, ticker: TickerClient) -> None:
    """A stock that exists with other content raises AlreadyExists."""

    def refuse(_: object) -> wire.Stock:
        raise Refuse(grpc.StatusCode.ALREADY_EXISTS, "STOCK_ALREADY_EXISTS", "it exists with currency EUR")

    server.answers["CreateStock"] = refuse
    with pytest.raises(AlreadyExists, match="STOCK_ALREADY_EXISTS: it exists with currency EUR"):
        await ticker.create_stock("AAPL", currency="USD")
