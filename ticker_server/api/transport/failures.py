"""What a caller is told of a call that failed, and what only the log may know."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from google.rpc.status_pb2 import Status

from ticker_server.api.statuses import internal_status, new_error_id, status_of
from ticker_server.errors import TickerError, Unavailable

__all__ = ["DETAILS_KEY", "failure_status"]

DETAILS_KEY = "grpc-status-details-bin"
"""The trailing metadata that carries a `google.rpc.Status` in full."""

_log = structlog.get_logger(__name__)


def failure_status(error: BaseException, fields: Mapping[str, str]) -> Status:
    """Return the status of a call that failed, and log the failure with the call's fields.

    An error of ours is told as it reads; of any other the caller gets an id, under which the log has it.
    """
    if isinstance(error, TickerError):
        level = _log.warning if isinstance(error, Unavailable) else _log.info
        level("call failed", reason=error.reason, message=str(error), **fields)
        return status_of(error)
    error_id = new_error_id()
    _log.error("unexpected error", error_id=error_id, exc_info=error, **fields)
    return internal_status(error_id)
