"""The rules of single values: what an id, a name, a price, a duration may be.

A rule is a function that takes a value and returns the `Fault` it finds, or None. A description of a fault reads
alone: it names the rule and shows the input, cut. `Violations` collects the faults of a whole request.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from ticker_server.api.currencies import CURRENCIES
from ticker_server.errors import FieldViolation, InvalidArgument, shown
from ticker_server.model.schedule import is_time_zone
from ticker_server.model.stock import STOCK_ID, USER_ID
from ticker_server.model.subscription import MAX_FREQUENCY, MIN_FREQUENCY
from ticker_server.model.tick import PUBLISHER_ID, is_price, is_size

__all__ = [
    "MAX_BATCH",
    "Fault",
    "Violations",
    "currency_fault",
    "duration_nanoseconds",
    "duration_text",
    "first_indexes",
    "frequency_fault",
    "heartbeat_fault",
    "length_fault",
    "name_fault",
    "price_fault",
    "publisher_fault",
    "size_fault",
    "stock_id_fault",
    "time_zone_fault",
    "timestamp_nanoseconds",
    "user_id_fault",
]

MAX_BATCH = 1000
"""So many items a batch may have: ticks, requests, stock ids."""

MAX_NAME_LENGTH = 100
MIN_HEARTBEAT_INTERVAL = 1_000_000_000
MAX_HEARTBEAT_INTERVAL = 60_000_000_000

_SECOND = 1_000_000_000
_MAX_INT64 = 2**63 - 1
_MAX_DURATION_SECONDS = 315_576_000_000
_FIRST_SECOND = -62_135_596_800  # 0001-01-01T00:00:00Z
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z

_KEPT_VIOLATIONS = 10_000
"""A request of 4 MiB can hold millions of faults; past this count nobody reads them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a value breaks: the reason of the API, and what the rule is."""

    reason: str
    description: str


class Violations:
    """The faults of one request, in the order of its fields; `check` raises them as one error."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    @property
    def full(self) -> bool:
        """Whether so many are found that looking for more is of no use."""
        return len(self._found) >= _KEPT_VIOLATIONS

    def note(self, fault: Fault | None, *path: str | int) -> bool:
        """Keep a fault under its field path: `"ticks", 3, "price"` is `ticks[3].price`. Tell whether there was one."""
        if fault is None:
            return False
        field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        self._found.append(FieldViolation(field.removeprefix("."), fault.reason, fault.description))
        return True

    def check(self) -> None:
        """Raise InvalidArgument if anything was found."""
        if self._found:
            raise InvalidArgument(self._found)


def stock_id_fault(stock_id: str) -> Fault | None:
    """1-16 characters: capital letters, digits, dot, hyphen; the first a letter or digit."""
    if STOCK_ID.fullmatch(stock_id):
        return None
    rule = "a stock id has 1-16 characters of A-Z 0-9 . - and starts with a letter or digit"
    hint = f"; did you mean {shown(stock_id.upper())}?" if STOCK_ID.fullmatch(stock_id.upper()) else ""
    return Fault("INVALID_STOCK_ID", f"{rule}, not {shown(stock_id)}{hint}")


def user_id_fault(user_id: str) -> Fault | None:
    """1-64 characters: letters, digits, dot, underscore, at, hyphen; the first a letter or digit."""
    if USER_ID.fullmatch(user_id):
        return None
    if not user_id:
        return Fault("INVALID_USER_ID", "user_id must be set: no credentials say which user is meant")
    rule = "a user id has 1-64 characters of A-Z a-z 0-9 . _ @ - and starts with a letter or digit"
    return Fault("INVALID_USER_ID", f"{rule}, not {shown(user_id)}")


def name_fault(name: str) -> Fault | None:
    """1-100 characters, none of them a control character."""
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        return Fault("INVALID_NAME", f"a name has 1-100 characters, not {len(name)}: {shown(name)}")
    if any(unicodedata.category(character) == "Cc" for character in name):
        return Fault("INVALID_NAME", f"a name has no control characters: {shown(name)}")
    return None


def currency_fault(currency: str) -> Fault | None:
    """An active code of ISO 4217."""
    if currency in CURRENCIES:
        return None
    return Fault("INVALID_CURRENCY", f'a currency is a three-letter ISO 4217 code such as "USD", not {shown(currency)}')


def time_zone_fault(time_zone: str) -> Fault | None:
    """A name of the IANA time zone database."""
    if is_time_zone(time_zone):
        return None
    return Fault(
        "INVALID_TIME_ZONE", f'a time zone is an IANA name such as "Europe/Berlin" or "UTC", not {shown(time_zone)}'
    )


