"""One call: what its handler sees, and how that ends the stream."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from structlog.testing import capture_logs

from tests.support.frames_calls import CallRig, calling
from tests.support.http2_client import grpc_message
from tests.support.virtual_clock import VirtualClock
from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.methods import Push, Streaming, Unary
from ticker_server.api.transport.frames.status import CallFailed
from ticker_server.api.transport.frames.stream import Stream
from ticker_server.errors import StockNotFound

CALL = "/test.Test/Call"


class Handler:
    """A handler that waits for the test: `started` with its call, ended by `release`; notes its cancellation."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.was_cancelled = False

    async def answer(self, request: bytes, _call: Call) -> bytes:
        """Answer with the request, when it may."""
        await self.serve(_call)
        return request

    async def serve(self, _call: Call) -> None:
        """Wait until it may return."""
        self.started.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


class Opened:
    """What a push has opened: counts its closes."""

    def __init__(self, sink: Stream) -> None:
        self.sink = sink
        self.times_closed = 0

    def close(self) -> None:
        """Count a close."""
        self.times_closed += 1


class Pushes:
    """Opens pushes that a test drives."""

    def __init__(self) -> None:
        self.opened: list[Opened] = []
        self.requests: list[bytes] = []

    async def open(self, request: bytes, _call: Call, sink: Stream) -> Opened:
        """Open one."""
        self.requests.append(request)
        self.opened.append(Opened(sink))
        return self.opened[-1]


async def echo(call: Call) -> None:
    """Write what was read, until the caller has said all."""
    while (message := await call.read()) is not None:
        await call.write(message)


# Answers.


async def test_answer_ends_the_call() -> None:
    """What a handler of one answer returns is the answer, and the call ends with OK."""

    async def answer(request: bytes, _call: Call) -> bytes:
        return request.upper()

    async with calling(answer) as rig:
        reply = await rig.call(1, b"abc")

    assert (reply.messages, reply.code, reply.reset) == ([b"ABC"], code_pb2.OK, None)


async def test_metadata_go_both_ways() -> None:
    """A handler sees the caller's metadata, and has its own sent before the first message and with the status."""
    seen: list[Any] = []

    async def answer(request: bytes, call: Call) -> bytes:
        seen.extend(call.metadata)
        call.set_initial_metadata([("x-first", "1"), ("x-first-bin", b"\0\1")])
        call.set_trailing_metadata([("x-last", "2"), ("x-last-bin", b"\2")])
        return request

    async with calling(answer) as rig:
        reply = await rig.call(1, b"abc", "/test.Test/Unary", ("x-a", "1"), ("x-b-bin", b64encode(b"\xff").decode()))

    assert seen == [("x-a", "1"), ("x-b-bin", b"\xff")]
    assert reply.headers.items() >= {"x-first": "1", "x-first-bin": "AAE", ":status": "200"}.items()
    assert reply.trailers == {"grpc-status": "0", "x-last": "2", "x-last-bin": "Ag"}


async def test_caller_is_told_to_the_handler() -> None:
    """A handler sees who calls: the peer, an id of the request, and the deadline on the wall clock."""
    clock, seen = VirtualClock(), []

    async def answer(request: bytes, call: Call) -> bytes:
        seen.append((call.caller, call.method, call.fields))
        return request

    async with calling(answer, clock=clock) as rig:
        await rig.call(1, b"")
        await rig.call(3, b"", "/test.Test/Unary", ("grpc-timeout", "5M"))

    (first, method, fields), (second, _, _) = seen
    assert (first.peer, first.deadline) == ("ipv4:192.0.2.7:4711", None)
    assert second.deadline == clock.wall() + 300 * 10**9
    assert first.request_id != second.request_id
    assert method == "/test.Test/Unary"
    assert fields == {"method": method, "request_id": first.request_id, "peer": first.peer}


async def test_stream_of_messages_goes_both_ways() -> None:
    """A handler may read and write as it likes, and ends the call by returning."""
    async with calling(Call=Streaming(echo)) as rig:
        rig.receive(rig.client.request(1, CALL), rig.client.message(1, b"a"))
        await rig.until(lambda: rig.replies[1].messages == [b"a"])
        rig.receive(rig.client.message(1, b"b"), rig.client.message(1, b"c", ends=True))
        reply = await rig.ended(1)

    assert (reply.messages, reply.code) == ([b"a", b"b", b"c"], code_pb2.OK)


async def test_early_end_asks_the_caller_to_stop() -> None:
    """A handler that returns before the request has ended has the rest of it refused."""

    async def serve(call: Call) -> None:
        call.set_trailing_metadata([("x-last", "2")])

    async with calling(Call=Streaming(serve)) as rig:
        rig.receive(rig.client.request(1, CALL), rig.client.message(1, b"a"))
        reply = await rig.ended(1)
        await rig.until(lambda: reply.reset)

    assert reply.trailers is not None
    assert reply.trailers.items() >= {"grpc-status": "0", "x-last": "2"}.items()
    assert reply.reset == "NO_ERROR"


