"""The two clients of grpcio, with asyncio and without, behind one face: so one test serves both."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from tests.support.interop.server import InteropServer
from tests.support.interop.service import services

__all__ = ["CLIENTS", "Client", "Outcome"]

WAIT_SECONDS = 10.0

Metadata = dict[str, str | bytes]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call went: what was answered before it ended, and how it ended."""

    responses: Sequence[Any]
    code: grpc.StatusCode
    details: str
    initial: Metadata
    trailing: Metadata


class Waiting(Protocol):
    """A call that is not over."""

    def cancel(self) -> Any:
        """Give it up."""


class Client(Protocol):
    """Calls `grpc.testing.TestService`."""

    async def call(self, method: str, request: Any, **options: Any) -> Outcome:
        """Make a call; the request is a message, or a list of them where the method takes a stream."""

    async def converse(self, requests: Sequence[Any]) -> list[Any]:
        """Make a FullDuplexCall in which each request waits for the answer to the one before."""

    def begin(self, path: str, **options: Any) -> Waiting:
        """Begin a call of any method, with an empty request."""

    async def code(self, call: Any) -> grpc.StatusCode:
        """Wait until a begun call is over, and return its status."""


class AsyncClient:
    """The client with asyncio."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._stub = services.TestServiceStub(channel)

    async def call(self, method: str, request: Any, **options: Any) -> Outcome:
        """Make a call."""
        call = getattr(self._stub, method)(request, timeout=WAIT_SECONDS, **options)
        responses = []
        with suppress(grpc.aio.AioRpcError):
            if isinstance(call, grpc.aio.UnaryStreamCall | grpc.aio.StreamStreamCall):
                async for response in call:
                    responses.append(response)  # noqa: PERF401 - what came before an error counts
            else:
                responses.append(await call)
        initial, trailing = dict(await call.initial_metadata()), dict(await call.trailing_metadata())
        return Outcome(responses, await call.code(), await call.details(), initial, trailing)

    async def converse(self, requests: Sequence[Any]) -> list[Any]:
        """Make a FullDuplexCall."""
        call = self._stub.FullDuplexCall(timeout=WAIT_SECONDS)
        responses = []
        for request in requests:
            await call.write(request)
            responses.append(await call.read())
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        return responses

    def begin(self, path: str, **options: Any) -> Any:
        """Begin a call."""
        return self._channel.unary_unary(path)(b"", **options)

    async def code(self, call: Any) -> grpc.StatusCode:
        """Return the status."""
        return await call.code()


class SyncClient:
    """The client without asyncio; what waits in it does so in a thread."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._stub = services.TestServiceStub(channel)

    async def call(self, method: str, request: Any, **options: Any) -> Outcome:
        """Make a call."""
        return await asyncio.to_thread(self._call, method, request, options)

    async def converse(self, requests: Sequence[Any]) -> list[Any]:
        """Make a FullDuplexCall."""
        return await asyncio.to_thread(self._converse, requests)

    def begin(self, path: str, **options: Any) -> Any:
        """Begin a call."""
        return self._channel.unary_unary(path).future(b"", **options)

    async def code(self, call: Any) -> grpc.StatusCode:
        """Return the status."""
        return await asyncio.to_thread(call.code)

    def _call(self, method: str, request: Any, options: dict[str, Any]) -> Outcome:
        function = getattr(self._stub, method)
        argument = iter(request) if isinstance(request, list) else request
        call = getattr(function, "future", function)(argument, timeout=WAIT_SECONDS, **options)
        responses = []
        with suppress(grpc.RpcError):
            if hasattr(function, "future"):
                responses.append(call.result())
            else:
                for response in call:
                    responses.append(response)  # noqa: PERF402 - what came before an error counts
        return Outcome(
            responses, call.code(), call.details(), dict(call.initial_metadata()), dict(call.trailing_metadata())
        )

    def _converse(self, requests: Sequence[Any]) -> list[Any]:
        waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        call = self._stub.FullDuplexCall(iter(waiting.get, None), timeout=WAIT_SECONDS)
        responses = []
        for request in requests:
            waiting.put(request)
            responses.append(next(call))
        waiting.put(None)
        assert not list(call)
        return responses


@asynccontextmanager
async def async_client(server: InteropServer) -> AsyncIterator[AsyncClient]:
    """Open a channel of `grpc.aio`."""
    if server.credentials is None:
        channel = grpc.aio.insecure_channel(server.target)
    else:
        channel = grpc.aio.secure_channel(server.target, server.credentials)
    async with channel:
        yield AsyncClient(channel)


@asynccontextmanager
async def sync_client(server: InteropServer) -> AsyncIterator[SyncClient]:
    """Open a channel of `grpc`."""
    if server.credentials is None:
        channel = grpc.insecure_channel(server.target)
    else:
        channel = grpc.secure_channel(server.target, server.credentials)
    try:
        yield SyncClient(channel)
    finally:
        await asyncio.to_thread(channel.close)


CLIENTS: dict[str, Callable[[InteropServer], AbstractAsyncContextManager[Client]]] = {
    "async": async_client,
    "sync": sync_client,
}
