"""The door of a gateway."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.virtual_clock import VirtualClock
from ticker_server.api.transport.services import Services
from ticker_server.app import AddressUnusable
from ticker_server.app.door import open_door
from ticker_server.settings import Settings, Transport


class NoServicer:
    """A servicer that nobody calls."""

    def __getattr__(self, name: str) -> Any:
        return name


SERVICES = Services(*[cast("Any", NoServicer())] * 5)


async def health(channel: grpc.aio.Channel) -> Any:
    """Ask a server for its health."""
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    return answer.status


@pytest.mark.parametrize("transport", Transport, ids=str)
async def test_door_is_open_but_not_yet_serving(clock: VirtualClock, transport: Transport) -> None:
    """A door that was opened answers on its port, and its health says that it is not serving until it is told so."""
    server, port = await open_door(SERVICES, Settings.load(port=0, transport=transport), clock)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            before = await health(channel)
            await server.set_serving(serving=True)
            after = await health(channel)
    finally:
        await server.stop(0)

    assert before == health_pb2.HealthCheckResponse.NOT_SERVING
    assert after == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("transport", Transport, ids=str)
async def test_door_with_a_certificate_speaks_tls(clock: VirtualClock, pems: Path, transport: Transport) -> None:
    """The files of the settings are what the port is secured with."""
    settings = Settings.load(port=0, transport=transport, tls_cert=pems / "cert.pem", tls_key=pems / "key.pem")
    credentials = grpc.ssl_channel_credentials(await asyncio.to_thread((pems / "cert.pem").read_bytes))
    server, port = await open_door(SERVICES, settings, clock)
    try:
        async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
            assert await health(channel) == health_pb2.HealthCheckResponse.NOT_SERVING
    finally:
        await server.stop(0)


@pytest.mark.parametrize("transport", Transport, ids=str)
async def test_taken_address_says_what_to_do(clock: VirtualClock, transport: Transport) -> None:
    """An address that somebody else listens on is told with the flags that give another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressUnusable, match=f":{port} is in use by another process; .* --host and --port"):
            await open_door(SERVICES, Settings.load(port=port, transport=transport), clock)


@pytest.mark.parametrize(("transport", "other"), [("grpcio", "frames"), ("frames", "grpcio")])
def test_modules_of_the_other_transport_are_not_loaded(transport: str, other: str) -> None:
    """A process has in memory the modules of the transport that it serves by, and none of the other's."""
    look = (
        "import sys; from ticker_server.app.door import _server; from ticker_server.settings import Transport; "
        f"_server(Transport({transport!r})); "
        "print(*{name.split('.')[3] for name in sys.modules if name.startswith('ticker_server.api.transport.')})"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=30, check=True)

    assert transport in done.stdout.split()
    assert other not in done.stdout.split()
