"""Fixtures of the client's tests: a scripted server, and clients of it, for asyncio and without."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.ticker_client.each_client import Connect, waiting_client
from tests.ticker_client.scripted_server import ScriptedServer
from ticker_client import TickerClient


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """Run a scripted server."""
    async with ScriptedServer().running() as running:
        yield running


@pytest.fixture(params=["async", "sync"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Return what makes a client: of the SDK for asyncio, and of the one without."""
    return TickerClient if request.param == "async" else waiting_client


@pytest.fixture
async def ticker(server: ScriptedServer, connect: Connect) -> AsyncIterator[TickerClient]:
    """Return an open client of the scripted server, for the user ana; each test runs with either SDK."""
    async with connect(server.target, user_id="ana") as client:
        yield client


@pytest.fixture
async def asyncio_ticker(server: ScriptedServer) -> AsyncIterator[TickerClient]:
    """Return such a client for asyncio, for tests of what only that one has: tasks, and parts to look into."""
    async with TickerClient(server.target, user_id="ana") as client:
        yield client
