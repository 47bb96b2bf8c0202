"""Instants and durations keep their value on the way between the wire and Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from ticker_client.instants import (
    datetime_of,
    duration_of,
    nanoseconds_of,
    optional_datetime_of,
    timedelta_of,
    timestamp_of,
)

# 0001-01-01 to 9999-12-31, as far as both the wire and Python go.
NANOSECONDS = st.integers(-62_135_596_800 * 10**9, 253_402_300_799 * 10**9)


@given(NANOSECONDS)
def test_nanoseconds_survive_the_wire(instant: int) -> None:
    """An instant is the same to the nanosecond after a trip through a Timestamp, whose nanos are never negative."""
    message = timestamp_of(instant)

    assert nanoseconds_of(message) == instant
    assert 0 <= message.nanos < 10**9


@given(NANOSECONDS)
def test_a_datetime_is_cut_to_microseconds_in_utc(instant: int) -> None:
    """A datetime is in UTC, and less than a microsecond before its instant."""
    moment = datetime_of(instant)

    assert moment.tzinfo is UTC
    assert 0 <= instant - nanoseconds_of(moment) < 1000


# The first and the last day of a datetime's range are out of it in UTC where the zone is not UTC.
DATETIMES = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)


@given(DATETIMES)
def test_datetimes_are_exact(moment: datetime) -> None:
    """A datetime of any zone is exact in nanoseconds."""
    assert datetime_of(nanoseconds_of(moment)) == moment


def test_a_naive_datetime_is_refused() -> None:
    """A datetime without a zone names no instant, and is a ValueError."""
    with pytest.raises(ValueError, match="no time zone"):
        nanoseconds_of(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


@given(st.timedeltas(min_value=timedelta(days=-3650), max_value=timedelta(days=3650)))
def test_durations_survive_the_wire(span: timedelta) -> None:
    """A duration is the same after a trip over the wire, and its parts have one sign."""
    message = duration_of(span)

    assert timedelta_of(message) == span
    assert message.seconds * message.nanos >= 0
    assert message.ToTimedelta() == span


def test_a_field_that_is_not_set_is_none() -> None:
    """A field that is not set becomes None, and one that is set becomes a datetime, even at the epoch."""
    assert optional_datetime_of(Timestamp(), present=False) is None
    assert optional_datetime_of(Timestamp(), present=True) == datetime(1970, 1, 1, tzinfo=UTC)
