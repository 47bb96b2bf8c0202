"""Errors as statuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from ticker_server import errors
from ticker_server.api import statuses
from ticker_server.api.statuses import internal_status, malformed_status, new_error_id, status_of
from ticker_server.errors import FieldViolation, InvalidArgument

WORST_TEXT = "\U0001f4c8" * 10_000


def detail(status: Status, kind: Any) -> Any:
    """Return a status's one detail of a kind."""
    (packed,) = [packed for packed in status.details if packed.Is(kind.DESCRIPTOR)]
    message = kind()
    packed.Unpack(message)
    return message


def assert_fits(status: Status) -> None:
    """Check the promised sizes."""
    assert status.ByteSize() <= 4096
    escaped = sum(1 if 0x20 <= byte <= 0x7E and byte != ord("%") else 3 for byte in status.message.encode())
    assert escaped <= 1024


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (InvalidArgument([FieldViolation("f", "INVALID_PRICE", "d")]), code_pb2.INVALID_ARGUMENT, "INVALID_PRICE"),
        (errors.StockNotFound("AAPL"), code_pb2.NOT_FOUND, "STOCK_NOT_FOUND"),
        (errors.UserNotFound("ana"), code_pb2.NOT_FOUND, "USER_NOT_FOUND"),
        (errors.WatchNotFound("w"), code_pb2.NOT_FOUND, "WATCH_NOT_FOUND"),
        (errors.StockAlreadyExists("AAPL", "a name"), code_pb2.ALREADY_EXISTS, "STOCK_ALREADY_EXISTS"),
        (errors.LimitExceeded("STREAM_LIMIT", "server", "m"), code_pb2.RESOURCE_EXHAUSTED, "STREAM_LIMIT"),
        (errors.ReaderTooSlow(10_000), code_pb2.RESOURCE_EXHAUSTED, "READER_TOO_SLOW"),
        (errors.DatabaseUnavailable("m"), code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE"),
        (errors.PriceLogUnavailable("m"), code_pb2.UNAVAILABLE, "PRICE_LOG_UNAVAILABLE"),
        (errors.ServerDraining(), code_pb2.UNAVAILABLE, "SERVER_DRAINING"),
        (errors.NotBuilt("resume"), code_pb2.UNIMPLEMENTED, "NOT_IMPLEMENTED"),
        (errors.TickerError("m"), code_pb2.INTERNAL, "INTERNAL"),
    ],
)
def test_error_has_code_and_reason(error: errors.TickerError, code: int, reason: str) -> None:
    """Each kind of error has its code, and its reason stands in the details and before the message."""
    status = status_of(error)
    info = detail(status, error_details_pb2.ErrorInfo)

    assert status.code == code
    assert (info.reason, info.domain) == (reason, "ticker")
    assert status.message == str(error)
    assert status.message.startswith(f"{reason}: ")


def test_every_error_class_has_a_code() -> None:
    """No class of the error tree is left to INTERNAL."""

    def tree(kind: type[errors.TickerError]) -> set[type[errors.TickerError]]:
        return {kind}.union(*(tree(each) for each in kind.__subclasses__()))

    covered = tuple(kind for kind, _ in statuses._CODES)
    assert all(issubclass(kind, covered) for kind in tree(errors.TickerError) - {errors.TickerError})


def test_fields_are_named() -> None:
    """Each bad field stands in the details with its reason and rule."""
    error = InvalidArgument(
        [FieldViolation("ticks[3].price", "INVALID_PRICE", "no"), FieldViolation("a", "INVALID_SIZE", "x")]
    )

    named = detail(status_of(error), error_details_pb2.BadRequest).field_violations

    assert [(each.field, each.reason, each.description) for each in named] == [
        ("ticks[3].price", "INVALID_PRICE", "no"),
        ("a", "INVALID_SIZE", "x"),
    ]


def test_twenty_fields_are_named_and_the_others_counted() -> None:
    """Of many bad fields the first twenty are named, and the message says how many more there are."""
    error = InvalidArgument([FieldViolation(f"ticks[{i}].price", "INVALID_PRICE", "no") for i in range(1000)])
    status = status_of(error)

    named = detail(status, error_details_pb2.BadRequest).field_violations
    assert [each.field for each in named] == [f"ticks[{i}].price" for i in range(20)]
    assert status.message == "INVALID_PRICE: ticks[0].price: no (and 999 more)"


