"""The generated stubs in one hand, and a reader of watch streams that waits for what a test expects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from ticker.v1 import (
    price_service_pb2,
    price_service_pb2_grpc,
    stock_service_pb2,
    stock_service_pb2_grpc,
    subscription_service_pb2,
    subscription_service_pb2_grpc,
    tick_pb2,
    user_service_pb2_grpc,
    watch_service_pb2,
    watch_service_pb2_grpc,
)

WAIT_SECONDS = 10.0

Response = watch_service_pb2.WatchStocksResponse


class Stubs:
    """All services of one channel, and short forms of what tests do all the time."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.stocks = stock_service_pb2_grpc.StockServiceStub(channel)
        self.users = user_service_pb2_grpc.UserServiceStub(channel)
        self.subscriptions = subscription_service_pb2_grpc.SubscriptionServiceStub(channel)
        self.prices = price_service_pb2_grpc.PriceServiceStub(channel)
        self.watches = watch_service_pb2_grpc.WatchServiceStub(channel)

    async def create(self, *stock_ids: str) -> None:
        """Create stocks."""
        for stock_id in stock_ids:
            await self.stocks.CreateStock(stock_service_pb2.CreateStockRequest(stock_id=stock_id))

    async def publish_each(self, stock_ids: Sequence[str], price: str) -> None:
        """Publish one price for each of some stocks, in one call."""
        ticks = [tick_pb2.Tick(stock_id=stock_id, price=price) for stock_id in stock_ids]
        await self.prices.PublishPrices(price_service_pb2.PublishPricesRequest(ticks=ticks))

    async def publish(self, stock_id: str, *prices: str) -> list[int]:
        """Publish prices of a stock in one call; return their sequences."""
        ticks = [tick_pb2.Tick(stock_id=stock_id, price=price) for price in prices]
        answer = await self.prices.PublishPrices(price_service_pb2.PublishPricesRequest(ticks=ticks))
        return [result.sequence for result in answer.results]

    async def add(self, user_id: str, stock_id: str, **wish: Any) -> subscription_service_pb2.AddStockResponse:
        """Add a stock for a user, by default every tick and always."""
        wish = wish or {"every_tick": True, "always": True}
        request = subscription_service_pb2.AddStockRequest(user_id=user_id, stock_id=stock_id, **wish)
        return await self.subscriptions.AddStock(request)

    @asynccontextmanager
    async def watch(self, **request: Any) -> AsyncIterator[Stream]:
        """Open a watch; it is cancelled at the end."""
        call = self.watches.WatchStocks(watch_service_pb2.WatchStocksRequest(**request))
        try:
            yield Stream(call)
        finally:
            call.cancel()


class Stream:
    """Reads one watch."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.messages: list[Response] = []

    async def read(self) -> Response:
        """Return the next message; fails if none comes in time or the stream ended."""
        async with asyncio.timeout(WAIT_SECONDS):
            message = await self.call.read()
        assert message is not grpc.aio.EOF, f"the stream ended: {await self.call.code()} {await self.call.details()}"
        self.messages.append(message)
        return message

    async def read_until(self, wanted: Callable[[Response], Any]) -> Response:
        """Read on until a message is what is wanted, and return it."""
        while True:
            message = await self.read()
            if wanted(message):
                return message

    async def read_to_end(self) -> grpc.StatusCode:
        """Read what is left and return the status that the stream ended with."""
        async with asyncio.timeout(WAIT_SECONDS):
            try:
                while (message := await self.call.read()) is not grpc.aio.EOF:
                    self.messages.append(message)
            except grpc.aio.AioRpcError:
                pass
            return await self.call.code()

    async def caught_up(self) -> Stream:
        """Read until the watch has caught up."""
        await self.read_until(lambda message: message.HasField("caught_up"))
        return self

    async def updates(self, count: int) -> list[tick_pb2.StockUpdate]:
        """Read until so many LIVE updates came, and return them."""
        found: list[tick_pb2.StockUpdate] = []
        while len(found) < count:
            message = await self.read()
            if message.kind == watch_service_pb2.UPDATE_KIND_LIVE:
                found += message.updates
        return found


def seconds(length: float) -> Duration:
    """Return a duration."""
    whole, nanos = divmod(round(length * 1e9), 10**9)
    return Duration(seconds=whole, nanos=nanos)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Return the reason in a status' ErrorInfo; empty if it has none."""
    for detail in details_of(error):
        if isinstance(detail, error_details_pb2.ErrorInfo):
            return detail.reason
    return ""


def details_of(error: grpc.aio.AioRpcError) -> list[Any]:
    """Return the details of a status."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
    kinds = (
        error_details_pb2.ErrorInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.QuotaFailure,
        error_details_pb2.RetryInfo,
        error_details_pb2.ResourceInfo,
    )
    found = []
    for packed in status.details:
        for kind in kinds:
            message = kind()
            if packed.Unpack(message):
                found.append(message)
    return found
