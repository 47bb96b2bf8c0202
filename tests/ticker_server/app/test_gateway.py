from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import grpc
import pytest
from ticker.v1 import stock_service_pb2, watch_service_pb2

from tests.support.gateways import running_gateway
from tests.support.virtual_clock import VirtualClock
from tests.support.wire import Stubs
from ticker_server.app import AddressUnusable, Gateway
from ticker_server.errors import PriceLogUnavailable
from ticker_server.model.tick import Tick
from ticker_server.ops.data_directory import DataDirectoryUnusable, locked_data_directory
from ticker_server.settings import Settings


class BreakingClock(VirtualClock):
    """A clock whose wall time cannot be read any more once it is broken."""

    broken = False

    def wall(self) -> int:
        """Return the virtual wall time, or fail."""
        if self.broken:
            raise ZeroDivisionError
        return super().wall()


async def test_gateway_can_be_reached_at_its_target(gateway: Gateway) -> None:
    """The target is the address that clients connect to, with the port that was really bound."""
    assert gateway.target == f"127.0.0.1:{gateway.port}"
    assert gateway.port > 0
    async with grpc.aio.insecure_channel(gateway.target) as channel:
        answer = await Stubs(channel).stocks.ListStocks(stock_service_pb2.ListStocksRequest())
    assert list(answer.stocks) == []


async def test_ipv6_target(tmp_path: Path) -> None:
    """The target of an IPv6 address has it in brackets, so that clients can use it as it is."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    async with running_gateway(tmp_path, host="[::1]") as gateway:
        assert gateway.target == f"[::1]:{gateway.port}"
        async with grpc.aio.insecure_channel(gateway.target) as channel:
            await Stubs(channel).create("AAPL")


async def test_tls(tmp_path: Path, pems: Path) -> None:
    """With a certificate and its key the gateway speaks TLS, and nothing else."""
    certificate = (pems / "cert.pem").read_bytes()
    credentials = grpc.ssl_channel_credentials(root_certificates=certificate)
    async with running_gateway(tmp_path, tls_cert=pems / "cert.pem", tls_key=pems / "key.pem") as gateway:
        async with grpc.aio.secure_channel(f"localhost:{gateway.port}", credentials) as channel:
            await Stubs(channel).create("AAPL")
        async with grpc.aio.insecure_channel(gateway.target) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await Stubs(channel).create("AAPL")
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_clients_without_a_certificate_are_refused(tmp_path: Path, pems: Path) -> None:
    """With a client CA, only clients that show a certificate of it are served."""
    certificate, key = (pems / "cert.pem").read_bytes(), (pems / "key.pem").read_bytes()
    files = {"tls_cert": pems / "cert.pem", "tls_key": pems / "key.pem", "tls_client_ca": pems / "cert.pem"}
    known = grpc.ssl_channel_credentials(certificate, private_key=key, certificate_chain=certificate)
    unknown = grpc.ssl_channel_credentials(certificate)
    async with running_gateway(tmp_path, **files) as gateway:
        async with grpc.aio.secure_channel(f"localhost:{gateway.port}", known) as channel:
            await Stubs(channel).create("AAPL")
        async with grpc.aio.secure_channel(f"localhost:{gateway.port}", unknown) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await Stubs(channel).create("AAPL")


async def test_second_gateway_on_the_data(gateway: Gateway, stubs: Stubs, tmp_path: Path) -> None:
    """A second gateway on the same data directory is refused, and the first one serves on."""
    with pytest.raises(DataDirectoryUnusable):
        await Gateway(Settings.load(data_dir=tmp_path / "data", port=0)).start()

    await stubs.create("AAPL")
    assert await stubs.publish("AAPL", "1")
    assert gateway.port


async def test_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A gateway that cannot listen ends all that it had started, and its data directory is free again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway = Gateway(Settings.load(data_dir=tmp_path, port=taken.getsockname()[1]))

        with pytest.raises(AddressUnusable, match="is in use by another process"):
            await gateway.start()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    with locked_data_directory(tmp_path):
        pass


async def test_address_of_another_machine(tmp_path: Path) -> None:
    """An address that is none of this machine's cannot be listened on, and it is not said that it was taken."""
    settings = Settings.load(host="192.0.2.1", allow_insecure=True, data_dir=tmp_path)

    with pytest.raises(AddressUnusable, match=r"192\.0\.2\.1:50051 cannot be listened on"):
        await Gateway(settings).start()


async def test_stop_ends_watches_as_planned(tmp_path: Path) -> None:
    """When the gateway stops, each watch is told to go away and when to come back, and its stream ends with OK."""
    async with running_gateway(tmp_path / "data") as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        stubs = Stubs(channel)
        await stubs.create("AAPL")
        async with stubs.watch(stock_ids=["AAPL"]) as stream, stubs.watch(stock_ids=["*"], every_tick=True) as other:
            await stream.caught_up()
            await other.caught_up()

            await gateway.stop()

            for each in (stream, other):
                assert await each.read_to_end() is grpc.StatusCode.OK
                goodbye = each.messages[-1].go_away
                assert goodbye.reason == watch_service_pb2.GO_AWAY_REASON_DRAINING
                assert 0 <= goodbye.reconnect_after.ToNanoseconds() < 10 * 10**9


