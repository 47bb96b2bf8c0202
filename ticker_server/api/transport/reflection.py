"""Reflection: lets grpcurl and others ask the server for its services and messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection

__all__ = ["REFLECTION_METHOD", "REFLECTION_SERVICES", "reflection_servicer"]

REFLECTION_SERVICES = ("grpc.reflection.v1.ServerReflection", reflection.SERVICE_NAME)
"""The names that tools ask for. The two versions of the protocol differ in the package's name alone."""

REFLECTION_METHOD = "ServerReflectionInfo"


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


def reflection_servicer(services: Iterable[str]) -> Any:
    """Return a servicer that describes the named services.

    Its method `ServerReflectionInfo` is an async generator over an async iterator of requests. The messages are those
    of v1alpha, the version that the installed library has.
    """
    return reflection.aio.ReflectionServicer((*services, reflection.SERVICE_NAME), pool=_MemberPool())
