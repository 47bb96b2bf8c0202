"""The clients of grpcio, with asyncio and without, against the listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from tests.support.interop.clients import CLIENTS, Client
from tests.support.interop.server import InteropServer
from tests.support.interop.service import ECHO_INITIAL, ECHO_TRAILING, messages
from tests.support.interop.waiter import Waiter

MIB = 1024 * 1024
WAIT_SECONDS = 10.0
EVERY_BYTE = bytes(range(256))


@pytest.fixture(params=CLIENTS)
async def client(request: pytest.FixtureRequest, interop_server: InteropServer) -> AsyncIterator[Client]:
    """Call the listener with either client."""
    async with CLIENTS[request.param](interop_server) as opened:
        yield opened


def asking(*sizes: int) -> Any:
    """Return a request for messages of these sizes."""
    return messages.StreamingOutputCallRequest(response_parameters=[{"size": size} for size in sizes])


def simple(payload: int, response_size: int = 0) -> Any:
    """Return a unary request with a payload of so many bytes."""
    return messages.SimpleRequest(payload={"body": bytes(payload)}, response_size=response_size)


def sizes(responses: Any) -> list[int]:
    """Return how long the payloads are."""
    return [len(response.payload.body) for response in responses]


async def test_unary(client: Client) -> None:
    """A unary call is answered once, and ends with OK."""
    outcome = await client.call("UnaryCall", simple(271_828, 314_159))

    assert sizes(outcome.responses) == [314_159]
    assert outcome.code is grpc.StatusCode.OK


async def test_server_streaming(client: Client) -> None:
    """The messages of a server's stream come in order, empty ones too."""
    outcome = await client.call("StreamingOutputCall", asking(31_415, 0, 9, 70_000))

    assert sizes(outcome.responses) == [31_415, 0, 9, 70_000]
    assert outcome.code is grpc.StatusCode.OK


async def test_client_streaming(client: Client) -> None:
    """A client's stream is read to its end before the one answer."""
    requests = [messages.StreamingInputCallRequest(payload={"body": bytes(size)}) for size in (27_182, 8, 0, 45_904)]
    outcome = await client.call("StreamingInputCall", requests)

    assert [response.aggregated_payload_size for response in outcome.responses] == [73_094]
    assert outcome.code is grpc.StatusCode.OK


async def test_bidirectional_streaming(client: Client) -> None:
    """Either side may wait for the other before it goes on."""
    responses = await client.converse([asking(size) for size in (31_415, 9, 2_653, 58_979)])

    assert sizes(responses) == [31_415, 9, 2_653, 58_979]


async def test_streams_without_a_message(client: Client) -> None:
    """A stream in which neither side says anything ends with OK."""
    outcome = await client.call("FullDuplexCall", [])

    assert (outcome.responses, outcome.code) == ([], grpc.StatusCode.OK)


async def test_many_calls_at_once(client: Client) -> None:
    """Calls of one connection do not get in each other's way."""
    outcomes = await asyncio.gather(*(client.call("UnaryCall", simple(70_000, 70_000 + size)) for size in range(30)))

    assert [sizes(outcome.responses) for outcome in outcomes] == [[70_000 + size] for size in range(30)]


@pytest.mark.parametrize("path", [Waiter.UNARY, Waiter.STREAMING])
async def test_cancel(interop_server: InteropServer, client: Client, path: str) -> None:
    """A call that the client cancels is cancelled in the handler."""
    call = client.begin(path)
    async with asyncio.timeout(WAIT_SECONDS):
        await interop_server.waiter.began.wait()
        call.cancel()
        await interop_server.waiter.cancelled.wait()

    assert await client.code(call) is grpc.StatusCode.CANCELLED


@pytest.mark.parametrize("path", [Waiter.UNARY, Waiter.STREAMING])
async def test_deadline(interop_server: InteropServer, client: Client, path: str) -> None:
    """A call whose deadline passes ends with DEADLINE_EXCEEDED, and is cancelled in the handler."""
    call = client.begin(path, timeout=0.2)
    async with asyncio.timeout(WAIT_SECONDS):
        await interop_server.waiter.cancelled.wait()

    assert await client.code(call) is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_large_message_both_ways(client: Client) -> None:
    """A message of 3 MiB comes through in either direction."""
    outcome = await client.call("UnaryCall", simple(3 * MIB, 3 * MIB))

    assert sizes(outcome.responses) == [3 * MIB]