async def test_old_streams_end_as_planned(tmp_path: Path, clock: VirtualClock) -> None:
    """A stream that has its age is told so and when to come back, and ends with OK; others go on."""
    async with (
        running_gateway(tmp_path / "data", clock=clock, stream_age=60.0) as gateway,
        grpc.aio.insecure_channel(gateway.target) as channel,
    ):
        stubs = Stubs(channel)
        await stubs.create("AAPL")
        async with stubs.watch(stock_ids=["AAPL"], every_tick=True) as stream:
            await stream.caught_up()
            clock.advance(47)
            async with stubs.watch(stock_ids=["AAPL"], every_tick=True) as younger:
                await younger.caught_up()
                clock.advance(25)
                code = await stream.read_to_end()
                await stubs.publish("AAPL", "1.5")
                await younger.updates(1)

    assert code is grpc.StatusCode.OK
    goodbye = stream.messages[-1].go_away
    assert goodbye.reason == watch_service_pb2.GO_AWAY_REASON_STREAM_AGE
    assert 0 <= goodbye.reconnect_after.ToNanoseconds() < 10**9


async def test_everything_is_kept_across_a_restart(tmp_path: Path) -> None:
    """A gateway that is started again knows the stocks, their newest prices and numbers, and shows them at once."""
    async with running_gateway(tmp_path) as gateway:
        epoch = gateway.price_log.epoch
        await gateway.catalog.create_stock("AAPL", name=None, currency=None)
        await gateway.price_log.publish([Tick("AAPL", "1"), Tick("AAPL", "2.50")])

    async with running_gateway(tmp_path) as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        async with Stubs(channel).watch(stock_ids=["AAPL"], every_tick=True) as stream:
            await stream.caught_up()
        assert gateway.price_log.epoch == epoch
    (snapshot,) = [update for message in stream.messages for update in message.updates]
    assert (snapshot.price, snapshot.sequence, snapshot.tick_number) == ("2.50", 2, 2)


async def test_publish_after_the_stop_is_refused(tmp_path: Path) -> None:
    """Nothing can be published once the gateway has stopped."""
    async with running_gateway(tmp_path) as gateway:
        pass

    with pytest.raises(PriceLogUnavailable):
        await gateway.price_log.publish([Tick("AAPL", "1")])


async def test_part_that_ends_is_a_failure(tmp_path: Path) -> None:
    """When a part that should run for ever breaks, what broke it is raised, and the gateway can still be stopped."""
    clock = BreakingClock()
    async with running_gateway(tmp_path, clock=clock) as gateway:
        failed = asyncio.create_task(gateway.failed())
        clock.broken = True
        publishing = asyncio.create_task(gateway.price_log.publish([Tick("AAPL", "1")]))

        with pytest.raises(ZeroDivisionError):
            await failed
        publishing.cancel()
        clock.broken = False


async def test_limits_of_the_settings_apply(tmp_path: Path) -> None:
    """The limits of the settings reach the parts that they are about."""
    limits = {"max_subscriptions_per_user": 1, "max_stocks_per_watch": 1, "reflection": False}
    async with running_gateway(tmp_path, **limits) as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        stubs = Stubs(channel)
        await stubs.create("AAPL", "MSFT")
        await stubs.add("ana", "AAPL")

        with pytest.raises(grpc.aio.AioRpcError, match="SUBSCRIPTION_LIMIT"):
            await stubs.add("ana", "MSFT")
        async with stubs.watch(stock_ids=["AAPL", "MSFT"]) as stream:
            assert await stream.read_to_end() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "WATCH_LIMIT" in await stream.call.details()


async def test_resume_across_a_restart(tmp_path: Path) -> None:
    """A reader of every tick that was away during a restart gets exactly what it missed."""
    async with running_gateway(tmp_path) as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        stubs = Stubs(channel)
        await stubs.create("AAPL", "MSFT")
        epoch = gateway.price_log.epoch
        first = await stubs.publish("AAPL", "1", "2", "3")
        await stubs.publish("MSFT", "9")
    position = {"stock_id": "AAPL", "sequence": first[0], "tick_number": 1}
    resume = {"log_epoch": epoch, "positions": [position]}

    async with running_gateway(tmp_path) as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        stubs = Stubs(channel)
        await stubs.publish("AAPL", "4")
        async with stubs.watch(stock_ids=["AAPL"], every_tick=True, resume=resume) as stream:
            await stream.caught_up()

    assert not [gap for message in stream.messages for gap in message.gaps]
    assert [update.price for message in stream.messages for update in message.updates] == ["2", "3", "4"]


async def test_stocks_born_while_away_are_replayed_across_a_restart(tmp_path: Path) -> None:
    """On a watch of all stocks each stock without a position is replayed from its first tick, each tick once."""
    async with running_gateway(tmp_path) as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        await Stubs(channel).create("AAPL")
        await Stubs(channel).publish("AAPL", "1", "2", "3")
        epoch = gateway.price_log.epoch

    async with running_gateway(tmp_path) as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        resume = {"log_epoch": epoch, "positions": []}
        async with Stubs(channel).watch(stock_ids=["*"], every_tick=True, resume=resume) as stream:
            await stream.caught_up()

    assert [update.price for message in stream.messages for update in message.updates] == ["1", "2", "3"]
