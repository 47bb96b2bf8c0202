"""Reflection over grpc.aio."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from grpc_reflection.v1alpha import reflection_pb2

from ticker_server.api.transport.reflection import REFLECTION_METHOD, REFLECTION_SERVICES, reflection_servicer

__all__ = ["add_reflection"]


def add_reflection(server: grpc.aio.Server, services: Iterable[str]) -> None:
    """Let a server describe the named services, under both names that tools ask for."""
    handler = grpc.stream_stream_rpc_method_handler(
        reflection_servicer(services).ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in REFLECTION_SERVICES:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {REFLECTION_METHOD: handler}),))
