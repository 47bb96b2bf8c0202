"""grpcurl without proto files: everything is found by reflection, and the JSON is readable."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import Any

import pytest

from ticker_server.app import Gateway

GRPCURL = shutil.which("grpcurl") or "grpcurl"
pytestmark = pytest.mark.grpcurl


async def grpcurl(gateway: Gateway, *arguments: str, data: dict[str, Any] | None = None) -> tuple[int, str, str]:
    """Run grpcurl against the gateway; return its exit code, output and errors."""
    body = [] if data is None else ["-d", json.dumps(data)]
    process = await asyncio.create_subprocess_exec(
        GRPCURL,
        "-plaintext",
        *body,
        gateway.target,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def answer(gateway: Gateway, method: str, data: dict[str, Any]) -> dict[str, Any]:
    """Call a method that must succeed and return its answer."""
    code, output, errors = await grpcurl(gateway, f"ticker.v1.{method}", data=data)
    assert code == 0, errors
    found: dict[str, Any] = json.loads(output)
    return found


async def test_services_are_listed_and_described(gateway: Gateway) -> None:
    """Grpcurl lists the services and describes a method and a message."""
    _, listed, _ = await grpcurl(gateway, "list")
    _, method, _ = await grpcurl(gateway, "describe", "ticker.v1.SubscriptionService.AddStock")
    _, message, _ = await grpcurl(gateway, "describe", "ticker.v1.StockUpdate")

    assert {"ticker.v1.WatchService", "ticker.v1.PriceService", "grpc.health.v1.Health"} <= set(listed.split())
    assert "AddStockRequest" in method
    assert "string price = 2;" in message


async def test_stock_is_created_added_published_and_watched(gateway: Gateway) -> None:
    """The whole way by grpcurl: create a stock, add it, publish a price, and watch it arrive, all readable."""
    created = await answer(gateway, "StockService/CreateStock", {"stock_id": "AAPL"})
    added = await answer(
        gateway,
        "SubscriptionService/AddStock",
        {"user_id": "ana", "stock_id": "AAPL", "every_tick": True, "always": True},
    )
    published = await answer(
        gateway,
        "PriceService/PublishPrices",
        {"ticks": [{"stock_id": "AAPL", "price": "167.42", "trade_time": "2026-11-20T15:30:00.5Z"}]},
    )
    watching = await asyncio.create_subprocess_exec(
        GRPCURL,
        *("-plaintext", "-d", '{"user_ids": ["ana"]}', gateway.target, "ticker.v1.WatchService/WatchStocks"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert watching.stdout is not None
    message = ""
    async with asyncio.timeout(30):
        while not message.endswith("\n}\n"):
            message += (await watching.stdout.readline()).decode()
    watching.terminate()
    await watching.wait()

    update = json.loads(message)["updates"][0]
    assert created["currency"] == "USD"
    assert added["created"] is True
    assert published["results"][0]["outcome"] == "PUBLISH_OUTCOME_ACCEPTED"
    assert update["price"] == "167.42"
    assert update.get("tradeTime", update.get("trade_time")) == "2026-11-20T15:30:00.500Z"


async def test_bars_are_listed(gateway: Gateway) -> None:
    """Bars are readable: names of intervals and times as people write them, and decimals as they were sent."""
    await answer(gateway, "StockService/CreateStock", {"stock_id": "AAPL"})
    ticks = [
        {"stock_id": "AAPL", "price": price, "size": "100", "trade_time": f"2026-11-20T{time}Z"}
        for price, time in (("167.40", "15:30:00.5"), ("167.42", "15:34:59"))
    ]
    await answer(gateway, "PriceService/PublishPrices", {"ticks": ticks})
    wanted = {"stock_id": "AAPL", "interval": "BAR_INTERVAL_5M", "start_time": "2026-11-20T00:00:00Z"}
    found = await answer(gateway, "PriceService/ListBars", wanted)
    _, described, _ = await grpcurl(gateway, "describe", "ticker.v1.PriceService.ListBars")

    (bar,) = found["bars"]
    assert {name.lower().replace("_", ""): value for name, value in bar.items()} == {
        "starttime": "2026-11-20T15:30:00Z",
        "open": "167.40",
        "high": "167.42",
        "low": "167.40",
        "close": "167.42",
        "volume": "200",
        "tickcount": "2",
        "firstsequence": "1",
        "lastsequence": "2",
    }
    assert "ListBarsRequest" in described


async def test_error_message_reads_alone(gateway: Gateway) -> None:
    """What grpcurl prints of an error says what is wrong and what to do."""
    code, _, errors = await grpcurl(
        gateway, "ticker.v1.SubscriptionService/AddStock", data={"user_id": "ana", "stock_id": "APPL"}
    )

    assert code != 0
    assert "Code: NotFound" in errors
    assert 'STOCK_NOT_FOUND: stock "APPL" does not exist; list them with StockService/ListStocks' in errors