def test_missing_resource_is_named() -> None:
    """A resource that is missing or in the way stands in the details."""
    missing = detail(status_of(errors.StockNotFound("AAPL")), error_details_pb2.ResourceInfo)
    present = detail(status_of(errors.StockAlreadyExists("AAPL", "x")), error_details_pb2.ResourceInfo)

    assert (missing.resource_type, missing.resource_name) == ("ticker.v1.Stock", "AAPL")
    assert (present.resource_type, present.resource_name) == ("ticker.v1.Stock", "AAPL")


def test_quota_is_named() -> None:
    """A quota that is used up stands in the details."""
    status = status_of(errors.LimitExceeded("WATCH_LIMIT", "watch", "at most 1000 stocks"))
    (violation,) = detail(status, error_details_pb2.QuotaFailure).violations

    assert (violation.subject, violation.description) == ("watch", "at most 1000 stocks")
    assert not any(packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for packed in status.details)


def test_limit_that_passes_by_itself_says_when() -> None:
    """A limit that others may free again has its quota and a time to come back."""
    status = status_of(errors.LimitExceeded("STREAM_LIMIT", "server", "full", retry_after=timedelta(seconds=1)))

    assert detail(status, error_details_pb2.QuotaFailure).violations[0].subject == "server"
    assert detail(status, error_details_pb2.RetryInfo).retry_delay.seconds == 1


def test_delay_of_a_retry_is_told() -> None:
    """What may succeed later says when."""
    error = errors.DatabaseUnavailable("away", retry_after=timedelta(milliseconds=1500))

    delay = detail(status_of(error), error_details_pb2.RetryInfo).retry_delay
    assert (delay.seconds, delay.nanos) == (1, 500_000_000)


@pytest.mark.parametrize("text", [WORST_TEXT, "%" * 10_000, "\\" * 10_000, "a" * 10_000, "\udcff" * 10_000, "\n" * 999])
def test_worst_input_fits(text: str) -> None:
    """A thousand faults of the worst fields and descriptions fit, and are still counted and named."""
    error = InvalidArgument([FieldViolation(text, "INVALID_HEARTBEAT_INTERVAL", text)] * 1000)
    status = status_of(error)

    assert_fits(status)
    assert status.message.startswith("INVALID_HEARTBEAT_INTERVAL: ")
    assert status.message.endswith("(and 999 more)")
    assert len(detail(status, error_details_pb2.BadRequest).field_violations) == 20


@given(st.lists(st.tuples(st.text(), st.text(), st.integers(1, 300)), min_size=1, max_size=30))
def test_any_violations_fit(violations: list[tuple[str, str, int]]) -> None:
    """Whatever the fields and descriptions are, the status fits."""
    error = InvalidArgument([FieldViolation(field * n, "INVALID_WATCH", text * n) for field, text, n in violations])

    status = status_of(error)

    assert_fits(status)
    assert len(detail(status, error_details_pb2.BadRequest).field_violations) == min(20, len(violations))


@given(st.text(), st.integers(1, 1000))
def test_any_other_error_fits(text: str, times: int) -> None:
    """Whatever stands in an error of another kind, its status fits."""
    long = text * times
    for error in (
        errors.StockNotFound(long, field=long),
        errors.UserNotFound(long),
        errors.StockAlreadyExists(long, long),
        errors.LimitExceeded("STREAM_LIMIT", long, long),
        errors.DatabaseUnavailable(long),
        errors.NotBuilt(long),
    ):
        assert_fits(status_of(error))


def test_reason_of_any_length_fits() -> None:
    """Even an error whose details cannot be cut short enough has a status that fits."""
    error = InvalidArgument([FieldViolation("f", "R" * 200, "d")] * 20)

    assert_fits(status_of(error))


def test_unforeseen_error_tells_an_id_alone() -> None:
    """An error nobody foresaw has an id, in the message and in the details, and nothing else."""
    error_id = new_error_id()
    status = internal_status(error_id)
    info = detail(status, error_details_pb2.ErrorInfo)

    assert status.code == code_pb2.INTERNAL
    assert status.message == f"INTERNAL: unexpected error {error_id}; the server's log tells more"
    assert (info.reason, dict(info.metadata)) == ("INTERNAL", {"error_id": error_id})
    assert new_error_id() != error_id


def test_bytes_that_are_no_message_are_told_plainly() -> None:
    """A request that cannot be decoded is answered without details: no field can be named."""
    status = malformed_status("ticker.v1.GetStockRequest")

    assert status.code == code_pb2.INVALID_ARGUMENT
    assert status.message == "the request is not a ticker.v1.GetStockRequest message"
    assert not status.details
