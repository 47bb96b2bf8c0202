"""The server over grpc.aio: a raw writer of ready bytes, one write under way on each stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc

from scripts.benchmarks.transport.payload import ECHO, SHARED, WATCH, own_parts
from ticker_server.api.transport.endpoint import Tls
from ticker_server.api.transport.grpcio.server import CHANNEL_OPTIONS

__all__ = ["GrpcioServer"]

Context = Any


class GrpcioServer:
    """Serves Watch and Echo with the options of the ticker server."""

    def __init__(self) -> None:
        self._server: grpc.aio.Server | None = None
        self._watches: dict[Context, Sequence[bytes]] = {}
        self._all_gone = asyncio.Event()
        self._all_gone.set()

    async def start(self, tls: Tls | None) -> Mapping[str, int]:
        """Listen, and return the ports, `plain` and `tls`."""
        server = self._server = grpc.aio.server(options=CHANNEL_OPTIONS)
        service, watch = WATCH[1:].split("/")
        methods = {
            watch: grpc.unary_stream_rpc_method_handler(self._watch),
            ECHO.rpartition("/")[2]: grpc.unary_unary_rpc_method_handler(self._echo),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
        ports = {"plain": server.add_insecure_port("127.0.0.1:0")}
        if tls is not None:
            credentials = grpc.ssl_server_credentials([(tls.key, tls.certificate)])
            ports["tls"] = server.add_secure_port("127.0.0.1:0", credentials)
        await server.start()
        return ports

    async def stop(self) -> None:
        """Stop at once."""
        assert self._server is not None
        await self._server.stop(0)

    async def gone(self) -> None:
        """Wait until no watch is left."""
        await self._all_gone.wait()

    async def push(self, rounds: int) -> None:
        """Send the shared message to all watches, so many times."""
        message = b"".join(SHARED)
        await self._write_all(rounds, lambda _: message)

    async def join(self, rounds: int) -> None:
        """Send to each watch the join of parts of its own, so many times."""
        await self._write_all(rounds, b"".join)

    async def _write_all(self, rounds: int, message_of: Callable[[Sequence[bytes]], bytes]) -> None:
        async def write(context: Context, parts: Sequence[bytes]) -> None:
            for _ in range(rounds):
                await context.write(message_of(parts))

        await asyncio.gather(*(write(context, parts) for context, parts in self._watches.items()))

    async def _watch(self, _request: bytes, context: Context) -> None:
        self._watches[context] = own_parts(len(self._watches))
        self._all_gone.clear()
        try:
            await context.write(b"".join(SHARED))
            await asyncio.get_running_loop().create_future()
        finally:
            del self._watches[context]
            if not self._watches:
                self._all_gone.set()

    async def _echo(self, request: bytes, _context: Context) -> bytes:
        return request
