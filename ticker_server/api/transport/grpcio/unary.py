"""Unary calls: bytes to a servicer's method and its answer back to bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from ticker_server.api.caller import Caller
from ticker_server.api.statuses import malformed_status
from ticker_server.api.transport.grpcio.calls import Calls, Context
from ticker_server.api.transport.grpcio.failures import abort, answered

__all__ = ["Method", "decoded", "unary_handler"]

Method = Callable[[Any, Caller], Awaitable[Message]]
"""A servicer's method: takes a request message and the caller, returns the answer's message."""


def unary_handler(
    name: str, request_type: type[Message], method: Method, calls: Calls
) -> grpc.RpcMethodHandler[Any, Any]:
    """Return the handler of one unary method; `name` is its full name, `/package.Service/Method`."""

    async def handle(request: bytes, context: Context) -> bytes:
        call = calls.begin(name, context)
        message = await decoded(request, request_type, context)
        return await answered(call, _answer(method, message, call.caller))

    return grpc.unary_unary_rpc_method_handler(handle)


async def decoded(request: bytes, request_type: type[Message], context: Context) -> Message:
    """Return the message in a request's bytes, or end the call: such bytes have no field that could be named."""
    try:
        return request_type.FromString(request)
    except DecodeError:
        await abort(context, malformed_status(request_type.DESCRIPTOR.full_name))


async def _answer(method: Method, message: Message, caller: Caller) -> bytes:
    return (await method(message, caller)).SerializeToString()
