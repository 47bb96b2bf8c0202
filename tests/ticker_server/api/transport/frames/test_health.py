"""Health through real calls."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from tests.support.frames_calls import calling
from ticker_server.api.transport.frames.health import Health

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


async def test_stop_does_not_wait_for_those_who_watch(health: Any, running: Any) -> None:
    """A stream of health that nobody ends does not hold up the stop of the server; it ends with UNAVAILABLE."""
    call = health.Watch(health_pb2.HealthCheckRequest())
    assert (await call.read()).status == SERVING

    await asyncio.wait_for(running.server.stop(60), 10)
    assert await call.code() == grpc.StatusCode.UNAVAILABLE


async def test_watcher_hears_of_the_drain_before_the_end(health: Any, running: Any) -> None:
    """Who watches hears that the server does not serve any more before the stream ends."""
    call = health.Watch(health_pb2.HealthCheckRequest())
    assert (await call.read()).status == SERVING
    await running.server.set_serving(serving=False)
    stopping = asyncio.ensure_future(running.server.stop(60))

    assert (await call.read()).status == NOT_SERVING
    assert await call.code() == grpc.StatusCode.UNAVAILABLE
    await asyncio.wait_for(stopping, 10)


async def test_slow_watcher_gets_the_newest() -> None:
    """Who does not read is told the newest status when it reads again, and not what was between."""
    service = Health(["", "a.Service"])
    watch = service.methods["/grpc.health.v1.Health/Watch"]
    async with calling(Watch=watch) as rig:
        rig.receive(rig.client.settings({4: 0}), rig.client.call(1, b"", "/test.Test/Watch"))
        await rig.turn()
        for serving in (True, False, True):
            service.set_serving(serving=serving)
            await rig.turn()
        rig.receive(rig.client.credit(1, 1_000))
        await rig.until(lambda: rig.replies[1].messages)
        await rig.turn()
        statuses = [health_pb2.HealthCheckResponse.FromString(each).status for each in rig.replies[1].messages]

    assert statuses[-1] == SERVING
    assert len(statuses) <= 2


@pytest.mark.parametrize("method", ["Check", "Watch"])
async def test_bytes_that_are_no_request_are_refused(channel: grpc.aio.Channel, method: str) -> None:
    """Bytes that are no HealthCheckRequest are the caller's fault, and no error of the server."""
    with capture_logs() as logs:
        call = channel.unary_stream(f"/grpc.health.v1.Health/{method}")(b"\xff\xff\xff")
        code = await call.code()

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert not [entry for entry in logs if entry["log_level"] == "error"]
