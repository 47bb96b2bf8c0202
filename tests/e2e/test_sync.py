"""Programs without an event loop: the generated synchronous stubs and the synchronous SDK against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

import grpc
import pytest
from ticker.v1 import (
    price_service_pb2,
    price_service_pb2_grpc,
    stock_service_pb2,
    stock_service_pb2_grpc,
    tick_pb2,
    watch_service_pb2,
    watch_service_pb2_grpc,
)

from tests.support.wire import reason_of
from ticker_client import NotFound, Tick, Update, sync
from ticker_server.app import Gateway

CALLS = 200
WAIT_SECONDS = 10.0
GetStock = stock_service_pb2.GetStockRequest
Result = TypeVar("Result")


async def run(program: Callable[[grpc.Channel], Result], target: str) -> Result:
    """Run a program that knows nothing of event loops, in a thread and on a connection of its own."""

    def with_channel() -> Result:
        with grpc.insecure_channel(target, options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
            return program(channel)

    return await asyncio.to_thread(with_channel)


def create(channel: grpc.Channel) -> stock_service_pb2_grpc.StockServiceStub:
    """Create AAPL; return the stub."""
    stocks = stock_service_pb2_grpc.StockServiceStub(channel)
    stocks.CreateStock(stock_service_pb2.CreateStockRequest(stock_id="AAPL"), timeout=WAIT_SECONDS)
    return stocks


async def test_calls_are_answered_one_by_one_and_many_at_once(gateway: Gateway) -> None:
    """Calls that wait for their answer and calls that do not are answered, and a refusal has its reason."""

    def program(channel: grpc.Channel) -> tuple[list[str], grpc.StatusCode, str]:
        stocks = create(channel)
        calls = [stocks.GetStock.future(GetStock(stock_id="AAPL"), timeout=WAIT_SECONDS) for _ in range(CALLS)]
        names = [call.result().name for call in calls]
        with pytest.raises(grpc.RpcError) as caught:
            stocks.GetStock(GetStock(stock_id="APPL"), timeout=WAIT_SECONDS)
        return names, caught.value.code(), reason_of(caught.value)

    assert await run(program, gateway.target) == (["AAPL"] * CALLS, grpc.StatusCode.NOT_FOUND, "STOCK_NOT_FOUND")


async def test_watch_is_read_and_cancelled(gateway: Gateway) -> None:
    """A watch is an iterator of messages in order, until the program cancels it; the connection goes on."""

    def program(channel: grpc.Channel) -> tuple[list[str], grpc.StatusCode, str]:
        stocks, prices = create(channel), price_service_pb2_grpc.PriceServiceStub(channel)
        request = watch_service_pb2.WatchStocksRequest(stock_ids=["AAPL"], every_tick=True)
        stream = watch_service_pb2_grpc.WatchServiceStub(channel).WatchStocks(request, timeout=WAIT_SECONDS)
        while not next(stream).HasField("caught_up"):
            pass
        sent = [tick_pb2.Tick(stock_id="AAPL", price=f"{number}.5") for number in range(1, 301)]
        prices.PublishPrices(price_service_pb2.PublishPricesRequest(ticks=sent), timeout=WAIT_SECONDS)
        received: list[str] = []
        while len(received) < len(sent):
            received += [update.price for update in next(stream).updates]
        stream.cancel()
        return received, stream.code(), stocks.GetStock(GetStock(stock_id="AAPL"), timeout=WAIT_SECONDS).name

    received, code, name = await run(program, gateway.target)

    assert received == [f"{number}.5" for number in range(1, 301)]
    assert code is grpc.StatusCode.CANCELLED
    assert name == "AAPL"


async def test_deadline_ends_a_watch(gateway: Gateway) -> None:
    """A watch that has a deadline ends with DEADLINE_EXCEEDED, after what was sent until then."""

    def program(channel: grpc.Channel) -> tuple[bool, grpc.StatusCode]:
        create(channel)
        request = watch_service_pb2.WatchStocksRequest(stock_ids=["AAPL"])
        stream = watch_service_pb2_grpc.WatchServiceStub(channel).WatchStocks(request, timeout=0.5)
        opened = next(stream).HasField("opened")
        with pytest.raises(grpc.RpcError) as caught:
            for _ in stream:
                pass
        return opened, caught.value.code()

    assert await run(program, gateway.target) == (True, grpc.StatusCode.DEADLINE_EXCEEDED)


async def test_sdk_without_an_event_loop(gateway: Gateway) -> None:
    """The synchronous SDK publishes and watches, and raises what is refused."""

    def program() -> tuple[Decimal, int, str]:
        with sync.TickerClient(gateway.target) as ticker:
            ticker.create_stock("AAPL")
            with ticker.watch("AAPL", every_tick=True) as watch:
                watch.ready()
                ticker.publish([Tick("AAPL", Decimal("167.42"))])
                update = next(event for event in watch if isinstance(event, Update))
            with pytest.raises(NotFound) as caught:
                ticker.publish([Tick("APPL", Decimal(1))])
        return update.price, update.tick_number, caught.value.reason

    assert await asyncio.to_thread(program) == (Decimal("167.42"), 1, "STOCK_NOT_FOUND")
