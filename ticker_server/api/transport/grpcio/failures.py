"""How a call that fails is answered: with the status of its error, never with what only the log may know."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import grpc
import structlog
from google.rpc.status_pb2 import Status

from ticker_server.api.statuses import internal_status, new_error_id, status_of
from ticker_server.api.transport.grpcio.calls import Call, Context
from ticker_server.errors import TickerError, Unavailable

__all__ = ["DETAILS_KEY", "abort", "answered"]

Result = TypeVar("Result")

DETAILS_KEY = "grpc-status-details-bin"

_CANCELLATION_SECONDS = 5

_CODES = {code.value[0]: code for code in grpc.StatusCode}

_log = structlog.get_logger(__name__)


async def answered(call: Call, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of the work, or end the call with the status of its error."""
    try:
        return await work
    except TickerError as error:
        level = _log.warning if isinstance(error, Unavailable) else _log.info
        level("call failed", reason=error.reason, message=str(error), **call.fields)
        status = status_of(error)
    except asyncio.CancelledError:
        # A cancelled handler must end as cancelled, or grpc.aio leaks a little of each. But when nobody cancelled this
        # task, the error came out of the work itself; raised further, it would leave the caller without any status.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        status = _unforeseen(call)
    except grpc.aio.AbortError:
        raise  # the call has been answered
    except grpc.aio.InternalError:
        # A write failed, so the peer is gone and grpc.aio is about to cancel this task. Whoever ends before that,
        # makes it log a traceback or leak.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), _CANCELLATION_SECONDS)
        raise
    except Exception:  # noqa: BLE001 - nothing of an unforeseen error may reach the caller
        status = _unforeseen(call)
    return await abort(call.context, status)


async def abort(context: Context, status: Status) -> NoReturn:
    """End a call with a status and its details."""
    metadata = ((DETAILS_KEY, status.SerializeToString()),) if status.details else ()
    await context.abort(_CODES[status.code], status.message, metadata)


def _unforeseen(call: Call) -> Status:
    error_id = new_error_id()
    _log.exception("unexpected error", error_id=error_id, **call.fields)
    return internal_status(error_id)
