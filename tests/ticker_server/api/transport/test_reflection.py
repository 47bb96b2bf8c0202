"""What reflection tells of the services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.rpc.code_pb2 import NOT_FOUND
from grpc_reflection.v1alpha import reflection_pb2

from ticker_server.api.transport.reflection import REFLECTION_METHOD, REFLECTION_SERVICES, reflection_servicer


async def ask(*questions: dict[str, str]) -> list[Any]:
    """Ask the servicer in one stream."""

    async def requests() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        for question in questions:
            yield reflection_pb2.ServerReflectionRequest(**question)

    servicer = reflection_servicer(["ticker.v1.WatchService"])
    return [answer async for answer in getattr(servicer, REFLECTION_METHOD)(requests(), None)]


async def test_named_services_are_listed() -> None:
    """The services that were named are listed, and reflection itself; each question has its answer, in order."""
    listed, described = await ask({"list_services": ""}, {"file_containing_symbol": "ticker.v1.Tick"})

    names = {service.name for service in listed.list_services_response.service}
    assert names == {"ticker.v1.WatchService", "grpc.reflection.v1alpha.ServerReflection"}
    assert names & set(REFLECTION_SERVICES)
    assert described.HasField("file_descriptor_response")


@pytest.mark.parametrize(
    "symbol", ["ticker.v1.WatchService", "ticker.v1.WatchService.WatchStocks", "ticker.v1.WatchStocksRequest"]
)
async def test_symbol_is_described(symbol: str) -> None:
    """A service, one of its methods, or a message is described by its file, and by all that the file needs."""
    (answer,) = await ask({"file_containing_symbol": symbol})

    files = {
        FileDescriptorProto.FromString(each).name for each in answer.file_descriptor_response.file_descriptor_proto
    }
    assert {"ticker/v1/watch_service.proto", "ticker/v1/tick.proto", "google/protobuf/timestamp.proto"} <= files


@pytest.mark.parametrize("symbol", ["ticker.v1.Nope", "nope", ""])
async def test_unknown_symbol_is_not_found(symbol: str) -> None:
    """A symbol that does not exist is not found."""
    (answer,) = await ask({"file_containing_symbol": symbol})

    assert answer.error_response.error_code == NOT_FOUND
