"""TLS through the installed program: who is served, and who is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
from ticker.v1 import stock_service_pb2, stock_service_pb2_grpc

from tests.support.processes import running_server
from ticker_client import Tick, TickerClient, Update

TICKS = 5_000
WAIT_SECONDS = 10.0


def connected(target: str, *, trust: bytes, key: bytes | None = None) -> grpc.aio.Channel:
    """Return a connection of its own that trusts a certificate, and shows it too where it has the key."""
    credentials = grpc.ssl_channel_credentials(trust, private_key=key, certificate_chain=trust if key else None)
    return grpc.aio.secure_channel(target, credentials, options=(("grpc.use_local_subchannel_pool", 1),))


async def status_of(channel: grpc.aio.Channel) -> grpc.StatusCode:
    """Call the server once, and return the status."""
    request = stock_service_pb2.ListStocksRequest()
    async with channel:
        call = stock_service_pb2_grpc.StockServiceStub(channel).ListStocks(request, timeout=WAIT_SECONDS)
        return await call.code()


async def test_prices_come_through_tls(tmp_path: Path, pems: Path) -> None:
    """Over TLS a watch brings each of thousands of ticks; plain text is not served, and the server goes on."""
    files = ("--tls-cert", str(pems / "cert.pem"), "--tls-key", str(pems / "key.pem"))
    numbers: list[int] = []
    async with running_server(tmp_path / "data", *files) as server, asyncio.timeout(3 * WAIT_SECONDS):
        async with TickerClient(server.target, tls_ca=pems / "cert.pem") as ticker:
            await ticker.create_stock("AAPL")
            async with ticker.watch("AAPL", every_tick=True) as watch:
                await watch.ready()
                await ticker.publish([Tick("AAPL", "1.5")] * TICKS)
                async for event in watch:
                    if isinstance(event, Update):
                        numbers.append(event.tick_number)
                    if len(numbers) == TICKS:
                        break
        in_clear = await status_of(grpc.aio.insecure_channel(server.target))
        trusting = await status_of(connected(server.target, trust=(pems / "cert.pem").read_bytes()))
        doubting = await status_of(connected(server.target, trust=(pems / "other-cert.pem").read_bytes()))

    assert numbers == list(range(1, TICKS + 1))
    assert in_clear is grpc.StatusCode.UNAVAILABLE
    assert trusting is grpc.StatusCode.OK
    assert doubting is grpc.StatusCode.UNAVAILABLE


async def test_client_certificates_are_demanded(tmp_path: Path, pems: Path) -> None:
    """With a client CA, who shows no certificate, or that of another authority, is not served."""
    certificate, key = (pems / "cert.pem").read_bytes(), (pems / "key.pem").read_bytes()
    names = {"--tls-cert": "cert.pem", "--tls-key": "key.pem", "--tls-client-ca": "cert.pem"}
    files = [word for flag, name in names.items() for word in (flag, str(pems / name))]
    async with running_server(tmp_path / "data", *files) as server:
        known = await status_of(connected(server.target, trust=certificate, key=key))
        unknown = await status_of(connected(server.target, trust=certificate))

    assert known is grpc.StatusCode.OK
    assert unknown is grpc.StatusCode.UNAVAILABLE