async def test_write_waits_for_the_reader() -> None:
    """A handler that writes waits while the reader takes nothing, and goes on with what the reader takes."""
    wrote: list[int] = []

    async def serve(call: Call) -> None:
        for number in range(5):
            await call.write(b"x" * 10)
            wrote.append(number)

    async with calling(Call=Streaming(serve)) as rig:
        rig.receive(rig.client.settings({4: 31}), rig.client.request(1, CALL, ends=True))
        await rig.until(lambda: len(rig.replies[1].data) == 31)
        await rig.turn()
        assert wrote == [0, 1, 2]
        rig.receive(rig.client.credit(1, 14))
        await rig.until(lambda: len(rig.replies[1].data) == 45)
        await rig.turn()
        assert wrote == [0, 1, 2]
        rig.receive(rig.client.credit(1, 1_000))
        reply = await rig.ended(1)

    assert reply.messages == [b"x" * 10] * 5
    assert wrote == [0, 1, 2, 3, 4]


# Pushes.


async def test_push_sends_into_the_stream() -> None:
    """What is opened sends into the stream, and is closed when that has ended."""
    pushes = Pushes()
    async with calling(Call=Push(pushes.open)) as rig:
        rig.receive(rig.client.call(1, b"abc", CALL))
        await rig.until(lambda: pushes.opened)
        (opened,) = pushes.opened
        opened.sink.send((b"a", b"b"))
        opened.sink.send((b"c",))
        await rig.turn()
        assert opened.times_closed == 0
        opened.sink.end(None)
        reply = await rig.ended(1)

    assert pushes.requests == [b"abc"]
    assert (reply.messages, reply.code) == ([b"ab", b"c"], code_pb2.OK)
    assert opened.times_closed == 1


@pytest.mark.parametrize("end", ["reset", "lost"])
async def test_push_is_closed_when_its_reader_is_gone(end: str) -> None:
    """What is opened is closed once when the reader resets the stream or is gone."""
    pushes = Pushes()
    async with calling(Call=Push(pushes.open)) as rig:
        rig.receive(rig.client.call(1, b"", CALL))
        await rig.until(lambda: pushes.opened)
        if end == "reset":
            rig.receive(rig.client.reset(1), rig.client.reset(1))
        else:
            rig.lose()
        await rig.until(lambda: pushes.opened[0].times_closed)
        pushes.opened[0].sink.end(None)

    assert pushes.opened[0].times_closed == 1
    assert not rig.replies[1].has_ended


async def test_push_that_ends_while_it_is_opened_is_closed() -> None:
    """A sink that is ended before what is opened was handed over is closed all the same."""
    pushes = Pushes()

    async def open_and_end(request: bytes, call: Call, sink: Stream) -> Opened:
        sink.send((b"a",))
        sink.end(StockNotFound("A"))
        return await pushes.open(request, call, sink)

    async with calling(Call=Push(open_and_end)) as rig:
        reply = await rig.call(1, b"", CALL)
        await rig.until(lambda: pushes.opened and pushes.opened[0].times_closed)

    assert (reply.messages, reply.code) == ([b"a"], code_pb2.NOT_FOUND)
    assert pushes.opened[0].times_closed == 1


async def test_push_that_cannot_be_opened_ends_with_its_error() -> None:
    """What an opener raises is the status."""

    async def fail(_request: bytes, _call: Call, _sink: Stream) -> Opened:
        raise StockNotFound("AAPL")

    async with calling(Call=Push(fail)) as rig:
        reply = await rig.call(1, b"", CALL)

    assert (reply.messages, reply.code) == ([], code_pb2.NOT_FOUND)


async def test_handlers_of_pushes_are_done_once_they_are_open() -> None:
    """A push that is open has no task, and the dispatcher waits for none."""
    pushes = Pushes()
    async with calling(Call=Push(pushes.open)) as rig:
        before = len(asyncio.all_tasks())
        for number in range(1, 21, 2):
            rig.receive(rig.client.call(number, b"", CALL))
        await rig.until(lambda: len(pushes.opened) == 10)
        await asyncio.wait_for(rig.dispatcher.idle(), 10)

        assert len(asyncio.all_tasks()) <= before


# Failures.


