"""Fixtures of the client's tests: a scripted server, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.ticker_client.scripted_server import ScriptedServer
from ticker_client import TickerClient


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """Run a scripted server."""
    async with ScriptedServer().running() as running:
        yield running


@pytest.fixture
async def ticker(server: ScriptedServer) -> AsyncIterator[TickerClient]:
    """Return an open client of the scripted server, for the user ana."""
    async with TickerClient(server.target, user_id="ana") as client:
        yield client
