"""A server that speaks the real protos over a real socket and does what a test tells it, faults included."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from ticker.v1 import (
    price_service_pb2,
    stock_service_pb2,
    subscription_service_pb2,
    user_service_pb2,
    watch_service_pb2,
)
from ticker.v1.watch_service_pb2 import WatchStocksRequest, WatchStocksResponse

Context = grpc.aio.ServicerContext[Any, Any]
Send = Callable[[WatchStocksResponse], Awaitable[None]]
Script = Callable[[WatchStocksRequest, Send], Awaitable[None]]
Answer = Callable[[Any], Message | Awaitable[Message]]

SERVICES = [
    module.DESCRIPTOR.services_by_name[name]
    for module, name in (
        (price_service_pb2, "PriceService"),
        (stock_service_pb2, "StockService"),
        (subscription_service_pb2, "SubscriptionService"),
        (user_service_pb2, "UserService"),
        (watch_service_pb2, "WatchService"),
    )
]


class Refuse(Exception):
    """Raised by an answer or a script: ends the call with a status, by default with the details of this project."""

    def __init__(
        self, code: grpc.StatusCode, reason: str, text: str, *details: Message, domain: str = "ticker"
    ) -> None:
        super().__init__(text)
        self.code = code
        self.message = f"{reason}: {text}" if reason else text
        self.status = status_pb2.Status(code=code.value[0], message=self.message)
        if reason:
            self.status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain))
        for detail in details:
            self.status.details.add().Pack(detail)

    async def end(self, context: Context) -> None:
        """End the call with this status."""
        bare = not self.status.details
        metadata = () if bare else (("grpc-status-details-bin", self.status.SerializeToString()),)
        await context.abort(self.code, self.message, metadata)


async def silence() -> None:
    """Say nothing until the call is gone."""
    await asyncio.Event().wait()


class ScriptedServer:
    """Answers each unary call by `answers`, and each watch by `script`."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        """By the name of the RPC; what is missing is answered with an empty message."""
        self.script: Script | None = None
        self.requests: list[Any] = []
        """All requests, in the order of their arrival."""
        self.metadata: list[dict[str, str | bytes]] = []
        """The metadata of all calls."""
        self.peers: set[str] = set()
        """The connections from which calls came."""
        self.ended_watches = asyncio.Queue[None]()
        """Gets an item when the handler of a watch has ended, whoever ended it."""
        self.target = ""

    @asynccontextmanager
    async def running(
        self, credentials: grpc.ServerCredentials | None = None, port: int = 0
    ) -> AsyncIterator[ScriptedServer]:
        """Serve on a port; 0 = any free one."""
        server = grpc.aio.server()
        server.add_generic_rpc_handlers([self._handlers(service) for service in SERVICES])
        if credentials is None:
            port = server.add_insecure_port(f"127.0.0.1:{port}")
        else:
            port = server.add_secure_port(f"localhost:{port}", credentials)
        self.target = f"{'127.0.0.1' if credentials is None else 'localhost'}:{port}"
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)

    def _handlers(self, service: Any) -> grpc.GenericRpcHandler:
        handlers = {}
        for method in service.methods:
            make = (
                grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
            )
            handlers[method.name] = make(
                self._watch if method.server_streaming else self._unary(method),
                request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _unary(self, method: Any) -> Callable[[Message, Context], Awaitable[Message]]:
        empty = message_factory.GetMessageClass(method.output_type)

        async def answer(request: Message, context: Context) -> Message:
            self._note(request, context)
            try:
                given = self.answers.get(method.name, lambda _: empty())(request)
                return await given if inspect.isawaitable(given) else given
            except Refuse as refusal:
                await refusal.end(context)
                raise

        return answer

    async def _watch(self, request: WatchStocksRequest, context: Context) -> None:
        self._note(request, context)
        assert self.script is not None
        try:
            await self.script(request, context.write)
        except Refuse as refusal:
            await refusal.end(context)
        finally:
            self.ended_watches.put_nowait(None)

    def _note(self, request: Message, context: Context) -> None:
        self.requests.append(request)
        self.peers.add(context.peer())
        self.metadata.append(dict(context.invocation_metadata() or ()))
