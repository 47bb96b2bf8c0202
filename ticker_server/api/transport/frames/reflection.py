"""Reflection: lets grpcurl and others ask the server for its services and messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from grpc_reflection.v1alpha import reflection_pb2

from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.decoding import decoded
from ticker_server.api.transport.frames.methods import Methods, Streaming
from ticker_server.api.transport.reflection import REFLECTION_METHOD, REFLECTION_SERVICES, reflection_servicer

__all__ = ["reflection_methods"]


def reflection_methods(services: Iterable[str]) -> Methods:
    """Return what a listener answers to describe the named services, under both names that tools ask for."""
    servicer = reflection_servicer(services)

    async def serve(call: Call) -> None:
        async for response in servicer.ServerReflectionInfo(_requests(call), None):
            await call.write(response.SerializeToString())

    return {f"/{name}/{REFLECTION_METHOD}": Streaming(serve, is_awaited=False) for name in REFLECTION_SERVICES}


async def _requests(call: Call) -> AsyncIterator[Any]:
    while (request := await call.read()) is not None:
        yield decoded(reflection_pb2.ServerReflectionRequest, request)
