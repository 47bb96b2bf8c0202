"""The errors of the client, one class per kind.

* TickerError
    * InvalidArgument           bad input; names each field and its rule
    * NotFound                  a stock, user or watch that does not exist
    * AlreadyExists             it exists with other content
    * PermissionDenied          another user's data, or a role that is missing
    * Unauthenticated           no credentials, or refused ones
    * LimitExceeded             a quota is used up
    * ReaderTooSlow             an every-tick watch was read too slowly
    * Unavailable               not just now; try again
    * NotBuilt                  the server does not serve this part of the wire yet
    * Internal                  the server failed; its log knows more
    * ServerUnreachable         no answer, or none of ours
        * WatchBroken           a watch ended and nobody said why
            * HeartbeatMissed   it was silent for longer than promised
    * OutcomeUnknown            ticks may be in the price log or not
    * UnexpectedDuplicate       somebody else publishes under the same publisher id
    * ClientMisused             outside `async with`, after a fork, in another event loop

`str()` is `REASON: message` and reads alone. `retryable` tells whether the same call may succeed later as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from ticker_client.instants import timedelta_of
from ticker_client.models import PublishResult

__all__ = [
    "AlreadyExists",
    "ClientMisused",
    "FieldViolation",
    "HeartbeatMissed",
    "Internal",
    "InvalidArgument",
    "LimitExceeded",
    "NotBuilt",
    "NotFound",
    "OutcomeUnknown",
    "PermissionDenied",
    "ReaderTooSlow",
    "ServerUnreachable",
    "TickerError",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedDuplicate",
    "WatchBroken",
    "from_rpc_error",
]

DOMAIN = "ticker"
DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that breaks a rule."""

    field: str
    """Its path in the request, such as `ticks[3].price`."""
    description: str
    """What the rule is."""
    reason: str = ""
    """Such as `INVALID_PRICE`."""


class TickerError(Exception):
    """Any error of the client."""

    retryable: bool = False
    """Whether the same call may succeed later as it stands."""
    violations: tuple[FieldViolation, ...] = ()
    """The fields that break a rule, where the server named them."""
    retry_after: timedelta | None = None
    """How long to wait before the next attempt, where the server said so."""
    resource_type: str = ""
    """What kind of thing is meant, such as `ticker.v1.Stock`, where the server said so."""
    resource_name: str = ""
    """Which one."""

    def __init__(self, reason: str, message: str, *, code: str = "") -> None:
        super().__init__(reason, message)
        self.reason = reason
        """The word for programs, such as `STOCK_NOT_FOUND`."""
        self.message = message
        """The sentence for people, without the reason."""
        self.code = code
        """The name of the gRPC status, such as `NOT_FOUND`; empty when the client itself raises."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class InvalidArgument(TickerError):
    """Bad input. The reason is that of the first violation; without a `code` the client saw it itself."""


class NotFound(TickerError):
    """A stock, user or watch does not exist: `resource_type` and `resource_name` say which."""


class AlreadyExists(TickerError):
    """It exists with other content."""


class PermissionDenied(TickerError):
    """Another user's data (whether it exists or not), or a role that is missing."""


class Unauthenticated(TickerError):
    """No credentials, or the server does not take them (any longer)."""


class LimitExceeded(TickerError):
    """A quota is used up. Retryable only for a rate limit."""

    def __init__(self, reason: str, message: str, *, code: str = "") -> None:
        super().__init__(reason, message, code=code)
        self.retryable = reason == "RATE_LIMITED"


class ReaderTooSlow(TickerError):
    """More ticks waited for an every-tick watch than the server, or the client's buffer, keeps; nothing was hidden."""

    retryable = True


class Unavailable(TickerError):
    """Not possible just now; `retry_after` says when to try again."""

    retryable = True


class NotBuilt(TickerError):
    """The request uses a part of the wire contract that this server does not serve yet."""


class Internal(TickerError):
    """The server failed in an unforeseen way; the message carries an id that its log knows."""


class ServerUnreachable(TickerError):
    """No connection, no answer in time, or an answer without our details, from something that is not our server.

    What was asked for may have happened all the same; not so with the reason NOT_CONNECTED, which says that there never
    was a connection.
    """

    def __init__(self, message: str, *, reason: str = "SERVER_UNREACHABLE", code: str = "UNAVAILABLE") -> None:
        super().__init__(reason, message, code=code)
        self.retryable = code in _PASSING


