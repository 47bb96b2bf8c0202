"""Instants and durations between the wire and Python.

An instant is an integer, nanoseconds since the Unix epoch: exact. As a `datetime` it is always in UTC, and cut to
microseconds, because Python knows no more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

__all__ = [
    "datetime_of",
    "duration_of",
    "nanoseconds_of",
    "optional_datetime_of",
    "timedelta_of",
    "timestamp_of",
]

SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def nanoseconds_of(instant: Timestamp | datetime) -> int:
    """Return nanoseconds since the epoch; a naive datetime is a ValueError, because it names no instant."""
    if isinstance(instant, Timestamp):
        return instant.seconds * SECOND + instant.nanos
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise ValueError(f"{instant!r} has no time zone; give it one, as in datetime.now(UTC)")
    return (instant - _EPOCH) // _MICROSECOND * 1000


def datetime_of(nanoseconds: int) -> datetime:
    """Return an instant as a datetime in UTC, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def optional_datetime_of(message: Timestamp, *, present: bool) -> datetime | None:
    """Return a field of a message as a datetime in UTC, None where the field is not set."""
    return datetime_of(nanoseconds_of(message)) if present else None


def timestamp_of(nanoseconds: int) -> Timestamp:
    """Return an instant as it goes on the wire."""
    seconds, nanos = divmod(nanoseconds, SECOND)
    return Timestamp(seconds=seconds, nanos=nanos)


def timedelta_of(duration: Duration) -> timedelta:
    """Return a duration of the wire, cut to microseconds."""
    return timedelta(seconds=duration.seconds, microseconds=duration.nanos // 1000)


def duration_of(span: timedelta) -> Duration:
    """Return a duration as it goes on the wire, with one sign for its two parts, as the wire wants it."""
    microseconds = span // _MICROSECOND
    sign = -1 if microseconds < 0 else 1
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    return Duration(seconds=sign * seconds, nanos=sign * rest * 1000)