def frequency_fault(frequency: Duration) -> Fault | None:
    """A duration of 100 ms to 24 h."""
    return _duration_fault(
        "INVALID_FREQUENCY", "a frequency is 100 ms to 24 h", frequency, MIN_FREQUENCY, MAX_FREQUENCY
    )


def heartbeat_fault(interval: Duration) -> Fault | None:
    """A duration of 1 s to 60 s."""
    rule = "a heartbeat interval is 1 s to 60 s"
    return _duration_fault("INVALID_HEARTBEAT_INTERVAL", rule, interval, MIN_HEARTBEAT_INTERVAL, MAX_HEARTBEAT_INTERVAL)


def price_fault(price: str) -> Fault | None:
    """1-12 digits, optionally a point and 1-9 digits, above zero."""
    if is_price(price):
        return None
    rule = "a price has 1-12 digits, then optionally a point and 1-9 digits, and is above zero"
    return Fault("INVALID_PRICE", f"{rule}, not {shown(price)}")


def size_fault(size: str) -> Fault | None:
    """The form of a price, zero allowed, or empty for unknown."""
    if is_size(size):
        return None
    rule = "a size has 1-12 digits, then optionally a point and 1-9 digits, or is empty"
    return Fault("INVALID_SIZE", f"{rule}, not {shown(size)}")


def publisher_fault(publisher_id: str, publisher_sequence: int) -> Fault | None:
    """Both together or none: an id like a user id without `@`, and a sequence from 1 to 2^63 - 1."""
    if not publisher_id and not publisher_sequence:
        return None
    if not publisher_id:
        return Fault("INVALID_PUBLISHER", f"publisher_sequence {publisher_sequence} needs a publisher_id")
    if not PUBLISHER_ID.fullmatch(publisher_id):
        rule = "a publisher id has 1-64 characters of A-Z a-z 0-9 . _ - and starts with a letter or digit"
        return Fault("INVALID_PUBLISHER", f"{rule}, not {shown(publisher_id)}")
    if not 1 <= publisher_sequence <= _MAX_INT64:
        rule = f"publisher_id {shown(publisher_id)} needs a publisher_sequence from 1 to {_MAX_INT64}"
        return Fault("INVALID_PUBLISHER", f"{rule}, not {publisher_sequence}")
    return None


def length_fault(count: int, what: str) -> Fault | None:
    """From 1 to MAX_BATCH items; `what` names them in the plural."""
    if 1 <= count <= MAX_BATCH:
        return None
    return Fault("INVALID_BATCH", f"a request has 1-{MAX_BATCH} {what}, not {count}")


def first_indexes(ids: Iterable[str]) -> dict[str, int]:
    """Return each id once, in order, with the index at which it stands first."""
    indexes: dict[str, int] = {}
    for index, one_id in enumerate(ids):
        indexes.setdefault(one_id, index)
    return indexes


def duration_nanoseconds(duration: Duration) -> int | None:
    """Return a duration in nanoseconds, or None if its parts are out of range or their signs differ."""
    seconds, nanos = duration.seconds, duration.nanos
    if abs(seconds) > _MAX_DURATION_SECONDS or abs(nanos) >= _SECOND or seconds * nanos < 0:
        return None
    return seconds * _SECOND + nanos


def timestamp_nanoseconds(timestamp: Timestamp) -> int | None:
    """Return an instant in nanoseconds since the epoch, or None if it is not in the years 1 to 9999."""
    if not _FIRST_SECOND <= timestamp.seconds <= _LAST_SECOND or not 0 <= timestamp.nanos < _SECOND:
        return None
    return timestamp.seconds * _SECOND + timestamp.nanos


def duration_text(duration: Duration) -> str:
    """Return a duration as a reader of an error wants it: `0.05s`, or its parts where it is not a valid one."""
    length = duration_nanoseconds(duration)
    if length is None:
        return f"seconds {duration.seconds} with nanos {duration.nanos}"
    seconds, nanos = divmod(abs(length), _SECOND)
    fraction = f".{nanos:09}".rstrip("0").rstrip(".")
    return f"{'-' if length < 0 else ''}{seconds}{fraction}s"


def _duration_fault(reason: str, rule: str, duration: Duration, shortest: int, longest: int) -> Fault | None:
    length = duration_nanoseconds(duration)
    if length is not None and shortest <= length <= longest:
        return None
    return Fault(reason, f"{rule}, not {duration_text(duration)}")