class WatchBroken(ServerUnreachable):
    """A watch ended without a `go_away` and without a reason: by a broken connection, or just so."""

    def __init__(self, message: str, *, reason: str = "WATCH_BROKEN", code: str = "UNAVAILABLE") -> None:
        super().__init__(message, reason=reason, code=code)
        self.retryable = True


class HeartbeatMissed(WatchBroken):
    """A watch was silent for longer than its last heartbeat promised: server or network are gone."""

    def __init__(self, promised: timedelta) -> None:
        super().__init__(
            f"nothing came for {promised.total_seconds():g} s, though a heartbeat was promised within that time",
            reason="HEARTBEAT_MISSED",
            code="",
        )
        self.promised = promised
        """How long the silence was to last at most."""


class OutcomeUnknown(TickerError):
    """Ticks may be in the price log or not: nobody knew it for as long as they were repeated.

    Nothing later was sent. Publish `publisher.unconfirmed` to go on.
    """

    retryable = True

    def __init__(self, results: Sequence[PublishResult]) -> None:
        unknown = [index for index, result in enumerate(results) if result.outcome == "UNKNOWN"]
        super().__init__(
            "OUTCOME_UNKNOWN",
            f"{len(unknown)} tick(s), the first at index {unknown[0]}, may be in the price log or not; repeat them before "
            "anything later of their stocks",
        )
        self.results = tuple(results)
        """What became of the ticks that were sent, in order."""


class UnexpectedDuplicate(TickerError):
    """The server knows sequences that this publisher has only just drawn, so another one uses the same id.

    The ticks named were dropped as repeats; they are not in the price log.
    """

    def __init__(self, publisher_id: str, indexes: Sequence[int]) -> None:
        super().__init__(
            "UNEXPECTED_DUPLICATE",
            f"{len(indexes)} tick(s) of publisher {publisher_id!r}, the first at index {indexes[0]}, were dropped as "
            "repeats though they were never sent before; does another program publish under this id?",
        )
        self.indexes = tuple(indexes)
        """The places of the dropped ticks in what was published."""


class ClientMisused(TickerError):
    """The client was used where it cannot work: outside `async with`, after a fork, or in another event loop."""


_CLASSES: dict[str, type[TickerError]] = {
    "ALREADY_EXISTS": AlreadyExists,
    "INTERNAL": Internal,
    "INVALID_ARGUMENT": InvalidArgument,
    "NOT_FOUND": NotFound,
    "PERMISSION_DENIED": PermissionDenied,
    "RESOURCE_EXHAUSTED": LimitExceeded,
    "UNAUTHENTICATED": Unauthenticated,
    "UNAVAILABLE": Unavailable,
    "UNIMPLEMENTED": NotBuilt,
}
_PASSING = {"ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"}


def from_rpc_error(error: grpc.aio.AioRpcError) -> TickerError:
    """Return the error that a gRPC status stands for: by its details if they are ours, else ServerUnreachable."""
    code, text = error.code().name, error.details() or ""
    details = _details_of(error)
    info = error_details_pb2.ErrorInfo()
    if not any(detail.Unpack(info) and info.domain == DOMAIN for detail in details):
        return ServerUnreachable(text or code, code=code)
    kind = ReaderTooSlow if info.reason == "READER_TOO_SLOW" else _CLASSES.get(code, TickerError)
    told = kind(info.reason, text.removeprefix(f"{info.reason}: "), code=code)
    _add_details(told, details)
    return told


def _details_of(error: grpc.aio.AioRpcError) -> list[Any]:
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return list(status_pb2.Status.FromString(value).details)
            except DecodeError:
                return []
    return []


def _add_details(told: TickerError, details: Sequence[Any]) -> None:
    bad, retry, resource = (
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
        error_details_pb2.ResourceInfo(),
    )
    for detail in details:
        if detail.Unpack(bad):
            told.violations = tuple(FieldViolation(v.field, v.description, v.reason) for v in bad.field_violations)
        elif detail.Unpack(retry):
            told.retry_after = timedelta_of(retry.retry_delay)
        elif detail.Unpack(resource):
            told.resource_type, told.resource_name = resource.resource_type, resource.resource_name