async def test_largest_message(client: Client) -> None:
    """A request of 4 MiB is served, and one of a byte more is refused with RESOURCE_EXHAUSTED."""
    around = simple(4 * MIB).ByteSize() - 4 * MIB
    largest = await client.call("UnaryCall", simple(4 * MIB - around))
    too_large = await client.call("UnaryCall", simple(4 * MIB - around + 1))

    assert largest.code is grpc.StatusCode.OK
    assert too_large.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_too_large_message_of_a_stream(client: Client) -> None:
    """A message of a stream that is above 4 MiB ends the call with RESOURCE_EXHAUSTED."""
    requests = [messages.StreamingInputCallRequest(payload={"body": bytes(size)}) for size in (9, 5 * MIB)]
    outcome = await client.call("StreamingInputCall", requests)

    assert outcome.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_refused_uploads_leave_the_connection_open(client: Client) -> None:
    """What was sent of requests that are refused does not use up the window of the connection."""
    for _ in range(8):
        await client.call("UnaryCall", simple(5 * MIB))
    outcome = await client.call("UnaryCall", simple(3 * MIB))

    assert outcome.code is grpc.StatusCode.OK


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_request(client: Client, compression: grpc.Compression) -> None:
    """A compressed request is refused with UNIMPLEMENTED, and the client is told what is accepted."""
    outcome = await client.call("UnaryCall", simple(1_000), compression=compression)

    assert outcome.code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["UnaryCall", "FullDuplexCall"])
@pytest.mark.parametrize("value", [b"", b"\x0a\x0b\x0a\x0b\x0a\x0b", EVERY_BYTE])
async def test_metadata_round_trip(client: Client, method: str, value: bytes) -> None:
    """Metadata goes there and back, text in front of the answer, and any bytes behind it."""
    request = simple(1, 1) if method == "UnaryCall" else [asking(1)]
    outcome = await client.call(method, request, metadata=((ECHO_INITIAL, "a b,c"), (ECHO_TRAILING, value)))

    assert outcome.code is grpc.StatusCode.OK
    assert outcome.initial[ECHO_INITIAL] == "a b,c"
    assert outcome.trailing[ECHO_TRAILING] == value


@pytest.mark.parametrize("method", ["UnaryCall", "StreamingOutputCall", "FullDuplexCall"])
@pytest.mark.parametrize("message", ["plain", "100 % of 10 €, 5\u00a0£ 😈", "\t\ntwo\r\nlines\t\n", "%41", " spaces "])
async def test_status_message(client: Client, method: str, message: str) -> None:
    """The message of a status comes through as it is, whatever it is written in."""
    status = {"code": grpc.StatusCode.ABORTED.value[0], "message": message}
    request: Any = messages.SimpleRequest(response_status=status)
    if method != "UnaryCall":
        request = messages.StreamingOutputCallRequest(response_status=status)
    outcome = await client.call(method, [request] if method == "FullDuplexCall" else request)

    assert (outcome.code, outcome.details) == (grpc.StatusCode.ABORTED, message)


async def test_status_behind_messages(client: Client) -> None:
    """Messages that were sent before a failure arrive before its status."""
    failing = messages.StreamingOutputCallRequest(response_status={"code": 9, "message": "so far"})
    outcome = await client.call("FullDuplexCall", [asking(3 * MIB), failing])

    assert sizes(outcome.responses) == [3 * MIB]
    assert (outcome.code, outcome.details) == (grpc.StatusCode.FAILED_PRECONDITION, "so far")


async def test_method_that_is_not_there(client: Client) -> None:
    """A method that nobody serves is answered with UNIMPLEMENTED."""
    outcome = await client.call("UnimplementedCall", messages.Empty())

    assert outcome.code is grpc.StatusCode.UNIMPLEMENTED
