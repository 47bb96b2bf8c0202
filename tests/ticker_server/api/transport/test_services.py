"""What a transport serves."""

from __future__ import annotations

from typing import Any

from ticker.v1 import stock_service_pb2, watch_service_pb2

from ticker_server.api.transport.services import Rpc

NAMES = tuple(f"ticker.v1.{name}Service" for name in ("Stock", "User", "Subscription", "Price", "Watch"))


def by_name(services: Any) -> dict[str, Rpc]:
    """Return the RPCs by their names on the wire."""
    return {rpc.name: rpc for rpc in services.rpcs()}


def test_every_rpc_of_the_protos_is_listed(services: Any) -> None:
    """Each method of each service is listed once, under its name on the wire."""
    files = [descriptor for descriptor, _ in services.by_descriptor()]
    names = [f"/{service.full_name}/{method.name}" for service in files for method in service.methods]

    assert services.names() == NAMES
    assert [rpc.name for rpc in services.rpcs()] == names
    assert len(set(names)) == len(names)


def test_rpc_has_what_a_transport_needs(services: Any) -> None:
    """An RPC has its request's class, the servicer's function, and whether its answer is a stream."""
    rpcs = by_name(services)
    unary, stream = rpcs["/ticker.v1.StockService/GetStock"], rpcs["/ticker.v1.WatchService/WatchStocks"]

    assert (unary.service, unary.method) == ("ticker.v1.StockService", "GetStock")
    assert unary.request is stock_service_pb2.GetStockRequest
    assert unary.function == services.stocks.get_stock
    assert stream.request is watch_service_pb2.WatchStocksRequest
    assert stream.function == services.watches.watch_stocks


def test_watches_alone_are_streams(services: Any) -> None:
    """The one method that streams is the one that opens a watch; a transport gives it a sink."""
    assert [rpc.method for rpc in services.rpcs() if rpc.is_streaming] == ["WatchStocks"]
