"""The server over ready frames: its port, its limits, its watches, its life."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import weakref
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from ticker.v1 import stock_service_pb2, stock_service_pb2_grpc, watch_service_pb2_grpc

from tests.support.watch_calls import (
    PATIENCE,
    REQUEST,
    info_of,
    keep_sending,
    numbered,
    opened,
    status_of_call,
    stuck,
)
from ticker_server.api.transport.endpoint import Endpoint, Tls
from ticker_server.api.transport.frames.server import FramesServer
from ticker_server.errors import ReaderTooSlow, StockNotFound, TickerError

LIST = stock_service_pb2.ListStocksRequest()
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    """The stub of the WatchService."""
    return watch_service_pb2_grpc.WatchServiceStub(channel)


async def list_stocks(target: str, credentials: grpc.ChannelCredentials | None = None) -> Any:
    """Call a server once, on a connection of its own."""
    channel = (
        grpc.aio.insecure_channel(target, options=OWN_CONNECTION)
        if credentials is None
        else grpc.aio.secure_channel(target, credentials, options=OWN_CONNECTION)
    )
    async with channel:
        return await stock_service_pb2_grpc.StockServiceStub(channel).ListStocks(LIST, timeout=PATIENCE)


# The port.


async def test_free_port_is_chosen_and_told(start: Any) -> None:
    """Port 0 is any free port; the server tells which."""
    first, second = await start(Endpoint()), await start(Endpoint())

    assert first.port != second.port
    assert not (await list_stocks(first.target)).stocks
    assert not (await list_stocks(second.target)).stocks


async def test_taken_port_is_an_error(start: Any) -> None:
    """A port on which another server listens is an error, also when that server is one of ours."""
    running = await start(Endpoint())

    with pytest.raises(OSError, match=f"127.0.0.1:{running.port} is in use") as raised:
        await start(Endpoint(port=running.port))

    assert raised.value.errno == errno.EADDRINUSE


async def test_address_of_another_machine_is_an_error(start: Any) -> None:
    """An address that is not this machine's cannot be listened on."""
    with pytest.raises(OSError, match="assign"):
        await start(Endpoint(host="192.0.2.1", port=0))


async def test_port_of_the_other_family_may_be_taken(start: Any) -> None:
    """A host name of which one address is taken is an error: the server would look alive to some clients alone."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await start(Endpoint(host="localhost", port=taken.getsockname()[1]))


async def test_stop_before_start_is_nothing(services: Any, clock: Any) -> None:
    """A server that was never started can be stopped."""
    await FramesServer(services, Endpoint(), clock).stop(0)


async def test_stopped_server_frees_its_port(start: Any) -> None:
    """After the stop nobody listens any more, and the port can be taken again."""
    running = await start(Endpoint())
    await list_stocks(running.target)
    await running.server.stop(0)

    assert (await start(Endpoint(port=running.port))).port == running.port


async def test_secure_port_needs_tls(start: Any, pems: Path) -> None:
    """With a certificate, clients that trust it are served, and plain text is not."""
    certificate, key = (pems / "cert.pem").read_bytes(), (pems / "key.pem").read_bytes()
    running = await start(Endpoint(tls=Tls(certificate, key)))
    target = f"localhost:{running.port}"

    answer = await list_stocks(target, grpc.ssl_channel_credentials(certificate))

    assert not answer.stocks
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await list_stocks(target)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_client_ca_demands_a_certificate(start: Any, pems: Path) -> None:
    """With a client CA, only clients that show a certificate of it are served."""
    certificate, key = (pems / "cert.pem").read_bytes(), (pems / "key.pem").read_bytes()
    running = await start(Endpoint(tls=Tls(certificate, key, client_ca=certificate)))
    target = f"localhost:{running.port}"

    answer = await list_stocks(target, grpc.ssl_channel_credentials(certificate, key, certificate))

    assert not answer.stocks
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await list_stocks(target, grpc.ssl_channel_credentials(certificate))
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE


# Calls.


async def test_call_is_answered_or_told_what_is_wrong(start: Any, catalog: Any) -> None:
    """A servicer's answer is the answer, and its error has its details."""
    running = await start(Endpoint())
    await catalog.create_stock("AAPL", name="Apple", currency="USD")
    async with grpc.aio.insecure_channel(running.target, options=OWN_CONNECTION) as channel:
        stub = stock_service_pb2_grpc.StockServiceStub(channel)
        assert (await stub.GetStock(stock_service_pb2.GetStockRequest(stock_id="AAPL"))).name == "Apple"
        call = stub.GetStock(stock_service_pb2.GetStockRequest(stock_id="NOPE"))

        assert await call.code() == grpc.StatusCode.NOT_FOUND
        assert "NOPE" in await call.details()
        assert "grpc-status-details-bin" in {key for key, _ in await call.trailing_metadata()}


