"""Unary calls: bytes to a servicer's method and its answer back to bytes."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from ticker_server.api.caller import Caller
from ticker_server.api.statuses import malformed_status
from ticker_server.api.transport.grpcio.calls import Calls, Context
from ticker_server.api.transport.grpcio.failures import abort, answered
from ticker_server.api.transport.services import Method, Rpc

__all__ = ["decoded", "unary_handler"]


def unary_handler(rpc: Rpc, calls: Calls) -> grpc.RpcMethodHandler[Any, Any]:
    """Return the handler of one unary method."""

    async def handle(request: bytes, context: Context) -> bytes:
        call = calls.begin(rpc.name, context)
        message = await decoded(request, rpc.request, context)
        return await answered(call, _answer(rpc.function, message, call.caller))

    return grpc.unary_unary_rpc_method_handler(handle)


async def decoded(request: bytes, request_type: type[Message], context: Context) -> Message:
    """Return the message in a request's bytes, or end the call: such bytes have no field that could be named."""
    try:
        return request_type.FromString(request)
    except DecodeError:
        await abort(context, malformed_status(request_type.DESCRIPTOR.full_name))


async def _answer(method: Method, message: Message, caller: Caller) -> bytes:
    return (await method(message, caller)).SerializeToString()
