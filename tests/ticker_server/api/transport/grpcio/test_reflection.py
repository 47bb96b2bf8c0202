"""Reflection through real calls, under both names."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2

from ticker_server.api.transport.endpoint import Endpoint

SERVICES = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
    *(f"ticker.v1.{name}Service" for name in ("Price", "Stock", "Subscription", "User", "Watch")),
]


async def ask(channel: grpc.aio.Channel, version: str = "v1alpha", **question: Any) -> Any:
    """Ask the reflection service one question."""
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )()
    await call.write(reflection_pb2.ServerReflectionRequest(**question))
    answer = await call.read()
    await call.done_writing()
    return answer


@pytest.mark.parametrize("version", ["v1alpha", "v1"])
async def test_services_are_listed(channel: grpc.aio.Channel, version: str) -> None:
    """All services are listed, under both names of the reflection service."""
    answer = await ask(channel, version, list_services="")

    assert sorted(service.name for service in answer.list_services_response.service) == SERVICES


async def test_method_is_described(channel: grpc.aio.Channel) -> None:
    """A method is described by its file."""
    answer = await ask(channel, file_containing_symbol="ticker.v1.WatchService.WatchStocks")

    files = {
        FileDescriptorProto.FromString(each).name for each in answer.file_descriptor_response.file_descriptor_proto
    }
    assert "ticker/v1/watch_service.proto" in files


async def test_reflection_can_be_switched_off(start: Any) -> None:
    """A server without reflection answers that it has none."""
    running = await start(Endpoint(reflection=False))

    async with grpc.aio.insecure_channel(running.target) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(channel, list_services="")

    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