async def test_request_of_ten_megabytes_is_refused(start: Any) -> None:
    """A request above 4 MiB is refused, and the server goes on, also on that connection."""
    running = await start(Endpoint())
    async with grpc.aio.insecure_channel(running.target, options=OWN_CONNECTION) as channel:
        stub = stock_service_pb2_grpc.StockServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.GetStock(stock_service_pb2.GetStockRequest(stock_id="A" * 10_000_000))

        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert not (await stub.ListStocks(LIST)).stocks


@pytest.mark.parametrize(
    ("method", "message"),
    [("WatchService/WatchStocks", "WatchStocksRequest"), ("StockService/GetStock", "GetStockRequest")],
)
async def test_bytes_that_are_no_request_are_refused(
    channel: grpc.aio.Channel, watches: Any, method: str, message: str
) -> None:
    """Bytes that are no request are refused by the request's name, and open nothing."""
    call = channel.unary_stream(f"/ticker.v1.{method}")(b"\xff\xff\xff")

    assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert await call.details() == f"the request is not a ticker.v1.{message} message"
    assert watches.opened.empty()


# Watches.


async def test_messages_arrive_in_order(stub: Any, watches: Any) -> None:
    """Messages arrive as they were sent, the end is OK, and the watch is closed once."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    sent = keep_sending(watch, 200, size=2_000)

    received = [int((await call.read()).opened.watch_id) for _ in range(200)]
    watch.sink.end(None)

    assert received == sent == list(range(200))
    assert await call.read() == grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK
    await asyncio.wait_for(watch.closed.wait(), PATIENCE)
    assert watch.times_closed == 1


async def test_watch_may_send_before_it_is_open(stub: Any, watches: Any) -> None:
    """What a watch sends while it is being opened is delivered."""
    watches.on_open = lambda watch: keep_sending(watch, 3)

    call = stub.WatchStocks(REQUEST)

    assert [(await call.read()).opened.watch_id for _ in range(3)] == ["0", "1", "2"]
    call.cancel()


async def test_watch_learns_request_and_caller(stub: Any, watches: Any, clock: Any) -> None:
    """A watch is given the request, the peer, the deadline, and an id for the log."""
    call = stub.WatchStocks(REQUEST, timeout=60)
    watch = await opened(watches)

    assert watch.request == REQUEST
    assert watch.caller.peer.startswith("ipv4:127.0.0.1:")
    assert abs(watch.caller.deadline - clock.now - 60 * 10**9) < 10 * 10**9
    assert len(watch.caller.request_id) == 16
    call.cancel()


async def test_error_at_the_end_has_details(stub: Any, watches: Any) -> None:
    """A watch that ends with an error ends the stream with its status, after what was sent."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    watch.sink.send([numbered(1)])
    watch.sink.end(ReaderTooSlow(10_000))

    assert (await call.read()).opened.watch_id == "1"
    status = await status_of_call(call)

    assert await call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status.message.startswith("READER_TOO_SLOW: ")
    assert info_of(status).reason == "READER_TOO_SLOW"
    assert watch.times_closed == 1


async def test_watch_that_cannot_be_opened_has_details(stub: Any, watches: Any) -> None:
    """An error while a watch is opened is the status of the stream."""
    watches.failure = StockNotFound("AAPL")

    status = await status_of_call(stub.WatchStocks(REQUEST))

    assert info_of(status).reason == "STOCK_NOT_FOUND"


@pytest.mark.parametrize("failure", [ValueError("secret"), asyncio.CancelledError("secret")])
async def test_unforeseen_error_tells_nothing(stub: Any, watches: Any, failure: BaseException) -> None:
    """An error nobody foresaw ends the stream at once with an opaque id, a stray cancellation too."""
    watches.failure = failure

    status = await status_of_call(stub.WatchStocks(REQUEST))

    assert info_of(status).reason == "INTERNAL"
    assert "secret" not in str(status)


async def test_error_in_the_callback_ends_the_stream(stub: Any, watches: Any, until: Any) -> None:
    """A watch that fails while it is called back costs its own stream, and is closed."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    await stuck(keep_sending(watch, 10_000, size=2_000), until)

    def fail() -> None:
        raise ValueError("secret")

    watch.sink.on_writable = fail

    status = await status_of_call(call)
    assert info_of(status).reason == "INTERNAL"
    assert watch.times_closed == 1


async def test_cancelled_idle_stream_closes_its_watch(stub: Any, watches: Any) -> None:
    """A reader that goes away while nothing is sent has its watch closed once."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)

    call.cancel()

    await asyncio.wait_for(watch.closed.wait(), PATIENCE)
    assert watch.times_closed == 1


