"""A real server over grpc.aio, on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from ticker.v1 import watch_service_pb2_grpc

from ticker_server.api.transport.endpoint import Endpoint
from ticker_server.api.transport.grpcio.server import GrpcServer
from ticker_server.api.transport.services import Services

# Small windows, so that a reader that does not read holds up the server soon.
SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16_384))


@dataclass
class Running:
    """A server that runs, and its port."""

    server: GrpcServer
    port: int

    @property
    def target(self) -> str:
        """The address to connect to."""
        return f"127.0.0.1:{self.port}"


@pytest.fixture
async def start(services: Services, clock: Any) -> AsyncIterator[Callable[[Endpoint], Awaitable[Running]]]:
    """Starts servers, and stops them after the test."""
    servers: list[GrpcServer] = []

    async def started(endpoint: Endpoint) -> Running:
        server = GrpcServer(services, endpoint, clock)
        servers.append(server)
        running = Running(server, await server.start())
        await server.set_serving(serving=True)
        return running

    yield started
    for server in servers:
        await server.stop(0)


@pytest.fixture
async def running(start: Callable[[Endpoint], Awaitable[Running]]) -> Running:
    """A server on a free port of the loopback."""
    return await start(Endpoint())


@pytest.fixture
async def channel(running: Running) -> AsyncIterator[grpc.aio.Channel]:
    """A connection to the running server."""
    async with grpc.aio.insecure_channel(running.target, options=SMALL_WINDOW) as open_channel:
        yield open_channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    """The stub of the WatchService."""
    return watch_service_pb2_grpc.WatchServiceStub(channel)
