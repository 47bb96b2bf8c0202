"""The server over grpc.aio: puts the servicers behind one port."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import socket
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
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
from ticker_server.api.transport.grpcio.calls import Calls
from ticker_server.api.transport.grpcio.gate import StreamGate
from ticker_server.api.transport.grpcio.health import HEALTH_SERVICE, Health
from ticker_server.api.transport.grpcio.reflection import add_reflection
from ticker_server.api.transport.grpcio.stream import OpenWatch, stream_handler
from ticker_server.api.transport.grpcio.unary import unary_handler
from ticker_server.api.users import UserServicer
from ticker_server.clock import Clock
from ticker_server.fanout.sink import Sink

__all__ = ["Endpoint", "GrpcServer", "Services", "Tls", "WatchServicer"]

CHANNEL_OPTIONS = (
    # Two processes on one port would share its connections; here a taken port is an error.
    ("grpc.so_reuseport", 0),
    # Above it, calls of one connection wait silently in the client, so our own limits must answer first.
    ("grpc.max_concurrent_streams", 10_000),
    # Calls that arrived but have no handler yet; the default refuses some when thousands come at once.
    ("grpc.server.max_pending_requests", 20_000),
    ("grpc.server.max_pending_requests_hard_limit", 40_000),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.http2.write_buffer_size", 16 * 1024),
    # A peer that is gone without a word is noticed within 30 s, idle or not; clients may ping as often.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # The timeout above is TCP's; a peer whose TCP still answers, such as a proxy before a network that is gone, would
    # have a minute for the answer to a ping.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 2),
)


_LAST_SECONDS = 0.2
_HANDLER_SECONDS = 1.0
_NEVER_SECONDS = 3600


class WatchServicer(Protocol):
    """What the server needs of the servicer of watches."""

    async def watch_stocks(
        self, request: watch_service_pb2.WatchStocksRequest, caller: Caller, sink: Sink, /
    ) -> OpenWatch:
        """Open a watch that writes into the sink."""

    async def update_watch(
        self, request: watch_service_pb2.UpdateWatchRequest, caller: Caller, /
    ) -> watch_service_pb2.UpdateWatchResponse:
        """Add users to an open watch, or remove some."""


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


@dataclass(frozen=True, slots=True)
class Tls:
    """What a secure port needs, in PEM. With a client CA, clients must show a certificate of it."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server listens, and what it offers there. Port 0 is any free port."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: Tls | None = None
    reflection: bool = True
    max_streams: int = 10_000
    """So many watches may be open at once in this process."""


class GrpcServer:
    """Serves the servicers over gRPC: `start`, then `set_serving(serving=True)`; `set_serving(serving=False)`, then `stop`."""

    def __init__(self, services: Services, endpoint: Endpoint, clock: Clock) -> None:
        self._services = services
        self._endpoint = endpoint
        self._calls = Calls(clock)
        self._gate = StreamGate(endpoint.max_streams)
        self._names = tuple(descriptor.full_name for descriptor, _ in services.by_descriptor())
        self._health = Health(self._names)
        self._server: grpc.aio.Server | None = None
        self._stopping = asyncio.Lock()

    @property
    def unread_streams(self) -> int:
        """How many streams were ended and wait for readers that do not read."""
        return self._gate.unread

    async def start(self) -> int:
        """Listen and return the bound port. Health says NOT_SERVING until `set_serving(serving=True)`.

        Raises:
            OSError: The address cannot be listened on; EADDRINUSE if another process listens there.
        """
        server = grpc.aio.server(options=CHANNEL_OPTIONS)
        for descriptor, servicer in self._services.by_descriptor():
            server.add_generic_rpc_handlers((self._handlers(descriptor, servicer),))
        await self._health.set_serving(serving=False)
        self._health.add_to(server)
        if self._endpoint.reflection:
            add_reflection(server, (*self._names, HEALTH_SERVICE))
        port = await _listen(server, self._endpoint)
        await server.start()
        self._server = server
        return port

    async def set_serving(self, *, serving: bool) -> None:
        """Tell through health whether this process serves. While it does not, new watches are refused as draining."""
        self._gate.draining = not serving
        await self._health.set_serving(serving=serving)

    async def stop(self, grace: float) -> None:
        """Refuse new connections and calls, give those that run so many seconds to end, then cut them.

        Returns as soon as the last call of our services has ended.
        """
        self._gate.draining = True
        async with self._stopping:
            if self._server is not None:
                await self._close(self._server, grace)
                # What is still open had its time, or is a stream of health or reflection, which ends when its reader
                # pleases.
                await self._server.stop(min(grace, _LAST_SECONDS))
                # gRPC returns before the handlers of the calls it cut have heard of it.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_HANDLER_SECONDS):
                        await self._calls.idle()

    async def _close(self, server: grpc.aio.Server, grace: float) -> None:
        """Close the port, and wait until the calls of our services are over or the grace is."""
        # This stop is always given up, in good time before it cuts calls by itself: two stops at the same time, or one
        # given up while it cuts, crash or confuse grpc.aio.
        closing = asyncio.ensure_future(server.stop(grace + _NEVER_SECONDS))
        idle = asyncio.ensure_future(self._calls.idle())
        try:
            await asyncio.wait((closing, idle), timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
            idle.cancel()
            await asyncio.wait((closing, idle))

    def _handlers(self, service: ServiceDescriptor, servicer: object) -> grpc.GenericRpcHandler:
        handlers = {
            method.name: self._handler(f"/{service.full_name}/{method.name}", method, servicer)
            for method in service.methods
        }
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _handler(self, name: str, method: MethodDescriptor, servicer: object) -> grpc.RpcMethodHandler[Any, Any]:
        request_type = GetMessageClass(method.input_type)
        function = getattr(servicer, re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower())
        if method.server_streaming:
            return stream_handler(name, request_type, function, self._gate, self._calls)
        return unary_handler(name, request_type, function, self._calls)


async def _listen(server: grpc.aio.Server, endpoint: Endpoint) -> int:
    """Bind the port and return it."""
    await _refuse_taken(endpoint)
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    address = f"{host}:{endpoint.port}"
    try:
        if endpoint.tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, _credentials(endpoint.tls))
    except RuntimeError as error:
        raise OSError(errno.EADDRNOTAVAIL, f"cannot listen on {address}") from error


async def _refuse_taken(endpoint: Endpoint) -> None:
    """Raise EADDRINUSE if any address of the host is taken on this port.

    gRPC tells no reason when it cannot bind, and is content with one of several addresses.
    """
    if not endpoint.port:
        return
    addresses = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in addresses:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise OSError(errno.EADDRINUSE, f"{endpoint.host}:{endpoint.port} is in use") from error


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)],
        root_certificates=tls.client_ca,
        require_client_auth=tls.client_ca is not None,
    )