async def test_cancelled_stuck_stream_closes_its_watch(
    stub: Any, watches: Any, running: Any, until: Any, caplog: Any
) -> None:
    """A reader that goes away while a message waits for it has its watch closed once, and nothing is logged."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    await stuck(keep_sending(watch, 10_000, size=2_000), until)

    call.cancel()

    await asyncio.wait_for(watch.closed.wait(), PATIENCE)
    await asyncio.wait_for(running.server.stop(60), PATIENCE)
    assert watch.times_closed == 1
    assert not caplog.records


async def test_reader_that_does_not_read_holds_up_itself_alone(stub: Any, watches: Any, until: Any) -> None:
    """While one reader does not read, its watch is not writable, and another stream of its connection goes on."""
    silent = stub.WatchStocks(REQUEST)
    silent_watch = await opened(watches)
    sent = keep_sending(silent_watch, 10_000, size=2_000)
    await stuck(sent, until)

    call = stub.WatchStocks(REQUEST)
    keep_sending(await opened(watches), 500, size=1_000)
    received = [int((await call.read()).opened.watch_id) for _ in range(500)]

    assert received == list(range(500))
    assert not silent_watch.sink.writable
    assert len(sent) < 2_000
    silent.cancel()
    call.cancel()


async def test_slow_reader_goes_on_where_it_stopped(stub: Any, watches: Any, until: Any) -> None:
    """A reader that reads again gets all that was sent, and its watch is called back again."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    sent = keep_sending(watch, 1_000, size=2_000)
    await stuck(sent, until)
    assert len(sent) < 1_000

    received = [int((await call.read()).opened.watch_id) for _ in range(1_000)]

    assert received == list(range(1_000))
    call.cancel()


async def test_nothing_is_kept_of_a_watch_that_has_ended(stub: Any, watches: Any, until: Any) -> None:
    """A stream that is ended while its reader does not read closes its watch at once, and keeps nothing of it."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    await stuck(keep_sending(watch, 10_000, size=2_000), until)
    watch.sink.end(None)
    assert watch.times_closed == 1
    gone = weakref.ref(watch)
    del watch
    gc.collect()

    assert gone() is None
    call.cancel()


async def test_watch_that_ends_while_it_is_opened_is_closed(stub: Any, watches: Any, running: Any) -> None:
    """A watch that ends its stream before it is handed over is closed, and has left the gate."""
    held: list[Any] = []

    def end(watch: Any) -> None:
        held.append(watch)
        watch.sink.end(StockNotFound("AAPL"))

    watches.on_open = end
    status = await status_of_call(stub.WatchStocks(REQUEST))

    assert info_of(status).reason == "STOCK_NOT_FOUND"
    assert [watch.times_closed for watch in held] == [1]
    assert running.server.unread_streams == 0


# The gate.


async def test_one_stream_too_many_is_refused(start: Any, watches: Any) -> None:
    """A stream above the limit is refused with its quota; once another is closed there is room again."""
    running = await start(Endpoint(max_streams=1))
    async with grpc.aio.insecure_channel(running.target, options=OWN_CONNECTION) as channel:
        stub = watch_service_pb2_grpc.WatchServiceStub(channel)
        first = stub.WatchStocks(REQUEST)
        watch = await opened(watches)

        status = await status_of_call(stub.WatchStocks(REQUEST))
        assert info_of(status).reason == "STREAM_LIMIT"
        assert any(packed.Is(error_details_pb2.QuotaFailure.DESCRIPTOR) for packed in status.details)

        first.cancel()
        await asyncio.wait_for(watch.closed.wait(), PATIENCE)
        again = stub.WatchStocks(REQUEST)
        await opened(watches)
        again.cancel()


async def test_failed_opens_leave_the_gate(start: Any, watches: Any) -> None:
    """Watches that cannot be opened take nobody's place, however they fail."""
    running = await start(Endpoint(max_streams=1))
    async with grpc.aio.insecure_channel(running.target, options=OWN_CONNECTION) as channel:
        stub = watch_service_pb2_grpc.WatchServiceStub(channel)
        for watches.failure in (StockNotFound("A"), ValueError(), asyncio.CancelledError()):
            await status_of_call(stub.WatchStocks(REQUEST))
        watches.failure = None
        call = stub.WatchStocks(REQUEST)

        await opened(watches)
        call.cancel()


async def test_draining_server_refuses_new_streams(stub: Any, running: Any) -> None:
    """While a server is not serving, a new watch is told to come back later; other calls are answered."""
    await running.server.set_serving(serving=False)

    status = await status_of_call(stub.WatchStocks(REQUEST))

    assert info_of(status).reason == "SERVER_DRAINING"
    assert any(packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for packed in status.details)
    assert not (await list_stocks(running.target)).stocks


