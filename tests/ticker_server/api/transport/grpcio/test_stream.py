"""Watch streams over grpc.aio."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from ticker.v1 import watch_service_pb2_grpc

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
from ticker_server.api.transport.endpoint import Endpoint
from ticker_server.api.transport.grpcio.stream import StreamSink
from ticker_server.errors import ReaderTooSlow, StockNotFound, TickerError


class Writer:
    """What a sink writes into: each write waits until it is let out."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.let_out = asyncio.Semaphore(0)

    async def write(self, message: bytes) -> None:
        """Take a message once it is let out."""
        await self.let_out.acquire()
        self.written.append(message)


class Held:
    """What a sink holds: counts its closes."""

    def __init__(self) -> None:
        self.times_closed = 0

    def pull(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Count a close."""
        self.times_closed += 1


async def turns(count: int = 5) -> None:
    """Let the loop make a few turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_sink_is_writable_once_a_message_is_out() -> None:
    """A sink takes one message at a time, and calls back when that is out."""
    sink, writer, called = StreamSink(), Writer(), []
    sink.on_writable = lambda: called.append(sink.writable)
    writing = asyncio.ensure_future(sink.write_all(writer.write))

    assert sink.writable
    sink.send([b"a", b"b"])
    await turns()
    assert not sink.writable
    assert not called
    writer.let_out.release()
    await turns()

    assert writer.written == [b"ab"]
    assert called == [True]
    sink.end(None)
    await writing


async def test_sink_refuses_a_second_message() -> None:
    """Sending into a sink that is not writable is an error of the sender."""
    sink = StreamSink()
    sink.send([b"a"])

    with pytest.raises(RuntimeError, match="not writable"):
        sink.send([b"b"])


async def test_end_comes_after_what_was_sent() -> None:
    """A message that was sent before the end is written before it; nobody is called back for it."""
    sink, writer, called = StreamSink(), Writer(), []
    sink.on_writable = lambda: called.append(True)
    sink.send([b"a"])
    sink.end(ReaderTooSlow(7))
    writer.let_out.release()

    with pytest.raises(ReaderTooSlow):
        await sink.write_all(writer.write)

    assert writer.written == [b"a"]
    assert not called
    assert not sink.writable


async def test_only_the_first_end_counts() -> None:
    """A stream that was ended with OK stays so."""
    sink, writer = StreamSink(), Writer()
    sink.end(None)
    sink.end(ReaderTooSlow(7))

    await sink.write_all(writer.write)


async def test_messages_sent_while_called_back_are_written() -> None:
    """A watch that sends from its callback goes on as long as it has something to send."""
    sink, writer = StreamSink(), Writer()
    todo = [b"b", b"c"]
    sink.on_writable = lambda: sink.send([todo.pop(0)]) if todo else sink.end(None)
    for _ in range(3):
        writer.let_out.release()
    sink.send([b"a"])

    await sink.write_all(writer.write)

    assert writer.written == [b"a", b"b", b"c"]


async def test_last_message_waits_for_the_one_before() -> None:
    """A stream that is ended while a write waits for the reader says its last words after that."""
    sink, writer = StreamSink(), Writer()
    writing = asyncio.ensure_future(sink.write_all(writer.write))
    sink.send([b"a"])
    await turns()
    sink.end(None, [b"b", b"c"])
    await turns()
    assert not writer.written
    writer.let_out.release()
    writer.let_out.release()
    await writing

    assert writer.written == [b"a", b"bc"]


async def test_watch_is_let_go_when_its_stream_ends() -> None:
    """A stream that is ended while its reader does not read closes its watch at once, and keeps nothing of it."""
    sink, writer = StreamSink(), Writer()
    watch = Held()
    sink.on_writable = watch.pull
    sink.hold(watch)
    writing = asyncio.ensure_future(sink.write_all(writer.write))
    sink.send([b"a"])
    await turns()
    gone = weakref.ref(watch)
    del watch
    assert gone() is not None

    sink.end(None)

    assert gone() is None
    assert not writing.done()
    writing.cancel()


async def test_watch_that_ended_while_it_was_opened_is_closed() -> None:
    """A watch that ends its stream before it is handed over is closed all the same."""
    ended: list[bool] = []
    sink, watch = StreamSink(lambda: ended.append(True)), Held()
    sink.end(None)
    sink.end(None)
    sink.hold(watch)
    sink.release()

    assert watch.times_closed == 1
    assert ended == [True]


async def test_messages_arrive_in_order(stub: Any, watches: Any) -> None:
    """Each message is written after the one before, the watch is called back each time, and the end is OK."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    sent = keep_sending(watch, 200)

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


async def test_watch_learns_request_and_caller(stub: Any, watches: Any) -> None:
    """A watch is given the request, the peer, the deadline, and an id for the log."""
    call = stub.WatchStocks(REQUEST, timeout=60)
    watch = await opened(watches)

    assert watch.request == REQUEST
    assert watch.caller.peer.startswith("ipv4:127.0.0.1:")
    assert watch.caller.deadline is not None
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

    assert status.message == ('STOCK_NOT_FOUND: stock "AAPL" does not exist; list them with StockService/ListStocks')
    assert info_of(status).reason == "STOCK_NOT_FOUND"


@pytest.mark.parametrize("failure", [ValueError("secret"), asyncio.CancelledError("secret")])
async def test_unforeseen_error_tells_nothing(stub: Any, watches: Any, failure: BaseException) -> None:
    """An error nobody foresaw ends the stream at once with an opaque id, a stray cancellation too."""
    watches.failure = failure

    status = await status_of_call(stub.WatchStocks(REQUEST))

    assert info_of(status).reason == "INTERNAL"
    assert "secret" not in str(status)


async def test_error_in_the_callback_ends_the_stream(stub: Any, watches: Any) -> None:
    """A watch that fails while it is called back costs its own stream, and is closed."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)

    def fail() -> None:
        raise ValueError("secret")

    watch.sink.on_writable = fail
    watch.sink.send([numbered(1)])

    status = await status_of_call(call)
    assert info_of(status).reason == "INTERNAL"
    assert watch.times_closed == 1


async def test_cancelled_idle_stream_closes_its_watch(stub: Any, watches: Any) -> None:
    """A reader that goes away while nothing is sent has its watch closed once."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)

    call.cancel()

    await asyncio.wait_for(watch.closed.wait(), PATIENCE)
    await turns()
    assert watch.times_closed == 1


async def test_cancelled_stuck_stream_closes_its_watch(
    stub: Any, watches: Any, running: Any, until: Any, caplog: Any
) -> None:
    """A reader that goes away while a write waits for it has its watch closed once, and nothing is logged."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    sent = keep_sending(watch, 10_000, size=2_000)
    await stuck(sent, until)

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


async def test_one_stream_too_many_is_refused(start: Any, watches: Any, until: Any) -> None:
    """A stream above the limit is refused with its quota; once another is closed there is room again."""
    running = await start(Endpoint(max_streams=1))
    async with grpc.aio.insecure_channel(running.target) as channel:
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


async def test_draining_server_refuses_new_streams(stub: Any, running: Any) -> None:
    """While a server is not serving, a new watch is told to come back later."""
    await running.server.set_serving(serving=False)

    status = await status_of_call(stub.WatchStocks(REQUEST))

    assert info_of(status).reason == "SERVER_DRAINING"
    assert any(packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for packed in status.details)


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


async def test_stuck_stream_is_cut_when_the_grace_is_over(
    stub: Any, watches: Any, running: Any, until: Any, caplog: Any
) -> None:
    """A stop does not wait for a reader that does not read longer than the grace, closes its watch, logs nothing."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    await stuck(keep_sending(watch, 10_000, size=2_000), until)
    watch.sink.end(None)

    await asyncio.wait_for(running.server.stop(0.1), PATIENCE)

    assert watch.times_closed == 1
    assert not caplog.records
    call.cancel()


@pytest.mark.parametrize("error", [None, ReaderTooSlow(7)])
async def test_unread_ends_cost_their_own_connection(
    stub: Any, watches: Any, running: Any, until: Any, caplog: Any, error: TickerError | None
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
    async with grpc.aio.insecure_channel(running.target, options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
        other = watch_service_pb2_grpc.WatchServiceStub(channel).WatchStocks(REQUEST)
        (await opened(watches)).sink.send([numbered(2)])
        assert (await other.read()).opened.watch_id == "2"
        other.cancel()
    for call in calls:
        call.cancel()
    await until(lambda: running.server.unread_streams == 0)

    assert info_of(status).reason == "STREAM_LIMIT"
    assert "33 watches of this connection have ended and were not read" in status.message
    assert any(packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for packed in status.details)
    again = stub.WatchStocks(REQUEST)
    await opened(watches)
    again.cancel()
    await asyncio.wait_for(running.server.stop(60), PATIENCE)
    assert not caplog.records


async def test_unread_end_is_read_in_the_end(stub: Any, watches: Any, running: Any, until: Any) -> None:
    """A reader that reads again gets what was sent, the last message, and the status; then it counts no more."""
    call = stub.WatchStocks(REQUEST)
    watch = await opened(watches)
    sent = keep_sending(watch, 10_000, size=2_000)
    await stuck(sent, until)
    watch.sink.end(ReaderTooSlow(7), [numbered(77)])

    numbers = [int((await call.read()).opened.watch_id) for _ in range(len(sent) + 1)]
    status = await status_of_call(call)
    await until(lambda: running.server.unread_streams == 0)

    assert numbers == [*sent, 77]
    assert info_of(status).reason == "READER_TOO_SLOW"


async def test_bytes_that_are_no_request_are_refused(channel: grpc.aio.Channel, watches: Any) -> None:
    """Bytes that are no WatchStocksRequest are refused and open nothing."""
    call = channel.unary_stream("/ticker.v1.WatchService/WatchStocks")(b"\xff\xff\xff")

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()

    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "the request is not a ticker.v1.WatchStocksRequest message"
    assert watches.opened.empty()
