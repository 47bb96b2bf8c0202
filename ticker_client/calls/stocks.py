"""Calls of the StockService."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ticker.v1 import stock_service_pb2 as wire

from ticker_client.calls.caller import PAGE_SIZE, Caller, paged
from ticker_client.instants import datetime_of, nanoseconds_of
from ticker_client.models import Stock

__all__ = ["StockCalls"]


class StockCalls(Caller):
    """Create, read, rename and delete stocks."""

    async def create_stock(self, stock_id: str, *, name: str = "", currency: str = "") -> Stock:
        """Create a stock; if it exists with the same content, return it.

        Args:
            stock_id: its ticker symbol: 1-16 of A-Z, 0-9, dot and hyphen.
            name: 1-100 characters; empty = the stock id.
            currency: ISO 4217; empty = `USD`. It cannot be changed.

        Raises:
            InvalidArgument, AlreadyExists (with other content).
        """
        request = wire.CreateStockRequest(stock_id=stock_id, name=name, currency=currency)
        return _stock_of(await self._connection.ask(lambda stubs: stubs.stocks.CreateStock, request))

    async def get_stock(self, stock_id: str) -> Stock:
        """Return a stock. Raises NotFound."""
        request = wire.GetStockRequest(stock_id=stock_id)
        return _stock_of(await self._connection.ask(lambda stubs: stubs.stocks.GetStock, request))

    def list_stocks(self) -> AsyncIterator[Stock]:
        """Yield all stocks, ordered by stock id."""

        async def ask(token: str) -> wire.ListStocksResponse:
            request = wire.ListStocksRequest(page_size=PAGE_SIZE, page_token=token)
            return await self._connection.ask(lambda stubs: stubs.stocks.ListStocks, request)

        return paged(ask, lambda page: map(_stock_of, page.stocks))

    async def update_stock(self, stock_id: str, *, name: str) -> Stock:
        """Give a stock another name. Raises NotFound, InvalidArgument."""
        request = wire.UpdateStockRequest(stock_id=stock_id, name=name)
        return _stock_of(await self._connection.ask(lambda stubs: stubs.stocks.UpdateStock, request))

    async def delete_stock(self, stock_id: str) -> int:
        """Delete a stock and all its subscriptions; return how many these were. Raises NotFound."""
        request = wire.DeleteStockRequest(stock_id=stock_id)
        answer = await self._connection.ask(lambda stubs: stubs.stocks.DeleteStock, request)
        return answer.ended_subscriptions


def _stock_of(message: wire.Stock) -> Stock:
    return Stock(message.stock_id, message.name, message.currency, datetime_of(nanoseconds_of(message.create_time)))
