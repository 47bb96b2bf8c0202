"""The server over grpc.aio: puts the servicers behind one port."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections import defaultdict
from typing import Any

import grpc

from ticker_server.api.transport.endpoint import Endpoint, Tls, refuse_taken
from ticker_server.api.transport.gate import StreamGate
from ticker_server.api.transport.grpcio.calls import Calls
from ticker_server.api.transport.grpcio.health import Health
from ticker_server.api.transport.grpcio.reflection import add_reflection
from ticker_server.api.transport.grpcio.stream import stream_handler
from ticker_server.api.transport.grpcio.unary import unary_handler
from ticker_server.api.transport.health import HEALTH_SERVICE
from ticker_server.api.transport.services import Services
from ticker_server.clock import Clock

__all__ = ["GrpcServer"]

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


class GrpcServer:
    """Serves the servicers over gRPC: `start`, then `set_serving(serving=True)`; `set_serving(serving=False)`, then `stop`."""

    def __init__(self, services: Services, endpoint: Endpoint, clock: Clock) -> None:
        self._services = services
        self._endpoint = endpoint
        self._calls = Calls(clock)
        self._gate = StreamGate(endpoint.max_streams)
        self._names = services.names()
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
        server.add_generic_rpc_handlers(self._handlers())
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

    def _handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        handlers: defaultdict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = defaultdict(dict)
        for rpc in self._services.rpcs():
            handlers[rpc.service][rpc.method] = (
                stream_handler(rpc, self._gate, self._calls) if rpc.is_streaming else unary_handler(rpc, self._calls)
            )
        return tuple(grpc.method_handlers_generic_handler(*methods) for methods in handlers.items())


async def _listen(server: grpc.aio.Server, endpoint: Endpoint) -> int:
    """Bind the port and return it."""
    # gRPC tells no reason when it cannot bind, and is content with one of several addresses.
    await refuse_taken(endpoint)
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    address = f"{host}:{endpoint.port}"
    try:
        if endpoint.tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, _credentials(endpoint.tls))
    except RuntimeError as error:
        raise OSError(errno.EADDRNOTAVAIL, f"cannot listen on {address}") from error


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)],
        root_certificates=tls.client_ca,
        require_client_auth=tls.client_ca is not None,
    )
