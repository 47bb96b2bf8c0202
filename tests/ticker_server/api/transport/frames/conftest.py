"""A real server over ready frames, on a free port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import uvloop

from ticker_server.api.transport.endpoint import Endpoint
from ticker_server.api.transport.frames.server import FramesServer
from ticker_server.api.transport.services import Services

# Small windows, so that a reader that does not read holds up the server soon.
SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16_384))


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Function
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run what has real sockets on the loops that serve: their transports differ in when they write, pause and close."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {}
    if item.path.name != "test_server.py":
        loops["asyncio"] = asyncio.new_event_loop
    if item.path.name in {"test_listener.py", "test_server.py"}:
        loops["uvloop"] = uvloop.new_event_loop
    return loops


@dataclass
class Running:
    """A server that runs, and its port."""

    server: FramesServer
    port: int

    @property
    def target(self) -> str:
        """The address to connect to."""
        return f"127.0.0.1:{self.port}"


@pytest.fixture
async def start(services: Services, clock: Any) -> AsyncIterator[Callable[[Endpoint], Awaitable[Running]]]:
    """Starts servers, and stops them after the test."""
    servers: list[FramesServer] = []

    async def started(endpoint: Endpoint) -> Running:
        server = FramesServer(services, endpoint, clock)
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
    options = (*SMALL_WINDOW, ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(running.target, options=options) as open_channel:
        yield open_channel