@pytest.mark.parametrize("error", [None, ReaderTooSlow(7)])
async def test_unread_ends_cost_their_own_connection(
    stub: Any, watches: Any, running: Any, until: Any, error: TickerError | None
) -> None:
    """Ended streams that are not read are counted; their connection gets no more, others do, and a cancel frees all."""
    calls = [stub.WatchStocks(REQUEST) for _ in range(33)]
    open_watches = [await opened(watches) for _ in calls]
    for watch in open_watches:
        await stuck(keep_sending(watch, 10_000, size=6_000), until, turns=200)
    for watch in open_watches:
        watch.sink.end(error, [numbered(1)])
        assert watch.times_closed == 1

    await until(lambda: running.server.unread_streams == 33)
    status = await status_of_call(stub.WatchStocks(REQUEST))
    async with grpc.aio.insecure_channel(running.target, options=OWN_CONNECTION) as channel:
        other = watch_service_pb2_grpc.WatchServiceStub(channel).WatchStocks(REQUEST)
        (await opened(watches)).sink.send([numbered(2)])
        assert (await other.read()).opened.watch_id == "2"
        other.cancel()
    for call in calls:
        call.cancel()
    await until(lambda: running.server.unread_streams == 0)

    assert info_of(status).reason == "STREAM_LIMIT"
    assert "33 watches of this connection have ended and were not read" in status.message
    again = stub.WatchStocks(REQUEST)
    await opened(watches)
    again.cancel()


async def test_unread_end_is_read_in_the_end(stub: Any, watches: Any, running: Any, until: Any) -> None:
    """A reader that reads again gets what was sent, the last message, and the status; then it counts no more."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    sent = keep_sending(watch, 10_000, size=2_000)
    await stuck(sent, until)
    watch.sink.end(ReaderTooSlow(7), [numbered(77)])
    assert running.server.unread_streams == 1

    numbers = [int((await call.read()).opened.watch_id) for _ in range(len(sent) + 1)]
    status = await status_of_call(call)
    await until(lambda: running.server.unread_streams == 0)

    assert numbers == [*sent, 77]
    assert info_of(status).reason == "READER_TOO_SLOW"


# The end.


async def test_drained_streams_end_with_ok(stub: Any, watches: Any, running: Any) -> None:
    """Streams that are ended before the server stops end with OK, and the stop waits for no one."""
    calls = [stub.WatchStocks(REQUEST) for _ in range(20)]
    open_watches = [await opened(watches) for _ in calls]

    await running.server.set_serving(serving=False)
    for watch in open_watches:
        watch.sink.send([numbered(1)])
        watch.sink.end(None)
    await asyncio.wait_for(running.server.stop(60), PATIENCE)

    for call in calls:
        assert (await call.read()).opened.watch_id == "1"
        assert await call.read() == grpc.aio.EOF
        assert await call.code() == grpc.StatusCode.OK
    assert [watch.times_closed for watch in open_watches] == [1] * 20


async def test_watches_are_cut_when_the_grace_is_over(stub: Any, watches: Any, running: Any) -> None:
    """Watches that go on beyond the grace end with UNAVAILABLE, and are closed."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)

    await asyncio.wait_for(running.server.stop(0.05), PATIENCE)

    assert await call.code() == grpc.StatusCode.UNAVAILABLE
    assert watch.times_closed == 1


async def test_stuck_stream_is_cut_when_the_grace_is_over(
    stub: Any, watches: Any, running: Any, until: Any, caplog: Any
) -> None:
    """A stop does not wait for a reader that does not read longer than the grace, closes its watch, logs nothing."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    await stuck(keep_sending(watch, 10_000, size=2_000), until)
    watch.sink.end(None)

    await asyncio.wait_for(running.server.stop(0.05), PATIENCE)

    assert watch.times_closed == 1
    assert not caplog.records
    call.cancel()


async def test_hundreds_of_watches_open_at_once(start: Any, watches: Any) -> None:
    """Hundreds of watches that are opened at once on shared connections are all served."""
    running = await start(Endpoint())
    watches.on_open = lambda watch: watch.sink.send([numbered(1)])
    channels = [grpc.aio.insecure_channel(running.target, options=OWN_CONNECTION) for _ in range(4)]
    stubs = [watch_service_pb2_grpc.WatchServiceStub(channel) for channel in channels]

    calls = [stubs[number % 4].WatchStocks(REQUEST) for number in range(400)]
    first = await asyncio.wait_for(asyncio.gather(*(call.read() for call in calls)), 30)

    assert [response.opened.watch_id for response in first] == ["1"] * 400
    assert not (await list_stocks(running.target)).stocks
    for channel in channels:
        await channel.close()
