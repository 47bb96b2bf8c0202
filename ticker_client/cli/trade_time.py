"""Trade times as price files write them, to nanoseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

__all__ = ["parse_trade_time"]

_CALENDAR = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_EPOCH = re.compile(r"-?\d{1,19}(?:\.\d{1,9})?", re.ASCII)

_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000_000

# Below each bound the unit is the one beside it: 10^11 s is the year 5138, 10^11 ms the year 1973, and so on.
_EPOCH_UNITS = ((10**11, _SECOND), (10**14, 1_000_000), (10**17, 1_000))

# What a protobuf Timestamp can hold: the years 1 to 9999.
_EARLIEST = -62_135_596_800 * _SECOND
_LATEST = 253_402_300_800 * _SECOND - 1


def parse_trade_time(text: str, zone: tzinfo) -> int:
    """Return the instant that a text names, in nanoseconds since the epoch.

    It may be RFC 3339, `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS[.fff]` on the clock of `zone`, or a number: seconds,
    milliseconds, microseconds or nanoseconds since the epoch, told apart by magnitude. A local time that the clock
    shows twice is the first one; one that it skips is counted from before the skip.

    Raises:
        ValueError: the text is none of these; the message says why.
    """
    if _EPOCH.fullmatch(text):
        return _from_epoch(text)
    match = _CALENDAR.fullmatch(text)
    if match is None:
        raise ValueError("write RFC 3339, YYYY-MM-DD, YYYY-MM-DD HH:MM:SS, or a number since the epoch")
    date, clock, fraction, offset = match.groups()
    local = datetime.fromisoformat(f"{date}T{clock or '00:00:00'}").replace(tzinfo=_zone_of(offset, zone))
    # Not by astimezone(): the year 1 east of Greenwich began before the first instant a datetime in UTC can tell.
    since_epoch = local.replace(tzinfo=UTC) - _EPOCH_START - (local.utcoffset() or timedelta(0))
    return _within_range(since_epoch // timedelta(seconds=1) * _SECOND + int((fraction or "").ljust(9, "0")))


def _zone_of(offset: str | None, zone: tzinfo) -> tzinfo:
    if offset is None:
        return zone
    if offset in "Zz":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"{offset} is no offset from UTC")
    distance = timedelta(hours=hours, minutes=minutes)
    return timezone(-distance if offset[0] == "-" else distance)


def _from_epoch(text: str) -> int:
    number = Decimal(text)
    unit = next((unit for bound, unit in _EPOCH_UNITS if abs(number) < bound), 1)
    nanoseconds = number * unit
    if nanoseconds % 1:
        raise ValueError("it is finer than a nanosecond")
    return _within_range(int(nanoseconds))


def _within_range(nanoseconds: int) -> int:
    if not _EARLIEST <= nanoseconds <= _LATEST:
        raise ValueError("it is outside the years 1 to 9999")
    return nanoseconds
