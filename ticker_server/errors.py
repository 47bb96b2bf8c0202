"""The errors of the server, one class per kind.

* TickerError
    * InvalidArgument        bad input; names each field and its rule
    * NotFound
        * StockNotFound, UserNotFound, WatchNotFound
    * StockAlreadyExists
    * LimitExceeded          a quota: subscriptions, stocks per watch, streams
    * ReaderTooSlow
    * Unavailable            try again after a while
        * DatabaseUnavailable, PriceLogUnavailable, ServerDraining
    * NotBuilt               part of the wire, not yet of this server

* CannotStart                the process cannot do what its command asked for; never told to a caller

The reasons are those of the API documentation. Which gRPC status and which details a class becomes stands in one
place, `ticker_server.api.statuses`; nothing here knows a transport.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

__all__ = [
    "CannotStart",
    "DatabaseUnavailable",
    "FieldViolation",
    "InvalidArgument",
    "LimitExceeded",
    "NotBuilt",
    "NotFound",
    "PriceLogUnavailable",
    "ReaderTooSlow",
    "ServerDraining",
    "StockAlreadyExists",
    "StockNotFound",
    "TickerError",
    "Unavailable",
    "UserNotFound",
    "WatchNotFound",
    "shown",
]

_SHOWN_INPUT_LENGTH = 64


def shown(text: str) -> str:
    """Return a user's input as it may stand in a message: quoted, escaped, at most 64 characters of it."""
    cut = text[:_SHOWN_INPUT_LENGTH] + ("..." if len(text) > _SHOWN_INPUT_LENGTH else "")
    escaped = cut.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'


class TickerError(Exception):
    """Any error that is told to a caller; `str()` is `REASON: message` and reads alone."""

    reason: str = "INTERNAL"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that breaks a rule: its path (`ticks[3].price`), the reason, and what the rule is."""

    field: str
    reason: str
    description: str


class InvalidArgument(TickerError):
    """Bad input. The reason is that of the first violation; all violations are kept, in the order of the fields."""

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        self.violations = tuple(violations)
        first = self.violations[0]
        self.reason = first.reason
        more = f" (and {len(self.violations) - 1} more)" if len(self.violations) > 1 else ""
        super().__init__(f"{first.field}: {first.description}{more}")


class NotFound(TickerError):
    """A resource that does not exist; `resource_type` and `resource_name` say which."""

    resource_type: ClassVar[str] = ""

    def __init__(self, resource_name: str, message: str) -> None:
        self.resource_name = resource_name
        super().__init__(message)


class StockNotFound(NotFound):
    """The stock does not exist. `field` is the path of the request field that named it, where that helps."""

    reason = "STOCK_NOT_FOUND"
    resource_type = "ticker.v1.Stock"

    def __init__(self, stock_id: str, *, field: str = "") -> None:
        place = f"{field}: " if field else ""
        super().__init__(
            stock_id, f"{place}stock {shown(stock_id)} does not exist; list them with StockService/ListStocks"
        )


class UserNotFound(NotFound):
    """The user does not exist."""

    reason = "USER_NOT_FOUND"
    resource_type = "ticker.v1.User"

    def __init__(self, user_id: str) -> None:
        super().__init__(
            user_id,
            f"user {shown(user_id)} does not exist; UserService/CreateUser or SubscriptionService/AddStock creates one",
        )


class WatchNotFound(NotFound):
    """No open watch has this id."""

    reason = "WATCH_NOT_FOUND"
    resource_type = "ticker.v1.Watch"

    def __init__(self, watch_id: str) -> None:
        super().__init__(watch_id, f"watch {shown(watch_id)} is not open here; its id is in the stream's `opened`")


class StockAlreadyExists(TickerError):
    """A stock of this id exists with other content."""

    reason = "STOCK_ALREADY_EXISTS"
    resource_type: ClassVar[str] = "ticker.v1.Stock"

    def __init__(self, stock_id: str, difference: str) -> None:
        self.resource_name = stock_id
        super().__init__(f"stock {shown(stock_id)} exists with {difference}")


class LimitExceeded(TickerError):
    """A quota is used up. `reason` is SUBSCRIPTION_LIMIT, WATCH_LIMIT or STREAM_LIMIT; `subject` names whose quota.

    `retry_after` is set where the same call may succeed later without anything else being done.
    """

    def __init__(self, reason: str, subject: str, message: str, *, retry_after: timedelta | None = None) -> None:
        self.reason = reason
        self.subject = subject
        self.retry_after = retry_after
        super().__init__(message)


class ReaderTooSlow(TickerError):
    """An every-tick watch with lag policy DISCONNECT had more pending ticks than its limit."""

    reason = "READER_TOO_SLOW"

    def __init__(self, pending_limit: int) -> None:
        super().__init__(
            f"more than {pending_limit} ticks were waiting for this reader; read faster, "
            "follow fewer stocks, or use LAG_POLICY_CONFLATE"
        )


class Unavailable(TickerError):
    """Not possible just now; the same call may succeed after `retry_after`."""

    def __init__(self, message: str, *, retry_after: timedelta = timedelta(seconds=1)) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class DatabaseUnavailable(Unavailable):
    """The database did not answer; nothing was changed, or the answer is unknown and the call is safe to repeat."""

    reason = "DATABASE_UNAVAILABLE"


class PriceLogUnavailable(Unavailable):
    """The price log did not take or give ticks."""

    reason = "PRICE_LOG_UNAVAILABLE"


class ServerDraining(Unavailable):
    """This server is about to stop."""

    reason = "SERVER_DRAINING"

    def __init__(self, *, retry_after: timedelta = timedelta(seconds=1)) -> None:
        super().__init__("this server is about to stop; call again, on a new connection", retry_after=retry_after)


class NotBuilt(TickerError):
    """The request uses a part of the wire contract that this server does not serve yet."""

    reason = "NOT_IMPLEMENTED"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is part of ticker.v1 but this server does not serve it yet")


class CannotStart(Exception):
    """A process cannot start as asked; it ends with `exit_code` and one line, `error: REASON: message`."""

    reason: ClassVar[str]
    exit_code: ClassVar[int]
