"""Fixtures that cross the wire: a real gateway and channels to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.support.certificates import pems
from tests.support.gateways import running_gateway
from tests.support.servers import broker, mark_by_fixture, postgres, postgres_url, topic_prefix
from tests.support.virtual_clock import VirtualClock
from tests.support.wire import Stubs
from ticker_server.app import Gateway
from ticker_server.catalog import sqlite_url, upgrade

# How long an example takes says something about the machine's other work, not about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Folders of tests that wait for real servers to fail and to come back.
LONGEST = {"faults", "integration"}

# Fixtures for all tests that stand in modules of their own.
__all__ = ["broker", "pems", "postgres", "postgres_url", "topic_prefix"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a real server, and let those begin first that take longest: two processes share them."""
    mark_by_fixture(items)
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)


@pytest.fixture(autouse=True)
def _quiet_logs() -> None:
    """Keep the log of servers under test out of the output; `structlog.testing.capture_logs` still works."""
    structlog.reset_defaults()  # a test before may have set a level of its own
    structlog.configure(processors=[structlog.testing.LogCapture()], cache_logger_on_first_use=False)


@pytest.fixture
def clock() -> VirtualClock:
    """Return a clock that stands still until the test moves it."""
    return VirtualClock()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated, empty database file to copy."""
    path = tmp_path_factory.mktemp("template") / "ticker.db"
    upgrade(sqlite_url(path))
    return path


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """Run a gateway on the system clock, empty at first."""
    async with running_gateway(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def channel(gateway: Gateway) -> AsyncIterator[grpc.aio.Channel]:
    """Return a plain channel to the gateway."""
    async with grpc.aio.insecure_channel(gateway.target) as opened:
        yield opened


@pytest.fixture
def stubs(channel: grpc.aio.Channel) -> Stubs:
    """Return the generated stubs of the gateway."""
    return Stubs(channel)


@pytest.fixture
async def virtual_stubs(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Stubs]:
    """Return the stubs of a gateway whose time stands still until the test moves `clock`."""
    async with (
        running_gateway(tmp_path / "data", clock=clock) as running,
        grpc.aio.insecure_channel(running.target) as opened,
    ):
        yield Stubs(opened)
