"""Servicers for a transport to serve, with one of watches that does what a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ticker.v1 import watch_service_pb2

from ticker_server.api.caller import Caller
from ticker_server.api.prices import PriceServicer
from ticker_server.api.stocks import StockServicer
from ticker_server.api.subscriptions import SubscriptionServicer
from ticker_server.api.transport.services import Services
from ticker_server.api.users import UserServicer
from ticker_server.errors import NotBuilt
from ticker_server.fanout.sink import Sink


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


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits, turn by turn of the loop, until a condition holds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in a library, without an event
                await asyncio.sleep(0)

    return wait
