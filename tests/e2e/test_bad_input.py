"""Bad input over a real socket: each mistake has its reason, its message reads alone, and nothing is half done."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from ticker.v1 import price_service_pb2, stock_service_pb2, subscription_service_pb2, tick_pb2

from tests.support.wire import Stubs, details_of, reason_of, seconds

PublishPrices = price_service_pb2.PublishPricesRequest
INVALID = grpc.StatusCode.INVALID_ARGUMENT


async def refusal_of(call: Any) -> grpc.aio.AioRpcError:
    """Return the error of a call that must fail, after looking at what holds for every error."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = caught.value
    assert str(error.details()).startswith(f"{reason_of(error)}: ")
    assert "Traceback" not in str(error.details())
    return error


@pytest.mark.parametrize(
    ("wish", "reason", "named"),
    [
        ({"stock_id": "aapl"}, "INVALID_STOCK_ID", "aapl"),
        ({"stock_id": "A" * 40}, "INVALID_STOCK_ID", "AAAA"),
        ({"time_zone": "Mars/Olympus"}, "INVALID_TIME_ZONE", "Mars/Olympus"),
        ({"frequency": seconds(0)}, "INVALID_FREQUENCY", "100 ms"),
        ({"frequency": seconds(-5)}, "INVALID_FREQUENCY", "100 ms"),
        ({"frequency": seconds(1e-9)}, "INVALID_FREQUENCY", "100 ms"),
        ({"frequency": seconds(400 * 86400)}, "INVALID_FREQUENCY", "24 h"),
        ({"active_window": {"start": "10:00", "end": "10:00"}}, "INVALID_WINDOW", "10:00"),
        ({"active_window": {"start": "25:00", "end": "26:00"}}, "INVALID_WINDOW", "25:00"),
        ({"user_id": ""}, "INVALID_USER_ID", "user_id"),
    ],
)
async def test_bad_subscription_is_refused_and_nothing_is_stored(
    stubs: Stubs, wish: dict[str, Any], reason: str, named: str
) -> None:
    """A subscription that breaks a rule is refused with its reason, and neither user nor subscription comes to be."""
    await stubs.create("AAPL")
    request = subscription_service_pb2.AddStockRequest(**{"user_id": "ana", "stock_id": "AAPL", **wish})

    error = await refusal_of(stubs.subscriptions.AddStock(request))

    assert (error.code(), reason_of(error)) == (INVALID, reason)
    assert named in str(error.details())
    listing = stubs.subscriptions.ListSubscriptions(subscription_service_pb2.ListSubscriptionsRequest(user_id="ana"))
    assert reason_of(await refusal_of(listing)) == "USER_NOT_FOUND"


@pytest.mark.parametrize(
    "price", ["abc", "-1", "1e400", "NaN", "", "0", "0.0000000000", "1234567890123", "1.1234567891"]
)
async def test_bad_price_is_refused_and_named(stubs: Stubs, price: str) -> None:
    """A price that is no decimal above zero is refused by the path of its field."""
    await stubs.create("AAPL")

    error = await refusal_of(
        stubs.prices.PublishPrices(PublishPrices(ticks=[tick_pb2.Tick(stock_id="AAPL", price=price)]))
    )

    assert (error.code(), reason_of(error)) == (INVALID, "INVALID_PRICE")
    assert "ticks[0].price" in str(error.details())


async def test_empty_publish_is_refused(stubs: Stubs) -> None:
    """A publish without ticks is INVALID_BATCH."""
    error = await refusal_of(stubs.prices.PublishPrices(PublishPrices()))

    assert (error.code(), reason_of(error)) == (INVALID, "INVALID_BATCH")


async def test_one_bad_tick_among_a_thousand_refuses_all(stubs: Stubs) -> None:
    """One bad tick among a thousand is named, and none of the thousand is published."""
    await stubs.create("AAPL")
    ticks = [tick_pb2.Tick(stock_id="AAPL", price="1.5") for _ in range(1000)]
    ticks[777].price = "1,5"

    error = await refusal_of(stubs.prices.PublishPrices(PublishPrices(ticks=ticks)))

    assert (error.code(), reason_of(error)) == (INVALID, "INVALID_PRICE")
    assert "ticks[777].price" in str(error.details())
    latest = await stubs.prices.GetLatestPrices(price_service_pb2.GetLatestPricesRequest(stock_ids=["AAPL"]))
    assert list(latest.unpriced_stock_ids) == ["AAPL"]


