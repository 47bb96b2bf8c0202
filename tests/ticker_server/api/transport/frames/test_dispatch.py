"""From requests to handlers: what gRPC asks of every request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from google.rpc import code_pb2

from tests.support.frames_calls import calling
from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.dispatch import Dispatcher
from ticker_server.api.transport.frames.methods import Push, Streaming
from ticker_server.clock import SystemClock


async def answer(request: bytes, _call: Call) -> bytes:
    """Answer with the request."""
    return request


async def serve(call: Call) -> None:
    """Wait for the end of the request."""
    while await call.read() is not None:
        pass


def fields(
    method: str = "POST", kind: str | None = "application/grpc", *more: tuple[str, str]
) -> Sequence[tuple[str, str]]:
    """Return the headers of a request."""
    pseudo = [(":method", method), (":scheme", "http"), (":path", "/test.Test/Unary"), (":authority", "test")]
    return [*pseudo, *((("content-type", kind),) if kind is not None else ()), *more]


async def test_unknown_method_is_unimplemented() -> None:
    """A method that is not there is UNIMPLEMENTED, by its name; a long name is cut."""
    async with calling() as rig:
        reply = await rig.call(1, b"abc", "/test.Test/Nope")
        long = await rig.call(3, b"abc", "/" + "x" * 2_000)

    assert (reply.code, reply.reset) == (code_pb2.UNIMPLEMENTED, "NO_ERROR")
    assert "/test.Test/Nope" in reply.text
    assert long.code == code_pb2.UNIMPLEMENTED
    assert len(long.text) < 300


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"])
async def test_types_of_grpc_are_taken(kind: str) -> None:
    """A content-type of gRPC may name an encoding, or have parameters."""
    async with calling(answer) as rig:
        rig.receive(rig.client.headers(1, fields("POST", kind)), rig.client.message(1, b"a", ends=True))
        reply = await rig.ended(1)

    assert (reply.messages, reply.code) == ([b"a"], code_pb2.OK)


@pytest.mark.parametrize(
    "kind", [None, "", "text/html", "application/grpc-web", "application/grpcx", "application/json"]
)
async def test_other_types_are_unsupported(kind: str | None) -> None:
    """Any other content-type is 415, in plain HTTP, once the request has ended."""
    async with calling(answer) as rig:
        rig.receive(rig.client.headers(1, fields("POST", kind)), rig.client.message(1, b"a"))
        await rig.turn()
        assert not rig.replies[1].headers
        rig.receive(rig.client.message(1, b"b", ends=True))
        reply = await rig.ended(1)

    assert reply.headers == {":status": "415", "content-type": "text/plain"}
    assert b"application/grpc" in reply.data
    assert reply.trailers is None


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "OPTIONS", "post"])
async def test_other_methods_are_not_allowed(method: str) -> None:
    """Whatever is not POST is 405, with what is allowed; to HEAD without a body."""
    async with calling(answer) as rig:
        rig.receive(rig.client.headers(1, fields(method), ends=True))
        reply = await rig.ended(1)

    assert reply.headers.items() >= {":status": "405", "allow": "POST"}.items()
    assert bool(reply.data) == (method != "HEAD")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "snappy"])
async def test_compression_is_unimplemented(encoding: str) -> None:
    """A request with an encoding other than identity is UNIMPLEMENTED, and told what is accepted."""
    async with calling(answer) as rig:
        reply = await rig.call(1, b"a", "/test.Test/Unary", ("grpc-encoding", encoding))
        plain = await rig.call(3, b"a", "/test.Test/Unary", ("grpc-encoding", "identity"))

    assert reply.code == code_pb2.UNIMPLEMENTED
    assert reply.headers["grpc-accept-encoding"] == "identity"
    assert plain.code == code_pb2.OK


@pytest.mark.parametrize("method", ["Unary", "Push"])
@pytest.mark.parametrize("count", [0, 2, 3])
async def test_one_message_is_due(method: str, count: int) -> None:
    """A method that takes one message fails with none, and with more than one as soon as the second one is there."""
    opened = []

    async def open_push(request: bytes, _call: Call, _sink: object) -> None:
        opened.append(request)

    async with calling(answer, Push=Push(open_push)) as rig:  # type: ignore[arg-type]
        path = f"/test.Test/{method}"
        if count:
            rig.receive(rig.client.request(1, path), *(rig.client.message(1, b"a") for _ in range(count)))
        else:
            rig.receive(rig.client.request(1, path, ends=True))
        reply = await rig.ended(1)
        await rig.turn()

    assert (reply.code, reply.messages) == (code_pb2.UNIMPLEMENTED, [])
    assert reply.reset == ("NO_ERROR" if count else None)
    assert not opened


async def test_one_message_waits_for_the_end_of_the_request() -> None:
    """A handler of one message begins when it is certain that no other one comes."""
    began = []

    async def note(request: bytes, _call: Call) -> bytes:
        began.append(request)
        return request

    async with calling(note) as rig:
        rig.receive(rig.client.request(1), rig.client.message(1, b"a"))
        await rig.turn()
        assert not began
        rig.receive(rig.client.data(1, b"", ends=True))
        reply = await rig.ended(1)

    assert reply.messages == [b"a"]


async def test_compressed_message_is_refused() -> None:
    """A message that is compressed without an encoding is INTERNAL (gRPC, compression)."""
    async with calling(answer) as rig:
        rig.receive(rig.client.request(1), rig.client.data(1, b"\1\0\0\0\1x", ends=True))
        reply = await rig.ended(1)

    assert reply.code == code_pb2.INTERNAL


async def test_streaming_begins_with_the_headers() -> None:
    """A handler that reads for itself begins before any message has come."""
    began = asyncio.Event()

    async def note(call: Call) -> None:
        began.set()
        await serve(call)

    async with calling(Call=Streaming(note)) as rig:
        rig.receive(rig.client.request(1, "/test.Test/Call"))
        await asyncio.wait_for(began.wait(), 10)
        rig.receive(rig.client.data(1, b"", ends=True))
        reply = await rig.ended(1)

    assert reply.code == code_pb2.OK


async def test_idle_means_that_no_handler_runs() -> None:
    """Who waits for the handlers waits for the last one."""
    async with calling(answer, Call=Streaming(serve)) as rig:
        await asyncio.wait_for(rig.dispatcher.idle(), 10)
        rig.receive(rig.client.request(1, "/test.Test/Call"), rig.client.request(3, "/test.Test/Call"))
        waiting = asyncio.ensure_future(rig.dispatcher.idle())
        rig.receive(rig.client.data(1, b"", ends=True))
        await rig.ended(1)
        assert not waiting.done()
        rig.receive(rig.client.data(3, b"", ends=True))

        await asyncio.wait_for(waiting, 10)


async def test_cancel_cancels_those_that_run() -> None:
    """Handlers that run are cancelled on demand; one that has not begun, too."""
    async with calling(Call=Streaming(serve)) as rig:
        rig.receive(rig.client.request(1, "/test.Test/Call"))
        await rig.turn()
        rig.receive(rig.client.request(3, "/test.Test/Call"))
        rig.dispatcher.cancel()

        await asyncio.wait_for(rig.dispatcher.idle(), 10)


async def test_calls_that_nobody_waits_for_are_ended() -> None:
    """What goes on for as long as its caller pleases ends with UNAVAILABLE on demand, and nothing else does."""
    watch, call = Streaming(serve, is_awaited=False), Streaming(serve)
    async with calling(Watch=watch, Call=call) as rig:
        rig.receive(rig.client.request(1, "/test.Test/Watch"), rig.client.request(3, "/test.Test/Call"))
        rig.receive(rig.client.request(5, "/test.Test/Watch"), rig.client.data(5, b"", ends=True))
        await rig.ended(5)
        rig.dispatcher.end_unawaited()
        reply = await rig.ended(1)
        await rig.turn()

    assert reply.code == code_pb2.UNAVAILABLE
    assert not rig.replies[3].has_ended


async def test_request_that_fails_leaves_nothing() -> None:
    """Requests that never come to a handler leave nothing to wait for."""
    async with calling(answer) as rig:
        await rig.call(1, b"", "/nope")
        rig.receive(rig.client.request(3), rig.client.reset(3))
        rig.receive(rig.client.request(5), rig.client.message(5, b"a"), rig.client.message(5, b"a"))
        rig.receive(rig.client.request(7, "/test.Test/Unary", ("grpc-timeout", "1H")), rig.client.reset(7))

        await asyncio.wait_for(rig.dispatcher.idle(), 10)


async def test_dispatcher_without_calls_is_idle() -> None:
    """A dispatcher is idle at first, and has nothing to cancel."""
    dispatcher = Dispatcher({}, SystemClock())
    dispatcher.cancel()
    dispatcher.end_unawaited()

    await asyncio.wait_for(dispatcher.idle(), 10)


async def test_calls_of_one_connection_do_not_wait_for_each_other() -> None:
    """A call whose handler waits does not hold up the next one."""
    release = asyncio.Event()

    async def wait(request: bytes, call: Call) -> bytes:
        if request == b"slow":
            await release.wait()
        return request

    async with calling(wait) as rig:
        rig.receive(rig.client.call(1, b"slow"))
        assert (await rig.call(3, b"fast")).messages == [b"fast"]
        assert not rig.replies[1].has_ended
        release.set()

        assert (await rig.ended(1)).messages == [b"slow"]
