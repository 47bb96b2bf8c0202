"""A real server on a free port, with a watch servicer that does what a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from ticker.v1 import watch_service_pb2, watch_service_pb2_grpc

from ticker_server.api.caller import Caller
from ticker_server.api.prices import PriceServicer
from ticker_server.api.stocks import StockServicer
from ticker_server.api.subscriptions import SubscriptionServicer
from ticker_server.api.transport.grpcio.server import Endpoint, GrpcServer, Services
from ticker_server.api.users import UserServicer
from ticker_server.errors import NotBuilt
from ticker_server.fanout.sink import Sink

# Small windows, so that a reader that does not read holds up the server soon.
SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16_384))


@dataclass(eq=False)
class FakeWatch:
    """An open watch: what was asked for, the sink, and how often it was closed."""

    request: watch_service_pb2.WatchStocksRequest
    caller: Caller
    sink: Sink
    times_closed: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def close(self) -> None:
        """Count a close."""
        self.times_closed += 1
        self.closed.set()


@dataclass
class FakeWatches:
    """Opens watches that a test drives by hand, or fails as it is told."""

    failure: BaseException | None = None
    on_open: Callable[[FakeWatch], None] = lambda _: None
    opened: asyncio.Queue[FakeWatch] = field(default_factory=asyncio.Queue)

    async def watch_stocks(
        self, request: watch_service_pb2.WatchStocksRequest, caller: Caller, sink: Sink
    ) -> FakeWatch:
        """Open a watch that a test drives, or fail."""
        if self.failure is not None:
            raise self.failure
        watch = FakeWatch(request, caller, sink)
        self.on_open(watch)
        self.opened.put_nowait(watch)
        return watch

    async def update_watch(
        self, _request: watch_service_pb2.UpdateWatchRequest, _caller: Caller
    ) -> watch_service_pb2.UpdateWatchResponse:
        """Answer as the servicer does."""
        raise NotBuilt("UpdateWatch")


@pytest.fixture
def watches() -> FakeWatches:
    """A watch servicer that a test drives by hand."""
    return FakeWatches()


@pytest.fixture
def services(catalog: Any, log: Any, clock: Any, watches: FakeWatches) -> Services:
    """All servicers, over stand-ins."""
    prices = PriceServicer(
        log=log,
        find_stock=catalog.find_stock,
        newest=log.newest.get,
        stocks_after=catalog.stocks_after,
        clock=clock,
    )
    return Services(
        StockServicer(catalog), UserServicer(catalog), SubscriptionServicer(catalog, clock), prices, watches
    )


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


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits, turn by turn of the loop, until a condition holds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in a library, without an event
                await asyncio.sleep(0)

    return wait
