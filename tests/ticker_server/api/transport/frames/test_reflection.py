"""Reflection through real calls, under both names."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2
from structlog.testing import capture_logs

from ticker_server.api.transport.endpoint import Endpoint

SERVICES = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
    *(f"ticker.v1.{name}Service" for name in ("Price", "Stock", "Subscription", "User", "Watch")),
]


async def ask(channel: grpc.aio.Channel, *questions: dict[str, Any], version: str = "v1alpha") -> list[Any]:
    """Ask the reflection service in one stream, each question after the answer to the one before."""
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )()
    answers = []
    for question in questions:
        await call.write(reflection_pb2.ServerReflectionRequest(**question))
        answers.append(await call.read())
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    return answers


@pytest.mark.parametrize("version", ["v1alpha", "v1"])
async def test_services_are_listed(channel: grpc.aio.Channel, version: str) -> None:
    """All services are listed, under both names of the reflection service."""
    (answer,) = await ask(channel, {"list_services": ""}, version=version)

    assert sorted(service.name for service in answer.list_services_response.service) == SERVICES


@pytest.mark.parametrize("version", ["v1alpha", "v1"])
async def test_questions_are_answered_in_turn(channel: grpc.aio.Channel, version: str) -> None:
    """One stream answers several questions; a method is described by the file of its service."""
    questions = [{"file_containing_symbol": "ticker.v1.WatchService.WatchStocks"}, {"file_containing_symbol": "nope"}]
    described, unknown = await ask(channel, *questions, version=version)

    files = {
        FileDescriptorProto.FromString(each).name for each in described.file_descriptor_response.file_descriptor_proto
    }
    assert "ticker/v1/watch_service.proto" in files
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_reflection_can_be_switched_off(start: Any) -> None:
    """A server without reflection answers that it has none."""
    running = await start(Endpoint(reflection=False))

    async with grpc.aio.insecure_channel(running.target) as channel:
        call = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")()

        assert await call.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("version", ["v1alpha", "v1"])
async def test_bytes_that_are_no_request_are_refused(channel: grpc.aio.Channel, version: str) -> None:
    """Bytes that are no ServerReflectionRequest are the caller's fault, and no error of the server."""
    with capture_logs() as logs:
        call = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")()
        await call.write(b"\xff\xff\xff")
        code = await call.code()

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert not [entry for entry in logs if entry["log_level"] == "error"]
