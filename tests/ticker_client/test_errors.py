"""Statuses become errors of one tree."""

from __future__ import annotations

from datetime import timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc import StatusCode

from tests.ticker_client.scripted_server import Refuse
from ticker_client import errors
from ticker_client.errors import (
    FieldViolation,
    HeartbeatMissed,
    InvalidArgument,
    LimitExceeded,
    NotFound,
    OutcomeUnknown,
    ServerUnreachable,
    TickerError,
    Unavailable,
    UnexpectedDuplicate,
    WatchBroken,
    from_rpc_error,
)
from ticker_client.models import PublishOutcome, PublishResult


def told(code: StatusCode, reason: str, text: str, *details: Message, domain: str = "ticker") -> TickerError:
    """Return the error of a status with the details of a reason."""
    refusal = Refuse(code, reason, text, *details, domain=domain)
    return from_rpc_error(status(code, refusal.message, refusal.status.SerializeToString()))


def status(code: StatusCode, text: str | None, details: bytes | None = None) -> grpc.aio.AioRpcError:
    """Return a status as gRPC raises it."""
    metadata = grpc.aio.Metadata(("other", "x"))
    if details is not None:
        metadata.add("grpc-status-details-bin", details)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, text)


@pytest.mark.parametrize(
    ("code", "reason", "kind", "retryable"),
    [
        (StatusCode.INVALID_ARGUMENT, "INVALID_PRICE", errors.InvalidArgument, False),
        (StatusCode.NOT_FOUND, "USER_NOT_FOUND", errors.NotFound, False),
        (StatusCode.ALREADY_EXISTS, "STOCK_ALREADY_EXISTS", errors.AlreadyExists, False),
        (StatusCode.PERMISSION_DENIED, "NOT_YOUR_RESOURCE", errors.PermissionDenied, False),
        (StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED", errors.Unauthenticated, False),
        (StatusCode.RESOURCE_EXHAUSTED, "WATCH_LIMIT", errors.LimitExceeded, False),
        (StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", errors.LimitExceeded, True),
        (StatusCode.RESOURCE_EXHAUSTED, "READER_TOO_SLOW", errors.ReaderTooSlow, True),
        (StatusCode.UNAVAILABLE, "SERVER_DRAINING", errors.Unavailable, True),
        (StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED", errors.NotBuilt, False),
        (StatusCode.INTERNAL, "INTERNAL", errors.Internal, False),
        (StatusCode.FAILED_PRECONDITION, "SOMETHING_NEW", errors.TickerError, False),
    ],
)
def test_each_code_has_its_class(code: StatusCode, reason: str, kind: type[TickerError], retryable: bool) -> None:  # noqa: FBT001 - a column of the table
    """A status with our details becomes the class of its code, with its reason, and says whether to try again."""
    error = told(code, reason, "what is wrong")

    assert type(error) is kind
    assert (error.reason, error.message, error.code) == (reason, "what is wrong", code.name)
    assert error.retryable is retryable


def test_an_error_reads_alone() -> None:
    """The text of an error is its reason and its sentence, each once."""
    assert str(told(StatusCode.NOT_FOUND, "STOCK_NOT_FOUND", "no X")) == "STOCK_NOT_FOUND: no X"


def test_details_are_kept() -> None:
    """Violations, the pause before the next attempt and the resource are on the error."""
    violation = error_details_pb2.BadRequest.FieldViolation(
        field="ticks[3].price", description="above zero", reason="INVALID_PRICE"
    )
    bad = told(
        StatusCode.INVALID_ARGUMENT, "INVALID_PRICE", "x", error_details_pb2.BadRequest(field_violations=[violation])
    )
    later = told(
        StatusCode.UNAVAILABLE,
        "SERVER_DRAINING",
        "x",
        error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
    )
    missing = told(
        StatusCode.NOT_FOUND,
        "STOCK_NOT_FOUND",
        "x",
        error_details_pb2.ResourceInfo(resource_type="ticker.v1.Stock", resource_name="APPL"),
    )

    assert isinstance(bad, InvalidArgument)
    assert bad.violations == (FieldViolation("ticks[3].price", "above zero", "INVALID_PRICE"),)
    assert isinstance(later, Unavailable)
    assert later.retry_after == timedelta(seconds=1.5)
    assert isinstance(missing, NotFound)
    assert (missing.resource_type, missing.resource_name) == ("ticker.v1.Stock", "APPL")


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        (StatusCode.UNAVAILABLE, True),
        (StatusCode.DEADLINE_EXCEEDED, True),
        (StatusCode.CANCELLED, True),
        (StatusCode.INTERNAL, True),
        (StatusCode.UNKNOWN, True),
        (StatusCode.UNIMPLEMENTED, False),
        (StatusCode.RESOURCE_EXHAUSTED, False),
        (StatusCode.UNAUTHENTICATED, False),
    ],
)
def test_a_status_without_our_details_is_server_unreachable(code: StatusCode, retryable: bool) -> None:  # noqa: FBT001 - a column of the table
    """A status that our server did not give becomes ServerUnreachable; by its code it may pass or not."""
    error = from_rpc_error(status(code, "somebody else"))

    assert type(error) is ServerUnreachable
    assert (error.reason, error.message, error.code) == ("SERVER_UNREACHABLE", "somebody else", code.name)
    assert error.retryable is retryable


def test_details_of_others_are_not_ours() -> None:
    """Details of another domain, broken ones and empty ones count as none; a missing text is the code's name."""
    foreign = told(StatusCode.NOT_FOUND, "STOCK_NOT_FOUND", "x", domain="example.com")
    broken = from_rpc_error(status(StatusCode.NOT_FOUND, None, b"\xff\xff"))
    empty = from_rpc_error(status(StatusCode.NOT_FOUND, "", b""))

    assert [type(error) for error in (foreign, broken, empty)] == [ServerUnreachable] * 3
    assert broken.message == "NOT_FOUND"


def test_a_missed_heartbeat_is_a_broken_watch_is_unreachable() -> None:
    """Whoever handles ServerUnreachable handles a broken watch and a missed heartbeat too; both are retryable."""
    error = HeartbeatMissed(timedelta(seconds=15))

    assert isinstance(error, WatchBroken)
    assert isinstance(error, ServerUnreachable)
    assert (error.retryable, error.promised) == (True, timedelta(seconds=15))
    assert "15 s" in str(error)
    assert WatchBroken("ended", code="OK").retryable


def test_an_unexpected_duplicate_names_the_ticks() -> None:
    """UnexpectedDuplicate names the publisher and the places of the dropped ticks."""
    error = UnexpectedDuplicate("feed-1", [3, 5])

    assert error.indexes == (3, 5)
    assert "2 tick(s) of publisher 'feed-1', the first at index 3" in str(error)


def test_the_tree_in_the_docstring_names_every_class() -> None:
    """The module's docstring draws the tree of all classes."""
    classes = [name for name in errors.__all__ if isinstance(getattr(errors, name), type) and name != "FieldViolation"]

    assert not [name for name in classes if f"* {name}" not in (errors.__doc__ or "")]


def test_a_rate_limit_passes_and_a_quota_does_not() -> None:
    """LimitExceeded is retryable for a rate and not for a quota."""
    assert LimitExceeded("RATE_LIMITED", "slow down").retryable
    assert not LimitExceeded("STREAM_LIMIT", "too many").retryable


def test_an_unknown_outcome_says_how_many_and_keeps_the_rest() -> None:
    """The error counts the ticks that may be in the log or not, names the first, and has what became of each."""
    results = [PublishResult(PublishOutcome.ACCEPTED, 1), PublishResult(PublishOutcome.UNKNOWN)]
    error = OutcomeUnknown(results)

    assert str(error).startswith("OUTCOME_UNKNOWN: 1 tick(s), the first at index 1, ")
    assert error.results == tuple(results)