async def test_thousand_bad_ticks_arrive_as_invalid_argument(stubs: Stubs) -> None:
    """The errors of a thousand bad ticks fit into the trailers: the first twenty are named, the others counted."""
    await stubs.create("AAPL")
    ticks = [tick_pb2.Tick(stock_id="AAPL", price="\N{MONEY BAG}" * 500) for _ in range(1000)]

    error = await refusal_of(stubs.prices.PublishPrices(PublishPrices(ticks=ticks)))

    bad_request = next(detail for detail in details_of(error) if isinstance(detail, error_details_pb2.BadRequest))
    assert (error.code(), reason_of(error)) == (INVALID, "INVALID_PRICE")
    assert "999 more" in str(error.details())
    assert 1 <= len(bad_request.field_violations) <= 20
    assert bad_request.field_violations[0].field == "ticks[0].price"


async def test_tick_of_an_unknown_stock_is_named(stubs: Stubs) -> None:
    """Publishing for a stock that does not exist is NOT_FOUND, names the tick, and publishes nothing."""
    await stubs.create("AAPL")
    ticks = [tick_pb2.Tick(stock_id="AAPL", price="1"), tick_pb2.Tick(stock_id="APPL", price="1")]

    error = await refusal_of(stubs.prices.PublishPrices(PublishPrices(ticks=ticks)))

    assert (error.code(), reason_of(error)) == (grpc.StatusCode.NOT_FOUND, "STOCK_NOT_FOUND")
    assert "ticks[1].stock_id" in str(error.details())
    latest = await stubs.prices.GetLatestPrices(price_service_pb2.GetLatestPricesRequest(stock_ids=["AAPL"]))
    assert list(latest.unpriced_stock_ids) == ["AAPL"]


async def test_batch_with_one_unknown_stock_adds_nothing(stubs: Stubs) -> None:
    """A batch of subscriptions is all or nothing."""
    await stubs.create("AAPL")
    requests = [
        subscription_service_pb2.AddStockRequest(user_id="ana", stock_id="AAPL"),
        subscription_service_pb2.AddStockRequest(user_id="ben", stock_id="APPL"),
    ]

    error = await refusal_of(
        stubs.subscriptions.BatchAddStocks(subscription_service_pb2.BatchAddStocksRequest(requests=requests))
    )

    listing = stubs.subscriptions.ListSubscriptions(subscription_service_pb2.ListSubscriptionsRequest(user_id="ana"))
    assert reason_of(error) == "STOCK_NOT_FOUND"
    assert reason_of(await refusal_of(listing)) == "USER_NOT_FOUND"


async def test_request_of_ten_megabytes_is_answered_by_grpc_itself(stubs: Stubs) -> None:
    """A request above the limit of 4 MiB ends with gRPC's own RESOURCE_EXHAUSTED, and the connection lives on."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stubs.stocks.CreateStock(stock_service_pb2.CreateStockRequest(stock_id="A", name="x" * 10_000_000))

    await stubs.create("AAPL")
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("request_fields", "reason"),
    [
        ({}, "INVALID_WATCH"),
        ({"user_ids": ["ana"], "stock_ids": ["AAPL"]}, "INVALID_WATCH"),
        ({"stock_ids": ["*", "AAPL"]}, "INVALID_WATCH"),
        ({"user_ids": ["ana"], "every_tick": True}, "INVALID_CADENCE"),
        ({"stock_ids": ["AAPL"], "frequency": seconds(1e-9)}, "INVALID_FREQUENCY"),
        ({"stock_ids": ["AAPL"], "lag_policy": 2}, "INVALID_WATCH"),
        ({"stock_ids": ["AAPL"], "end_time": {"seconds": 5}}, "INVALID_WATCH"),
        ({"stock_ids": ["AAPL"], "heartbeat_interval": seconds(0.5)}, "INVALID_HEARTBEAT_INTERVAL"),
        ({"stock_ids": ["aapl"]}, "INVALID_STOCK_ID"),
        ({"stock_ids": ["aapl"], "resume": {"log_epoch": ""}}, "INVALID_STOCK_ID"),
    ],
)
async def test_bad_watch_is_refused_before_anything_is_sent(
    stubs: Stubs, request_fields: dict[str, Any], reason: str
) -> None:
    """A malformed watch is INVALID_ARGUMENT as a whole; what is wrong is judged before what is not built yet."""
    await stubs.create("AAPL")

    async with stubs.watch(**request_fields) as stream:
        error = await refusal_of(stream.read())

    assert (error.code(), reason_of(error)) == (INVALID, reason)