async def test_failed_call_has_its_status() -> None:
    """A handler ends its call with any status, with details and with the trailing metadata that were set."""
    details = Status(code=9, message="not now").SerializeToString()

    async def fail(_request: bytes, call: Call) -> bytes:
        call.set_trailing_metadata([("x-last", "2")])
        raise CallFailed(9, "not näw", details)

    async with calling(fail) as rig:
        reply = await rig.call(1, b"")

    assert reply.trailers is not None
    assert reply.trailers.items() >= {"grpc-status": "9", "grpc-message": "not n%C3%A4w", "x-last": "2"}.items()
    assert reply.trailers["grpc-status-details-bin"] == b64encode(details).rstrip(b"=").decode()


async def test_error_of_ours_is_told() -> None:
    """An error of the servicers is told as it reads, and logged with the call."""

    async def fail(_request: bytes, _call: Call) -> bytes:
        raise StockNotFound("AAPL")

    with capture_logs() as logs:
        async with calling(fail) as rig:
            reply = await rig.call(1, b"")

    assert reply.code == code_pb2.NOT_FOUND
    assert "AAPL" in reply.text
    assert [(entry["event"], entry["method"]) for entry in logs] == [("call failed", "/test.Test/Unary")]


@pytest.mark.parametrize("error", [ZeroDivisionError("secret"), asyncio.CancelledError("secret")])
async def test_unforeseen_error_is_internal(error: BaseException) -> None:
    """Of any other error the caller gets an id, under which the log has it; also of a CancelledError out of nowhere."""

    async def fail(_request: bytes, _call: Call) -> bytes:
        raise error

    with capture_logs() as logs:
        async with calling(fail) as rig:
            reply = await rig.call(1, b"")

    assert reply.code == code_pb2.INTERNAL
    assert "secret" not in str(reply.trailers)
    (entry,) = logs
    assert entry["error_id"] in reply.text
    assert entry["exc_info"] is error


async def test_failure_behind_messages_ends_the_stream() -> None:
    """A handler that fails after it has written ends the stream with its status behind what was written."""

    async def serve(call: Call) -> None:
        await call.write(b"a")
        raise CallFailed(code_pb2.ABORTED, "no more")

    async with calling(Call=Streaming(serve)) as rig:
        reply = await rig.call(1, b"", CALL)

    assert (reply.messages, reply.code, reply.text) == ([b"a"], code_pb2.ABORTED, "no more")


# Cancellation.


async def open_call(rig: CallRig, handler: Handler, *more: tuple[str, str]) -> None:
    """Begin a call, and wait until its handler runs."""
    rig.receive(rig.client.call(1, b"", "/test.Test/Unary", *more))
    await asyncio.wait_for(handler.started.wait(), 10)


@pytest.mark.parametrize("end", ["reset", "lost", "closed"])
async def test_handler_is_cancelled_when_its_caller_is_gone(end: str) -> None:
    """A handler is cancelled when the caller resets the stream, or its connection ends either way; nothing is said."""
    handler = Handler()
    async with calling(handler.answer) as rig:
        await open_call(rig, handler)
        if end == "reset":
            rig.receive(rig.client.reset(1))
        elif end == "lost":
            rig.lose()
        else:
            rig.receive(b"junk" * 10)
        await rig.until(lambda: handler.was_cancelled)
        await asyncio.wait_for(rig.dispatcher.idle(), 10)

    assert not rig.replies[1].has_ended


async def test_call_cancelled_before_its_handler_began() -> None:
    """A call that is reset in the same read has no handler run, and nothing is left of it."""
    handler = Handler()
    async with calling(handler.answer, Call=Streaming(handler.serve)) as rig:
        rig.receive(rig.client.call(1, b""), rig.client.reset(1), rig.client.request(3, CALL), rig.client.reset(3))
        await asyncio.wait_for(rig.dispatcher.idle(), 10)

    assert not handler.started.is_set()


async def test_reader_is_cancelled_with_the_call() -> None:
    """A handler that waits for a message, or for room to write, is cancelled when the caller goes."""
    ended: list[str] = []

    async def read(call: Call) -> None:
        try:
            await call.read()
        finally:
            ended.append("read")

    async def write(call: Call) -> None:
        try:
            await call.write(b"x" * 100_000)
            await call.write(b"x")
        finally:
            ended.append("write")

    async with calling(Read=Streaming(read), Write=Streaming(write)) as rig:
        rig.receive(rig.client.request(1, "/test.Test/Read"), rig.client.request(3, "/test.Test/Write"))
        await rig.until(lambda: len(rig.replies[3].data) > 60_000)
        rig.receive(rig.client.reset(1), rig.client.reset(3))
        await asyncio.wait_for(rig.dispatcher.idle(), 10)

    assert sorted(ended) == ["read", "write"]


# Deadlines.


async def test_deadline_cancels_the_handler() -> None:
    """When the deadline passes the caller is told, and the handler is cancelled."""
    handler = Handler()
    async with calling(handler.answer) as rig:
        await open_call(rig, handler, ("grpc-timeout", "1m"))
        reply = await rig.ended(1)
        await rig.until(lambda: handler.was_cancelled)

    assert (reply.code, reply.messages, reply.reset) == (code_pb2.DEADLINE_EXCEEDED, [], None)


