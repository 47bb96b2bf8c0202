"""Reflection: lets grpcurl and others ask the server for its services and messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

__all__ = ["add_reflection"]

_METHOD = "ServerReflectionInfo"
_NEWER_SERVICE = "grpc.reflection.v1.ServerReflection"


class _MemberPool:
    """The descriptor pool, which also finds members: it knows types and services by name, but not a service's methods.

    So `grpcurl describe ticker.v1.StockService.GetStock` works, too.
    """

    def __init__(self) -> None:
        self._pool = descriptor_pool.Default()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - the pool's name for it
        """Return the file of a symbol, or of what the symbol is a member of. Raises KeyError."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindFileContainingSymbol(symbol.rpartition(".")[0])


def add_reflection(server: grpc.aio.Server, services: Sequence[str]) -> None:
    """Let a server describe the named services, under both names that tools ask for.

    The two versions of the protocol differ in the package's name alone; the installed library has the older one.
    """
    servicer = reflection.aio.ReflectionServicer((*services, reflection.SERVICE_NAME), pool=_MemberPool())
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_NEWER_SERVICE, {_METHOD: handler}),))
