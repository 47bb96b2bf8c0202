"""The server over ready frames: its port, its limits, its life."""

from __future__ import annotations

from typing import Any

import grpc
from ticker.v1 import stock_service_pb2, stock_service_pb2_grpc

from ticker_server.api.transport.endpoint import Endpoint


async def test_free_port_is_chosen_and_told(start: Any) -> None:
    """Port 0 is any free port; the server tells which."""
    first, second = await start(Endpoint()), await start(Endpoint())

    assert first.port != second.port
    for running in (first, second):
        async with grpc.aio.insecure_channel(running.target) as channel:
            stub = stock_service_pb2_grpc.StockServiceStub(channel)
            assert not (await stub.ListStocks(stock_service_pb2.ListStocksRequest(), timeout=10)).stocks
