"""Calls of the PriceService."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakValueDictionary

from ticker.v1 import price_service_pb2 as wire

from ticker_client.calls.caller import PAGE_SIZE, Caller
from ticker_client.connection import Connection
from ticker_client.models import LatestPrices, PublishResult, StockPrice, Tick
from ticker_client.publisher import Publisher

__all__ = ["PriceCalls"]


class PriceCalls(Caller):
    """Publish ticks, and read newest prices."""

    def __init__(self, connection: Connection, user_id: str | None) -> None:
        super().__init__(connection, user_id)
        self._publishers: WeakValueDictionary[str, Publisher] = WeakValueDictionary()
        self._own_publisher: Publisher | None = None

    def publisher(self, publisher_id: str | None = None) -> Publisher:
        """Return the publisher of an id: one and the same while it is in use. None = a new one with a random id.

        Two programs, or two clients, must not publish under one id at the same time: the server drops what comes late
        as a repeat.
        """
        publisher = self._publishers.get(publisher_id) if publisher_id is not None else None
        if publisher is None:
            publisher = Publisher(self._publish, publisher_id)
            self._publishers[publisher.publisher_id] = publisher
        return publisher

    async def publish(self, ticks: Sequence[Tick]) -> list[PublishResult]:
        """Publish under a random id that belongs to this client: see Publisher.publish()."""
        if self._own_publisher is None:
            self._own_publisher = self.publisher()
        return await self._own_publisher.publish(ticks)

    async def latest(self, *stock_ids: str) -> LatestPrices:
        """Return the newest price of each stock; no ids = of all stocks."""
        prices: list[StockPrice] = []
        unpriced: list[str] = []
        unknown: list[str] = []
        request = wire.GetLatestPricesRequest(stock_ids=stock_ids, page_size=PAGE_SIZE)
        while True:
            page = await self._connection.ask(lambda stubs: stubs.prices.GetLatestPrices, request)
            prices.extend(map(StockPrice, page.prices))
            unpriced.extend(page.unpriced_stock_ids)
            unknown.extend(page.unknown_stock_ids)
            if not page.next_page_token:
                return LatestPrices(tuple(prices), tuple(unpriced), tuple(unknown), page.log_epoch)
            request.page_token = page.next_page_token

    async def _publish(self, request: wire.PublishPricesRequest) -> wire.PublishPricesResponse:
        return await self._connection.ask(lambda stubs: stubs.prices.PublishPrices, request)
