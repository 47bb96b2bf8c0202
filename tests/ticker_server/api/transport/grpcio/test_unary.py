"""Unary calls over grpc.aio."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from ticker.v1 import (
    price_service_pb2,
    price_service_pb2_grpc,
    stock_service_pb2,
    stock_service_pb2_grpc,
    tick_pb2,
    watch_service_pb2,
)


def details(error: grpc.aio.AioRpcError, kind: Any) -> Any:
    """Return an error's one detail of a kind."""
    (status_bytes,) = [value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin"]
    status = Status.FromString(status_bytes)
    assert (status.code, status.message) == (error.code().value[0], error.details())
    (packed,) = [packed for packed in status.details if packed.Is(kind.DESCRIPTOR)]
    message = kind()
    packed.Unpack(message)
    return message


@pytest.fixture
def stocks(channel: grpc.aio.Channel) -> Any:
    """The stub of the StockService."""
    return stock_service_pb2_grpc.StockServiceStub(channel)


@pytest.fixture
def prices(channel: grpc.aio.Channel) -> Any:
    """The stub of the PriceService."""
    return price_service_pb2_grpc.PriceServiceStub(channel)


async def test_answer_comes_back(stocks: Any) -> None:
    """A call is answered by the servicer's method of its name."""
    created = await stocks.CreateStock(stock_service_pb2.CreateStockRequest(stock_id="AAPL"))

    assert created == await stocks.GetStock(stock_service_pb2.GetStockRequest(stock_id="AAPL"))
    assert created.name == "AAPL"


async def test_error_reads_alone_and_has_details(stocks: Any) -> None:
    """An error has its code, a message that reads alone, and details."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stocks.GetStock(stock_service_pb2.GetStockRequest(stock_id="APPL"))

    assert raised.value.code() == grpc.StatusCode.NOT_FOUND
    assert raised.value.details() == (
        'STOCK_NOT_FOUND: stock "APPL" does not exist; list them with StockService/ListStocks'
    )
    info = details(raised.value, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == ("STOCK_NOT_FOUND", "ticker")
    assert details(raised.value, error_details_pb2.ResourceInfo).resource_name == "APPL"


async def test_a_thousand_bad_ticks_arrive_as_invalid_argument(prices: Any) -> None:
    """A thousand ticks with every field as bad as can be are told as INVALID_ARGUMENT, not as too large trailers."""
    worst = "\U0001f4c8%\\" * 80
    tick = tick_pb2.Tick(stock_id=worst, price=worst, size=worst, publisher_id=worst)
    tick.trade_time.nanos = -1

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await prices.PublishPrices(price_service_pb2.PublishPricesRequest(ticks=[tick] * 1000))

    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert str(raised.value.details()).endswith("(and 4999 more)")
    assert len(details(raised.value, error_details_pb2.BadRequest).field_violations) == 20


async def test_bytes_that_are_no_request_are_refused(channel: grpc.aio.Channel) -> None:
    """Bytes that are no message of the method's type are INVALID_ARGUMENT."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await channel.unary_unary("/ticker.v1.StockService/GetStock")(b"\x0a\x02\xff\xfe")

    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "the request is not a ticker.v1.GetStockRequest message"


@pytest.mark.parametrize("failure", [ValueError("secret"), asyncio.CancelledError("secret"), grpc.RpcError("secret")])
async def test_unforeseen_error_tells_an_id_alone(stocks: Any, catalog: Any, failure: BaseException) -> None:
    """An error nobody foresaw is answered in time, with an opaque id and nothing of itself."""

    async def fail(_: str) -> None:
        raise failure

    catalog.get_stock = fail
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stocks.GetStock(stock_service_pb2.GetStockRequest(stock_id="A"), timeout=10)

    assert raised.value.code() == grpc.StatusCode.INTERNAL
    assert details(raised.value, error_details_pb2.ErrorInfo).reason == "INTERNAL"
    assert "secret" not in repr(raised.value)


async def test_call_that_is_given_up_is_cancelled(stocks: Any, catalog: Any) -> None:
    """A caller that goes away cancels what is done for it, and others are answered."""
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(_: str) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    catalog.get_stock = wait
    call = stocks.GetStock(stock_service_pb2.GetStockRequest(stock_id="A"))
    await asyncio.wait_for(begun.wait(), 10)
    call.cancel()
    await asyncio.wait_for(cancelled.wait(), 10)

    assert (await stocks.CreateStock(stock_service_pb2.CreateStockRequest(stock_id="B"))).stock_id == "B"


async def test_method_that_is_not_built_is_named(channel: grpc.aio.Channel) -> None:
    """A method of the wire that is not built is UNIMPLEMENTED by name."""
    update = channel.unary_unary(
        "/ticker.v1.WatchService/UpdateWatch",
        request_serializer=watch_service_pb2.UpdateWatchRequest.SerializeToString,
    )

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await update(watch_service_pb2.UpdateWatchRequest(watch_id="w"))

    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert str(raised.value.details()).startswith("NOT_IMPLEMENTED: UpdateWatch ")
