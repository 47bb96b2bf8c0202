"""The server over grpc.aio: its port, its limits, its life."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest
from ticker.v1 import (
    stock_service_pb2,
    stock_service_pb2_grpc,
    watch_service_pb2,
    watch_service_pb2_grpc,
)

from ticker_server.api.transport.endpoint import Endpoint, Tls
from ticker_server.api.transport.grpcio.server import CHANNEL_OPTIONS, GrpcServer

LIST = stock_service_pb2.ListStocksRequest()


async def list_stocks(target: str, credentials: grpc.ChannelCredentials | None = None) -> Any:
    """Call a server once, on a connection of its own."""
    connect = grpc.aio.insecure_channel
    options = (("grpc.use_local_subchannel_pool", 1),)
    channel = (
        connect(target, options=options)
        if credentials is None
        else grpc.aio.secure_channel(target, credentials, options=options)
    )
    async with channel:
        return await stock_service_pb2_grpc.StockServiceStub(channel).ListStocks(LIST, timeout=10)


async def test_free_port_is_chosen_and_told(start: Any) -> None:
    """Port 0 is any free port; the server tells which."""
    first, second = await start(Endpoint()), await start(Endpoint())

    assert first.port != second.port
    assert not (await list_stocks(first.target)).stocks
    assert not (await list_stocks(second.target)).stocks


async def test_port_can_be_chosen(start: Any) -> None:
    """A port that is free is taken as it is given."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    assert (await start(Endpoint(port=port))).port == port


async def test_taken_port_is_an_error(start: Any) -> None:
    """A port on which another server listens is an error, also when that server is one of ours."""
    running = await start(Endpoint())

    with pytest.raises(OSError, match=f"127.0.0.1:{running.port} is in use") as raised:
        await start(Endpoint(port=running.port))

    assert raised.value.errno == errno.EADDRINUSE


async def test_address_of_another_machine_is_an_error(start: Any) -> None:
    """An address that is not this machine's cannot be listened on."""
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1:"):
        await start(Endpoint(host="192.0.2.1", port=0))


async def test_stop_before_start_is_nothing(services: Any, clock: Any) -> None:
    """A server that was never started can be stopped."""
    await GrpcServer(services, Endpoint(), clock).stop(0)


async def test_stopped_server_frees_its_port(start: Any) -> None:
    """After the stop nobody listens any more, and the port can be taken again."""
    running = await start(Endpoint())
    await list_stocks(running.target)
    await running.server.stop(0)

    assert (await start(Endpoint(port=running.port))).port == running.port


async def test_request_of_ten_megabytes_is_refused_by_grpc(start: Any) -> None:
    """A request above 4 MiB gets gRPC's own error, and the server goes on."""
    running = await start(Endpoint())
    async with grpc.aio.insecure_channel(running.target) as channel:
        stub = stock_service_pb2_grpc.StockServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.GetStock(stock_service_pb2.GetStockRequest(stock_id="A" * 10_000_000))

        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert not (await stub.ListStocks(LIST)).stocks


async def test_a_thousand_watches_open_at_once(start: Any, watches: Any) -> None:
    """A thousand watches that are opened at once on shared connections are all served."""
    running = await start(Endpoint())
    message = watch_service_pb2.WatchStocksResponse(opened=watch_service_pb2.Opened(watch_id="w")).SerializeToString()
    watches.on_open = lambda watch: watch.sink.send([message])
    options = (("grpc.use_local_subchannel_pool", 1),)
    channels = [grpc.aio.insecure_channel(running.target, options=options) for _ in range(4)]
    stubs = [watch_service_pb2_grpc.WatchServiceStub(channel) for channel in channels]

    calls = [
        stubs[number % 4].WatchStocks(watch_service_pb2.WatchStocksRequest(stock_ids=["A"])) for number in range(1000)
    ]
    first = await asyncio.wait_for(asyncio.gather(*(call.read() for call in calls)), 30)

    assert [response.opened.watch_id for response in first] == ["w"] * 1000
    assert not (await list_stocks(running.target)).stocks
    for channel in channels:
        await channel.close()


def test_port_is_not_shared() -> None:
    """The server does not share its port with another process."""
    assert dict(CHANNEL_OPTIONS)["grpc.so_reuseport"] == 0


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A key, and a certificate for localhost that signs itself."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    try:
        subprocess.run(
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 1"
            f" -addext subjectAltName=DNS:localhost -keyout {key} -out {certificate}".split(),
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return Tls(certificate.read_bytes(), key.read_bytes())


async def test_secure_port_needs_tls(start: Any, tls: Tls) -> None:
    """With a certificate, clients that trust it are served, and plain text is not."""
    running = await start(Endpoint(tls=tls))
    target = f"localhost:{running.port}"

    answer = await list_stocks(target, grpc.ssl_channel_credentials(tls.certificate))

    assert not answer.stocks
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await list_stocks(target)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_client_ca_demands_a_certificate(start: Any, tls: Tls) -> None:
    """With a client CA, only clients that show a certificate of it are served."""
    running = await start(Endpoint(tls=Tls(tls.certificate, tls.key, client_ca=tls.certificate)))
    target = f"localhost:{running.port}"

    answer = await list_stocks(target, grpc.ssl_channel_credentials(tls.certificate, tls.key, tls.certificate))

    assert not answer.stocks
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await list_stocks(target, grpc.ssl_channel_credentials(tls.certificate))
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
