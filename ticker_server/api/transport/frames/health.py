"""Health: tells whether this process serves, for the whole (`""`) and for each service by its full name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from google.rpc import code_pb2
from grpc_health.v1 import health_pb2

from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.decoding import decoded
from ticker_server.api.transport.frames.methods import Methods, Streaming, Unary
from ticker_server.api.transport.frames.status import CallFailed
from ticker_server.api.transport.health import HEALTH_SERVICE

__all__ = ["Health"]

_Response = health_pb2.HealthCheckResponse
_SERVICE_UNKNOWN = _Response.SERVICE_UNKNOWN


class Health:
    """The health service of one process. It says NOT_SERVING until it is told otherwise."""

    def __init__(self, names: Iterable[str]) -> None:
        self._statuses = dict.fromkeys(names, _Response.NOT_SERVING)
        self._changed = asyncio.Event()

    @property
    def methods(self) -> Methods:
        """What a listener answers for it."""
        return {
            f"/{HEALTH_SERVICE}/Check": Unary(self._check),
            f"/{HEALTH_SERVICE}/Watch": Streaming(self._watch, is_awaited=False),
        }

    def set_serving(self, *, serving: bool) -> None:
        """Say of all services whether they serve, also to those who watch."""
        status = _Response.SERVING if serving else _Response.NOT_SERVING
        self._statuses = dict.fromkeys(self._statuses, status)
        self._changed.set()
        self._changed = asyncio.Event()

    async def _check(self, request: bytes, _call: Call) -> bytes:
        name = decoded(health_pb2.HealthCheckRequest, request).service
        if name not in self._statuses:
            raise CallFailed(code_pb2.NOT_FOUND, "there is no such service here")
        answer: bytes = _Response(status=self._statuses[name]).SerializeToString()
        return answer

    async def _watch(self, call: Call) -> None:
        """Tell the status, and each change of it, until the caller goes."""
        request = await call.read()
        name = decoded(health_pb2.HealthCheckRequest, request or b"").service
        told = None
        while True:
            changed = self._changed
            status = self._statuses.get(name, _SERVICE_UNKNOWN)
            if status != told:
                told = status
                await call.write(_Response(status=status).SerializeToString())
            else:
                await changed.wait()
