"""gRPC over HTTP/2 as it stands on the wire, frame by frame, and what is refused there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from tests.support.interop.http_client import HttpClient, http_client, prefixed
from tests.support.interop.server import running_interop_server
from tests.support.interop.service import ECHO_TRAILING, messages

NO_ERROR = 0
EMPTY, UNARY, NOBODYS, DUPLEX = (
    f"/grpc.testing.TestService/{name}" for name in ("EmptyCall", "UnaryCall", "NobodysCall", "FullDuplexCall")
)
NOTHING = prefixed(b"")


def code(status: grpc.StatusCode) -> int:
    """Return the number of a status."""
    number: int = status.value[0]
    return number


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    """Open a connection to a listener."""
    async with running_interop_server() as server, http_client(server.port) as opened:
        yield opened


async def test_answer(client: HttpClient) -> None:
    """An answer is headers, the message, and trailers that end the stream."""
    answer = await client.answer_and_echo(client.ask(EMPTY, NOTHING))

    assert answer.frames == ["HEADERS", "DATA", "HEADERS+END_STREAM"]
    assert (answer.headers[":status"], answer.headers["content-type"]) == ("200", "application/grpc")
    assert answer.body == NOTHING
    assert answer.trailers["grpc-status"] == "0"
    assert "grpc-status" not in answer.headers


@pytest.mark.parametrize(
    "content_type", ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"]
)
async def test_content_types_of_grpc(client: HttpClient, content_type: str) -> None:
    """Every way to say gRPC with protobuf is served."""
    answer = await client.answer(client.ask(EMPTY, NOTHING, {"content-type": content_type}))

    assert answer.status == code(grpc.StatusCode.OK)


@pytest.mark.parametrize("content_type", [None, "", "application/json", "application/grpc-web", "application/grpcx"])
async def test_other_content_types(client: HttpClient, content_type: str | None) -> None:
    """What is not gRPC is refused with 415, in words that a person can read."""
    answer = await client.answer(client.ask(EMPTY, NOTHING, {"content-type": content_type}))

    assert answer.headers[":status"] == "415"
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"application/grpc" in answer.body


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "DELETE"])
async def test_other_methods(client: HttpClient, method: str) -> None:
    """What is not POST is refused with 405, in words that a person can read."""
    answer = await client.answer(client.begin(EMPTY, {":method": method}, end=True))

    assert (answer.headers[":status"], answer.headers["allow"]) == ("405", "POST")
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"POST" in answer.body


@pytest.mark.parametrize("te", [None, "trailers"])
async def test_te(client: HttpClient, te: str | None) -> None:
    """A client that does not say `te: trailers` is served as well."""
    answer = await client.answer(client.ask(EMPTY, NOTHING, {"te": te}))

    assert answer.status == code(grpc.StatusCode.OK)


@pytest.mark.parametrize("body", [b"", NOTHING + NOTHING, NOTHING + prefixed(b"more")])
async def test_other_than_one_request(client: HttpClient, body: bytes) -> None:
    """A unary method without a request, or with two, is answered with UNIMPLEMENTED."""
    answer = await client.answer_and_echo(client.ask(EMPTY, body))

    assert answer.status == code(grpc.StatusCode.UNIMPLEMENTED)
    assert answer.frames == ["HEADERS+END_STREAM"]


async def test_request_without_data(client: HttpClient) -> None:
    """A unary method whose request ends with its headers is answered with UNIMPLEMENTED."""
    answer = await client.answer(client.begin(EMPTY, end=True))

    assert answer.status == code(grpc.StatusCode.UNIMPLEMENTED)


@pytest.mark.parametrize("path", [EMPTY, DUPLEX])
async def test_half_a_message(client: HttpClient, path: str) -> None:
    """A request that ends within a message is answered with INTERNAL."""
    answer = await client.answer(client.ask(path, prefixed(b"12345")[:-1]))

    assert answer.status == code(grpc.StatusCode.INTERNAL)


async def test_message_in_pieces(client: HttpClient) -> None:
    """A message may come byte by byte."""
    request = prefixed(messages.SimpleRequest(response_size=3).SerializeToString())
    stream = client.begin(UNARY)
    for number in range(len(request)):
        client.send(stream, request[number : number + 1], end=number == len(request) - 1)
    answer = await client.answer(stream)

    assert answer.status == code(grpc.StatusCode.OK)
    assert answer.body == prefixed(messages.SimpleResponse(payload={"body": bytes(3)}).SerializeToString())


def failing_request() -> bytes:
    """Return a unary request that asks for a failure."""
    return prefixed(messages.SimpleRequest(response_status={"code": 5, "message": "gone"}).SerializeToString())


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (NOBODYS, NOTHING, grpc.StatusCode.UNIMPLEMENTED),
        ("/grpc.testing.NobodysService/Call", NOTHING, grpc.StatusCode.UNIMPLEMENTED),
        ("/", NOTHING, grpc.StatusCode.UNIMPLEMENTED),
        (UNARY, failing_request(), grpc.StatusCode.NOT_FOUND),
        (EMPTY, b"\1" + NOTHING[1:], grpc.StatusCode.INTERNAL),
        (EMPTY, b"\0\xff\xff\xff\xff", grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
    ids=["method", "service", "root", "handler", "compressed", "length"],
)
async def test_errors_are_trailers_only(client: HttpClient, path: str, body: bytes, status: grpc.StatusCode) -> None:
    """A failure before the first message is one HEADERS frame, which ends the stream."""
    answer = await client.answer_and_echo(client.ask(path, body))

    assert answer.frames == ["HEADERS+END_STREAM"]
    assert (answer.headers[":status"], answer.headers["content-type"]) == ("200", "application/grpc")
    assert answer.status == code(status)
    assert answer.headers["grpc-message"]


@pytest.mark.parametrize(
    ("message", "written"), [("5 % of 10 €\n", "5 %25 of 10 %E2%82%AC%0A"), (" ~plain~ ", "%20~plain~%20")]
)
async def test_status_message_is_percent_encoded(client: HttpClient, message: str, written: str) -> None:
    """A status message is sent as HTTP/2 allows it: printable ASCII without a space at either end."""
    asked = messages.SimpleRequest(response_status={"code": 10, "message": message})
    answer = await client.answer(client.ask(UNARY, prefixed(asked.SerializeToString())))

    assert answer.headers["grpc-message"] == written


async def test_encoding_that_is_not_known(client: HttpClient) -> None:
    """A compressed request is answered with UNIMPLEMENTED, and the names of the encodings that are accepted."""
    answer = await client.answer(client.ask(EMPTY, b"\1" + NOTHING[1:], {"grpc-encoding": "gzip"}))

    assert answer.status == code(grpc.StatusCode.UNIMPLEMENTED)
    assert answer.headers["grpc-accept-encoding"] == "identity"


async def test_encoding_that_is_named_and_not_used(client: HttpClient) -> None:
    """A request that says it is not compressed is served."""
    answer = await client.answer(client.ask(EMPTY, NOTHING, {"grpc-encoding": "identity"}))

    assert answer.status == code(grpc.StatusCode.OK)


async def test_early_answer(client: HttpClient) -> None:
    """A client that still sends when the answer is out is told to stop without an error, and may go on with others."""
    stream = client.begin(NOBODYS)
    client.send(stream, NOTHING)
    answer = await client.answer_and_echo(stream)
    other = await client.answer(client.ask(EMPTY, NOTHING))

    assert answer.frames == ["HEADERS+END_STREAM", "RST_STREAM"]
    assert answer.reset == NO_ERROR
    assert other.status == code(grpc.StatusCode.OK)


async def test_refusal_waits_for_the_request(client: HttpClient) -> None:
    """A request that is not gRPC is answered when it has come whole, as clients of HTTP expect, and without a reset."""
    stream = client.begin(EMPTY, {"content-type": "application/json"})
    client.send(stream, b"{}")
    await client.answer(client.ask(EMPTY, NOTHING))
    early = list(client.so_far(stream).frames)
    client.send(stream, b"", end=True)
    answer = await client.answer_and_echo(stream)

    assert not early
    assert answer.frames == ["HEADERS", "DATA+END_STREAM"]


async def test_refused_length(client: HttpClient) -> None:
    """A message that says it is too large is refused before it has come."""
    stream = client.begin(EMPTY)
    client.send(stream, b"\0" + (4 * 1024 * 1024 + 1).to_bytes(4, "big"))
    answer = await client.answer_and_echo(stream)

    assert answer.status == code(grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert (answer.frames[-1], answer.reset) == ("RST_STREAM", NO_ERROR)


async def test_binary_metadata_without_padding(client: HttpClient) -> None:
    """Binary metadata is taken with and without the padding of base64, and several values of one name come back."""
    values = {ECHO_TRAILING: "AAE,AAECAw=="}
    request = prefixed(messages.SimpleRequest().SerializeToString())
    answer = await client.answer(client.ask(UNARY, request, values))

    assert answer.status == code(grpc.StatusCode.OK)
    assert [value.rstrip("=") for value in answer.trailers[ECHO_TRAILING].split(",")] == ["AAE", "AAECAw"]
