"""Errors as gRPC statuses: the one table from the server's errors to codes and details.

A status is told twice, as headers of the transport and as a `google.rpc.Status` with the details beside them. gRPC
refuses large headers, so both have a limit that no input can pass: 1 KiB for the message as it is escaped on the
wire, 4 KiB for the whole Status.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

from ticker_server.errors import (
    FieldViolation,
    InvalidArgument,
    LimitExceeded,
    NotBuilt,
    NotFound,
    ReaderTooSlow,
    StockAlreadyExists,
    TickerError,
    Unavailable,
)
from ticker_server.fanout.encoding import duration

__all__ = [
    "DOMAIN",
    "MAX_MESSAGE_BYTES",
    "MAX_STATUS_BYTES",
    "NAMED_VIOLATIONS",
    "internal_status",
    "malformed_status",
    "new_error_id",
    "status_of",
]

DOMAIN = "ticker"
MAX_STATUS_BYTES = 4096
MAX_MESSAGE_BYTES = 1024
NAMED_VIOLATIONS = 20
"""So many bad fields are named; the message says how many more there are."""

_KEPT_TAIL = 24  # room for "(and 9999 more)"
_TEXT_LIMITS = (300, 150, 75, 40)
"""How many bytes of a field or description are kept: the first of them with which the status fits."""

_CODES: tuple[tuple[type[TickerError], int], ...] = (
    (InvalidArgument, code_pb2.INVALID_ARGUMENT),
    (NotFound, code_pb2.NOT_FOUND),
    (StockAlreadyExists, code_pb2.ALREADY_EXISTS),
    (LimitExceeded, code_pb2.RESOURCE_EXHAUSTED),
    (ReaderTooSlow, code_pb2.RESOURCE_EXHAUSTED),
    (Unavailable, code_pb2.UNAVAILABLE),
    (NotBuilt, code_pb2.UNIMPLEMENTED),
)


def status_of(error: TickerError) -> Status:
    """Return the status of an error, with its details."""
    message = _cut_message(str(error))
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    for limit in _TEXT_LIMITS:
        status = _status(_code(error), message, [info, *_details(error, limit)])
        if status.ByteSize() <= MAX_STATUS_BYTES:
            return status
    return _status(_code(error), message, [info])


def internal_status(error_id: str) -> Status:
    """Return the status of an error nobody foresaw: only the id under which the log has it."""
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"error_id": error_id})
    return _status(code_pb2.INTERNAL, f"INTERNAL: unexpected error {error_id}; the server's log tells more", [info])


def malformed_status(message_name: str) -> Status:
    """Return the status of request bytes that are no message of the type the method takes."""
    return _status(code_pb2.INVALID_ARGUMENT, f"the request is not a {message_name} message", [])


def new_error_id() -> str:
    """Return an id that says nothing but is the same in the answer and in the log."""
    return secrets.token_hex(8)


def _code(error: TickerError) -> int:
    return next((code for kind, code in _CODES if isinstance(error, kind)), code_pb2.INTERNAL)


def _status(code: int, message: str, details: Sequence[Message]) -> Status:
    status = Status(code=code, message=message)
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _details(error: TickerError, limit: int) -> list[Message]:
    """Return the details that the class of an error asks for, their texts cut to `limit` bytes."""
    if isinstance(error, InvalidArgument):
        return [_bad_request(error.violations[:NAMED_VIOLATIONS], limit)]
    if isinstance(error, NotFound | StockAlreadyExists):
        return [
            error_details_pb2.ResourceInfo(
                resource_type=error.resource_type, resource_name=_cut(error.resource_name, limit)
            )
        ]
    if isinstance(error, LimitExceeded):
        violation = error_details_pb2.QuotaFailure.Violation(
            subject=_cut(error.subject, limit), description=_cut(error.message, limit)
        )
        quota = error_details_pb2.QuotaFailure(violations=[violation])
        return [quota, *([_retry_info(error.retry_after)] if error.retry_after is not None else ())]
    if isinstance(error, Unavailable):
        return [_retry_info(error.retry_after)]
    return []


def _retry_info(after: timedelta) -> error_details_pb2.RetryInfo:
    return error_details_pb2.RetryInfo(retry_delay=duration(round(after.total_seconds() * 1000) * 1_000_000))


def _bad_request(violations: Sequence[FieldViolation], limit: int) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=_cut(violation.field, limit),
                reason=violation.reason,
                description=_cut(violation.description, limit),
            )
            for violation in violations
        ]
    )


def _cut(text: str, limit: int) -> str:
    """Return the beginning of a text, at most so many bytes of UTF-8."""
    encoded = text.encode("utf-8", "replace")
    return encoded.decode() if len(encoded) <= limit else encoded[: limit - 3].decode("utf-8", "ignore") + "..."


def _cut_message(message: str) -> str:
    """Return a message that fits when it is escaped; what is too long loses its middle, not its count at the end."""
    text = message[: MAX_MESSAGE_BYTES + 1].encode("utf-8", "replace").decode()
    if len(message) <= MAX_MESSAGE_BYTES and _escaped_length(text) <= MAX_MESSAGE_BYTES:
        return text
    tail = message[-_KEPT_TAIL:].encode("ascii", "replace").decode()
    room = MAX_MESSAGE_BYTES - _escaped_length(tail) - 5
    head = len(text)
    while _escaped_length(text[:head]) > room:
        # Escaping makes a character at most 12 bytes, so this ends after few turns and cuts little too much.
        head -= max(1, (_escaped_length(text[:head]) - room) // 12)
    return f"{text[:head]} ... {tail}"


def _escaped_length(text: str) -> int:
    """Return the length of a text as the transport escapes it: printable ASCII but the percent sign stays as it is."""
    return len(quote(text, safe=" !\"#$&'()*+,/:;<=>?@[\\]^`{|}"))
