"""What a caller is told of a call that failed, and what the log says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog
from google.rpc.code_pb2 import INTERNAL, NOT_FOUND
from google.rpc.status_pb2 import Status

from ticker_server.api.transport.failures import failure_status
from ticker_server.errors import DatabaseUnavailable, StockNotFound

FIELDS = {"method": "/ticker.v1.StockService/GetStock", "request_id": "r1", "peer": "ipv4:192.0.2.1:1234"}


def told(error: BaseException) -> tuple[Status, Any]:
    """Return the status of an error, and the log's entry."""
    with structlog.testing.capture_logs() as entries:
        status = failure_status(error, FIELDS)
    (entry,) = entries
    return status, entry


def test_error_of_ours_is_told_and_logged() -> None:
    """An error of our own is told as it reads, and logged as information about the call."""
    status, entry = told(StockNotFound("AAPL"))

    assert (status.code, status.message) == (NOT_FOUND, str(StockNotFound("AAPL")))
    assert status.details
    assert entry == {
        "event": "call failed",
        "log_level": "info",
        "reason": "STOCK_NOT_FOUND",
        "message": str(StockNotFound("AAPL")),
        **FIELDS,
    }


def test_what_is_down_is_a_warning() -> None:
    """What is our own trouble is logged as a warning."""
    _, entry = told(DatabaseUnavailable("away"))

    assert (entry["log_level"], entry["reason"]) == ("warning", "DATABASE_UNAVAILABLE")


@pytest.mark.parametrize("error", [ValueError("secret"), asyncio.CancelledError("secret")])
def test_unforeseen_error_is_logged_under_its_id(error: BaseException) -> None:
    """What nobody foresaw is told by an id alone, and logged under that id with its traceback."""
    status, entry = told(error)

    assert status.code == INTERNAL
    assert entry["error_id"] in status.message
    assert "secret" not in str(status)
    assert entry == {
        "event": "unexpected error",
        "log_level": "error",
        "error_id": entry["error_id"],
        "exc_info": error,
        **FIELDS,
    }
