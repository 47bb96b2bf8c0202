"""The StockService: create, read, rename, delete and list stocks."""

from __future__ import annotations

from ticker.v1 import stock_service_pb2

from ticker_server.api import requests
from ticker_server.api.caller import Caller
from ticker_server.api.messages import stock_message
from ticker_server.catalog import Catalog

__all__ = ["StockServicer"]

_LIST = "stocks"


class StockServicer:
    """Answers the RPCs of StockService from the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def create_stock(
        self, request: stock_service_pb2.CreateStockRequest, _caller: Caller
    ) -> stock_service_pb2.Stock:
        """Create a stock, or return the one that exists with the same content."""
        requests.check_create_stock(request)
        stock = await self._catalog.create_stock(
            request.stock_id, name=request.name or None, currency=request.currency or None
        )
        return stock_message(stock)

    async def get_stock(self, request: stock_service_pb2.GetStockRequest, _caller: Caller) -> stock_service_pb2.Stock:
        """Return a stock."""
        requests.check_stock(request.stock_id)
        return stock_message(await self._catalog.get_stock(request.stock_id))

    async def list_stocks(
        self, request: stock_service_pb2.ListStocksRequest, _caller: Caller
    ) -> stock_service_pb2.ListStocksResponse:
        """Return a page of all stocks, ordered by stock id."""
        page = requests.parse_list(request, _LIST)
        listed = await self._catalog.list_stocks(after=page.after, limit=page.limit + 1)
        stocks, next_page_token = page.cut(listed, lambda stock: stock.stock_id)
        return stock_service_pb2.ListStocksResponse(stocks=map(stock_message, stocks), next_page_token=next_page_token)

    async def update_stock(
        self, request: stock_service_pb2.UpdateStockRequest, _caller: Caller
    ) -> stock_service_pb2.Stock:
        """Give a stock a new name."""
        requests.check_update_stock(request)
        return stock_message(await self._catalog.update_stock(request.stock_id, name=request.name))

    async def delete_stock(
        self, request: stock_service_pb2.DeleteStockRequest, _caller: Caller
    ) -> stock_service_pb2.DeleteStockResponse:
        """Delete a stock and end its subscriptions."""
        requests.check_stock(request.stock_id)
        ended = await self._catalog.delete_stock(request.stock_id)
        return stock_service_pb2.DeleteStockResponse(ended_subscriptions=ended)
