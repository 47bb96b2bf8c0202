"""How a call that fails is answered: with the status of its error, never with what only the log may know."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import grpc
from google.rpc.status_pb2 import Status

from ticker_server.api.transport.failures import DETAILS_KEY, failure_status
from ticker_server.api.transport.grpcio.calls import Call, Context

__all__ = ["abort", "answered"]

Result = TypeVar("Result")

_CANCELLATION_SECONDS = 5

_CODES = {code.value[0]: code for code in grpc.StatusCode}


async def answered(call: Call, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of the work, or end the call with the status of its error."""
    try:
        return await work
    except asyncio.CancelledError as error:
        # A cancelled handler must end as cancelled, or grpc.aio leaks a little of each. But when nobody cancelled this
        # task, the error came out of the work itself; raised further, it would leave the caller without any status.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        status = failure_status(error, call.fields)
    except grpc.aio.AbortError:
        raise  # the call has been answered
    except grpc.aio.InternalError:
        # A write failed, so the peer is gone and grpc.aio is about to cancel this task. Whoever ends before that,
        # makes it log a traceback or leak.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), _CANCELLATION_SECONDS)
        raise
    except Exception as error:  # noqa: BLE001 - nothing of an unforeseen error may reach the caller
        status = failure_status(error, call.fields)
    return await abort(call.context, status)


async def abort(context: Context, status: Status) -> NoReturn:
    """End a call with a status and its details."""
    metadata = ((DETAILS_KEY, status.SerializeToString()),) if status.details else ()
    await context.abort(_CODES[status.code], status.message, metadata)
