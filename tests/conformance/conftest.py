"""A listener of the frames transport, in plain text and over TLS, on the event loops that it may have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tests.support.interop.server import InteropServer, running_interop_server


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Function
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run the tests that ask for it on either loop, whose transports close and pause in their own ways."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if "either_loop" in item.fixturenames:
        loops["uvloop"] = uvloop.new_event_loop
    return loops


@pytest.fixture
def either_loop() -> None:
    """Ask for a run on each loop."""


@pytest.fixture(params=["plain", "tls"])
async def interop_server(request: pytest.FixtureRequest, either_loop: None) -> AsyncIterator[InteropServer]:
    """Serve the interoperability service in plain text, then over TLS."""
    pems = request.getfixturevalue("pems") if request.param == "tls" else None
    async with running_interop_server(pems) as running:
        yield running
