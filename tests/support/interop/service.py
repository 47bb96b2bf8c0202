"""`grpc.testing.TestService`, which the interoperability clients of gRPC call, on the frames transport."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.methods import Method, Streaming, Unary
from ticker_server.api.transport.frames.status import CallFailed

__all__ = ["ECHO_INITIAL", "ECHO_TRAILING", "METHODS", "messages", "services"]

ECHO_INITIAL = "x-grpc-test-echo-initial"
"""Request metadata of this name comes back in front of the answer."""
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
"""Request metadata of this name comes back behind the answer."""

messages: Any
services: Any
messages, services = grpc.protos_and_services("tests/support/interop/interop.proto")


async def empty_call(request: bytes, _call: Call) -> bytes:
    """Answer nothing to nothing."""
    messages.Empty.FromString(request)
    return messages.Empty().SerializeToString()


async def unary_call(request: bytes, call: Call) -> bytes:
    """Answer with as many bytes, the metadata and the status that are asked for."""
    asked = messages.SimpleRequest.FromString(request)
    echo_metadata(call)
    obey(asked.response_status)
    return messages.SimpleResponse(payload=payload(asked.response_size)).SerializeToString()


async def streaming_input_call(call: Call) -> None:
    """Say how many bytes came in all."""
    total = 0
    while (request := await call.read()) is not None:
        total += len(messages.StreamingInputCallRequest.FromString(request).payload.body)
    await call.write(messages.StreamingInputCallResponse(aggregated_payload_size=total).SerializeToString())


async def streaming_output_call(call: Call) -> None:
    """Answer one request with as many messages as it asks for."""
    request = await call.read()
    if request is None:
        raise CallFailed(grpc.StatusCode.UNIMPLEMENTED.value[0], "one request is due")
    await write_responses(call, request)


async def full_duplex_call(call: Call) -> None:
    """Answer each request as it comes."""
    echo_metadata(call)
    while (request := await call.read()) is not None:
        await write_responses(call, request)


async def write_responses(call: Call, request: bytes) -> None:
    """Send the messages that a request asks for, or fail with its status."""
    asked = messages.StreamingOutputCallRequest.FromString(request)
    obey(asked.response_status)
    for parameters in asked.response_parameters:
        await asyncio.sleep(parameters.interval_us / 1e6)
        await call.write(messages.StreamingOutputCallResponse(payload=payload(parameters.size)).SerializeToString())


def echo_metadata(call: Call) -> None:
    """Send back the metadata that is meant for it."""
    call.set_initial_metadata([(name, value) for name, value in call.metadata if name == ECHO_INITIAL])
    call.set_trailing_metadata([(name, value) for name, value in call.metadata if name == ECHO_TRAILING])


def obey(status: Any) -> None:
    """End the call with a status, if that is what is asked for."""
    if status.code:
        raise CallFailed(status.code, status.message)


def payload(size: int) -> Any:
    """Return so many bytes."""
    return messages.Payload(body=bytes(size))


METHODS: dict[str, Method] = {
    f"/grpc.testing.TestService/{name}": method
    for name, method in (
        ("EmptyCall", Unary(empty_call)),
        ("UnaryCall", Unary(unary_call)),
        ("StreamingInputCall", Streaming(streaming_input_call)),
        ("StreamingOutputCall", Streaming(streaming_output_call)),
        ("FullDuplexCall", Streaming(full_duplex_call)),
    )
}
