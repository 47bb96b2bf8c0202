"""Health: tells whether this process serves, for the whole (`""`) and for each service by its full name."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from ticker_server.api.transport.health import health_names

__all__ = ["Health"]


class Health:
    """The health service of one process. It says NOT_SERVING until it is told otherwise."""

    def __init__(self, services: Iterable[str]) -> None:
        self._names = health_names(services)
        self._servicer = health.aio.HealthServicer()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let a server answer health checks."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def set_serving(self, *, serving: bool) -> None:
        """Say of all services whether they serve, also to those who watch."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._names:
            await self._servicer.set(name, status)
