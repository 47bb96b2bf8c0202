"""Reflection through real calls."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2

from ticker_server.api.transport.grpcio.server import Endpoint

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


@pytest.mark.parametrize(
    "symbol", ["ticker.v1.WatchService", "ticker.v1.WatchService.WatchStocks", "ticker.v1.WatchStocksRequest"]
)
async def test_symbol_is_described(channel: grpc.aio.Channel, symbol: str) -> None:
    """A service, one of its methods, or a message is described by its file, and by all that the file needs."""
    answer = await ask(channel, file_containing_symbol=symbol)

    files = {
        FileDescriptorProto.FromString(each).name for each in answer.file_descriptor_response.file_descriptor_proto
    }
    assert {"ticker/v1/watch_service.proto", "ticker/v1/tick.proto", "google/protobuf/timestamp.proto"} <= files


@pytest.mark.parametrize("symbol", ["ticker.v1.Nope", "nope", ""])
async def test_unknown_symbol_is_not_found(channel: grpc.aio.Channel, symbol: str) -> None:
    """A symbol that does not exist is not found."""
    answer = await ask(channel, file_containing_symbol=symbol)

    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_reflection_can_be_switched_off(start: Any) -> None:
    """A server without reflection answers that it has none."""
    running = await start(Endpoint(reflection=False))

    async with grpc.aio.insecure_channel(running.target) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(channel, list_services="")

    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