async def test_deadline_counts_from_the_headers() -> None:
    """The deadline passes also while the request is on its way: the caller is told, and its handler never runs."""
    handler = Handler()
    async with calling(handler.answer) as rig:
        rig.receive(rig.client.request(1, "/test.Test/Unary", ("grpc-timeout", "1m")))
        reply = await rig.ended(1)
        await rig.until(lambda: reply.reset)
        rig.receive(rig.client.message(1, b"", ends=True))
        await asyncio.wait_for(rig.dispatcher.idle(), 10)

    assert (reply.code, reply.reset) == (code_pb2.DEADLINE_EXCEEDED, "NO_ERROR")
    assert not handler.started.is_set()


async def test_deadline_of_a_push_closes_it() -> None:
    """A push ends with its deadline, and what was opened is closed."""
    pushes = Pushes()
    async with calling(Call=Push(pushes.open)) as rig:
        rig.receive(rig.client.call(1, b"", CALL, ("grpc-timeout", "1m")))
        reply = await rig.ended(1)

    assert reply.code == code_pb2.DEADLINE_EXCEEDED
    assert [opened.times_closed for opened in pushes.opened] in ([], [1])


async def test_deadline_does_not_wait_for_the_reader() -> None:
    """When the deadline passes while a message is half sent, the stream is reset: the status cannot overtake it."""
    pushes = Pushes()
    async with calling(Call=Push(pushes.open)) as rig:
        rig.receive(rig.client.settings({4: 10}), rig.client.call(1, b"", CALL, ("grpc-timeout", "20m")))
        await rig.until(lambda: pushes.opened)
        pushes.opened[0].sink.send((b"x" * 100,))
        reply = await rig.ended(1)

    assert (len(reply.data), reply.code, reply.reset) == (10, None, "CANCEL")
    assert pushes.opened[0].times_closed == 1


async def test_call_that_has_ended_has_no_deadline() -> None:
    """Once a call has ended, however it did, nothing is left of its deadline, which may be years away."""
    pushes, loop = Pushes(), asyncio.get_running_loop()

    async def answer(request: bytes, _call: Call) -> bytes:
        return request

    async with calling(answer, Call=Push(pushes.open)) as rig:
        await rig.call(1, b"", "/test.Test/Unary", ("grpc-timeout", "99999999H"))
        rig.receive(*(rig.client.call(number, b"", CALL, ("grpc-timeout", "1H")) for number in (3, 5)))
        await rig.until(lambda: len(pushes.opened) == 2)
        pushes.opened[0].sink.end(None)
        rig.receive(rig.client.reset(5), rig.client.request(7, CALL, ("grpc-timeout", "1H")), rig.client.reset(7))
        await rig.ended(3)

    timers = loop._scheduled  # type: ignore[attr-defined]
    assert not [timer for timer in timers if not timer.cancelled() and timer.when() > loop.time() + 600]


async def test_request_may_come_byte_by_byte() -> None:
    """A request that comes in pieces is answered as any other."""

    async def answer(request: bytes, _call: Call) -> bytes:
        return request

    async with calling(answer) as rig:
        rig.receive(rig.client.request(1))
        for byte in grpc_message(b"abc"):
            rig.receive(rig.client.data(1, bytes((byte,))))
        rig.receive(rig.client.data(1, b"", ends=True))
        reply = await rig.ended(1)

    assert reply.messages == [b"abc"]


@pytest.mark.parametrize("value", ["€", pytest.param("\udc80", id="surrogate")])
async def test_metadata_that_cannot_be_sent_fail_the_call(value: str) -> None:
    """Metadata that no header can hold are an error of the handler, which ends the call as any other."""

    async def first(request: bytes, call: Call) -> bytes:
        call.set_initial_metadata([("x-first", value)])
        return request

    async def last(request: bytes, call: Call) -> bytes:
        call.set_trailing_metadata([("x-last", value)])
        return request

    async with calling(First=Unary(first), Last=Unary(last)) as rig:
        replies = [await rig.call(1, b"", "/test.Test/First"), await rig.call(3, b"", "/test.Test/Last")]

    assert [reply.code for reply in replies] == [code_pb2.INTERNAL] * 2


async def test_message_that_is_no_text_ends_the_call() -> None:
    """A status whose message is no valid text is told as well as it can be."""

    async def fail(_request: bytes, _call: Call) -> bytes:
        raise CallFailed(code_pb2.ABORTED, "bad \udc80")

    async with calling(fail) as rig:
        reply = await rig.call(1, b"")

    assert (reply.code, reply.text) == (code_pb2.ABORTED, "bad ?")
