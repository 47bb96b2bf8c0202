"""What a transport serves: the servicers, one per service, and their RPCs."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from ticker.v1 import (
    price_service_pb2,
    stock_service_pb2,
    subscription_service_pb2,
    user_service_pb2,
    watch_service_pb2,
)

from ticker_server.api.caller import Caller
from ticker_server.api.prices import PriceServicer
from ticker_server.api.stocks import StockServicer
from ticker_server.api.subscriptions import SubscriptionServicer
from ticker_server.api.users import UserServicer
from ticker_server.fanout.sink import Sink

__all__ = ["Method", "OpenWatch", "Rpc", "Services", "WatchMethod", "WatchServicer"]


class OpenWatch(Protocol):
    """An open watch, as the transport sees it."""

    def close(self) -> None:
        """Release everything: the stream is gone. Idempotent."""


Method = Callable[[Any, Caller], Awaitable[Message]]
"""A servicer's method: takes a request message and the caller, returns the answer's message."""

WatchMethod = Callable[[watch_service_pb2.WatchStocksRequest, Caller, Sink], Awaitable[OpenWatch]]
"""Opens a watch that writes into the sink. What it raises ends the stream; it may send before it returns."""


class WatchServicer(Protocol):
    """What a transport needs of the servicer of watches."""

    async def watch_stocks(
        self, request: watch_service_pb2.WatchStocksRequest, caller: Caller, sink: Sink, /
    ) -> OpenWatch:
        """Open a watch that writes into the sink."""

    async def update_watch(
        self, request: watch_service_pb2.UpdateWatchRequest, caller: Caller, /
    ) -> watch_service_pb2.UpdateWatchResponse:
        """Add users to an open watch, or remove some."""


@dataclass(frozen=True, slots=True)
class Rpc:
    """One method of a service, and the servicer's function for it."""

    service: str
    """The full name of the service, `ticker.v1.StockService`."""
    method: str
    """The name within the service, `GetStock`."""
    request: type[Message]
    function: Callable[..., Any]
    """A `WatchMethod` if the server streams, otherwise a `Method`."""
    is_streaming: bool
    """Whether the server streams."""

    @property
    def name(self) -> str:
        """The name on the wire, `/ticker.v1.StockService/GetStock`."""
        return f"/{self.service}/{self.method}"


@dataclass(frozen=True, slots=True)
class Services:
    """The servicers, one per service."""

    stocks: StockServicer
    users: UserServicer
    subscriptions: SubscriptionServicer
    prices: PriceServicer
    watches: WatchServicer

    def by_descriptor(self) -> tuple[tuple[ServiceDescriptor, object], ...]:
        """Return each service's descriptor with its servicer."""
        return (
            (stock_service_pb2.DESCRIPTOR.services_by_name["StockService"], self.stocks),
            (user_service_pb2.DESCRIPTOR.services_by_name["UserService"], self.users),
            (subscription_service_pb2.DESCRIPTOR.services_by_name["SubscriptionService"], self.subscriptions),
            (price_service_pb2.DESCRIPTOR.services_by_name["PriceService"], self.prices),
            (watch_service_pb2.DESCRIPTOR.services_by_name["WatchService"], self.watches),
        )

    def names(self) -> tuple[str, ...]:
        """Return the full names of the services."""
        return tuple(descriptor.full_name for descriptor, _ in self.by_descriptor())

    def rpcs(self) -> tuple[Rpc, ...]:
        """Return every method of every service."""
        return tuple(
            Rpc(
                service=descriptor.full_name,
                method=method.name,
                request=GetMessageClass(method.input_type),
                function=getattr(servicer, re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower()),
                is_streaming=method.server_streaming,
            )
            for descriptor, servicer in self.by_descriptor()
            for method in descriptor.methods
        )
