"""Statuses as header blocks."""

from __future__ import annotations

from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

from tests.support.header_fields import decoded, metadata_in
from ticker_server.api.statuses import status_of
from ticker_server.api.transport.frames.status import CallFailed, trailers_of, trailers_of_status
from ticker_server.errors import StockNotFound


def read(block: bytes) -> dict[str, str | bytes]:
    """Return the fields of a block."""
    return dict(metadata_in(decoded(block)))


def test_no_error_is_ok() -> None:
    """A call without an error ends with OK and nothing else."""
    assert read(trailers_of(None)) == {"grpc-status": "0"}


def test_error_is_told_with_its_details() -> None:
    """An error of ours is told by code and message, and as a Status with its details."""
    fields = read(trailers_of(StockNotFound("AAPL")))

    assert fields["grpc-status"] == str(code_pb2.NOT_FOUND)
    details = fields["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    assert Status.FromString(details) == status_of(StockNotFound("AAPL"))
    assert fields["grpc-message"] == Status.FromString(details).message


def test_status_without_details_has_none() -> None:
    """A status that has no details is told by code and message alone."""
    fields = read(trailers_of_status(Status(code=code_pb2.ABORTED, message="no")))

    assert fields == {"grpc-status": "10", "grpc-message": "no"}


def test_failed_call_tells_its_status_and_metadata() -> None:
    """What a handler raises has code, message and details, and goes out with the trailing metadata."""
    details = Status(code=5, message="gone").SerializeToString()
    failure = CallFailed(5, "gone", details)

    assert (failure.code, str(failure), failure.details) == (5, "gone", details)
    assert read(failure.trailers([("x-a", "1"), ("x-b-bin", b"\0")])) == {
        "grpc-status": "5",
        "grpc-message": "gone",
        "grpc-status-details-bin": details,
        "x-a": "1",
        "x-b-bin": b"\0",
    }


def test_details_survive_the_wire() -> None:
    """Details of any bytes come back as they were."""
    status = Status(code=3)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="A", domain="é", metadata={"k": "v" * 500}))

    fields = read(trailers_of_status(status))

    assert Status.FromString(fields["grpc-status-details-bin"]) == status
    assert "grpc-message" not in fields
