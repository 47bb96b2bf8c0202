"""Health through real calls."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
NAMES = ["", *(f"ticker.v1.{name}Service" for name in ("Stock", "User", "Subscription", "Price", "Watch"))]


@pytest.fixture
def health(channel: grpc.aio.Channel) -> Any:
    """The stub of the health service."""
    return health_pb2_grpc.HealthStub(channel)


@pytest.mark.parametrize("name", NAMES)
async def test_every_service_is_told(health: Any, running: Any, name: str) -> None:
    """The whole and each service by its full name are SERVING or not, as the process says."""
    request = health_pb2.HealthCheckRequest(service=name)

    before = await health.Check(request)
    await running.server.set_serving(serving=False)
    after = await health.Check(request)

    assert (before.status, after.status) == (SERVING, NOT_SERVING)


async def test_unknown_service_is_not_found(health: Any) -> None:
    """A service that does not exist has no health; who watches it is told that it is unknown."""
    request = health_pb2.HealthCheckRequest(service="ticker.v1.Nope")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await health.Check(request)
    call = health.Watch(request)

    assert raised.value.code() == grpc.StatusCode.NOT_FOUND
    assert (await call.read()).status == SERVICE_UNKNOWN
    call.cancel()


async def test_changes_are_told_to_those_who_watch(health: Any, running: Any) -> None:
    """Who watches the health is told at once how it is, and each time that it changes, not when it stays the same."""
    call = health.Watch(health_pb2.HealthCheckRequest())

    assert (await call.read()).status == SERVING
    await running.server.set_serving(serving=True)
    await running.server.set_serving(serving=False)
    assert (await call.read()).status == NOT_SERVING
    await running.server.set_serving(serving=True)
    assert (await call.read()).status == SERVING
    call.cancel()
