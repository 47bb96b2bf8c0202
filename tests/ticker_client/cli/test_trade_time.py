"""Trade times as price files write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_client.cli.times import rfc3339
from ticker_client.cli.trade_time import parse_trade_time

SECOND = 1_000_000_000
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-03-01", "2013-03-01T00:00:00Z"),
        ("2013-03-01 14:30:05", "2013-03-01T14:30:05Z"),
        ("2013-03-01 14:30:05.250", "2013-03-01T14:30:05.250Z"),
        ("2013-03-01T14:30:05Z", "2013-03-01T14:30:05Z"),
        ("2013-03-01t14:30:05.123456789z", "2013-03-01T14:30:05.123456789Z"),
        ("2013-03-01T14:30:05+05:30", "2013-03-01T09:00:05Z"),
        ("2013-03-01T23:30:00-01:00", "2013-03-02T00:30:00Z"),
        ("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900Z"),
        ("0001-01-01", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_calendar_times_are_read_exactly(text: str, expected: str) -> None:
    """A date, a date with a time of day, and RFC 3339 name the same instant to the nanosecond."""
    assert rfc3339(parse_trade_time(text, UTC)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-03-01", "2013-03-01T05:00:00Z"),
        ("2013-07-01 09:30:00", "2013-07-01T13:30:00Z"),
        ("2013-03-10 02:30:00", "2013-03-10T07:30:00Z"),
        ("2013-11-03 01:30:00", "2013-11-03T05:30:00Z"),
        ("2013-07-01T09:30:00Z", "2013-07-01T09:30:00Z"),
        ("1372671000", "2013-07-01T09:30:00Z"),
    ],
)
def test_local_times_are_those_of_the_zone(text: str, expected: str) -> None:
    """A time without an offset is on the zone's clock, through both changes of it; other times ignore the zone."""
    assert rfc3339(parse_trade_time(text, NEW_YORK)) == expected


@pytest.mark.parametrize(
    "text", ["1372671000", "1372671000000", "1372671000000000", "1372671000000000000", "1372671000.000000000"]
)
def test_the_unit_of_a_number_is_told_by_its_magnitude(text: str) -> None:
    """Seconds, milliseconds, microseconds and nanoseconds since the epoch are told apart."""
    assert parse_trade_time(text, NEW_YORK) == 1_372_671_000 * SECOND


@pytest.mark.parametrize(("digits", "unit"), [(11, 10**9), (12, 10**6), (14, 10**6), (15, 10**3), (17, 10**3), (18, 1)])
def test_the_bounds_between_units(digits: int, unit: int) -> None:
    """Up to 11 digits are seconds, up to 14 milliseconds, up to 17 microseconds, and more are nanoseconds."""
    number = 10 ** (digits - 1)

    assert parse_trade_time(str(number), UTC) == number * unit
    assert parse_trade_time(str(-number), UTC) == -number * unit


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2013-02-30",
        "2013-13-01",
        "2013-03-01 25:00:00",
        "2013-03-01T14:30:60Z",
        "2013-03-01 14:30",
        "01/03/2013",
        "2013-03-01T14:30:05+25:00",
        "2013-03-01T14:30:05+05:60",
        "2013-03-01T14:30:05.1234567891Z",
        "1.3e9",
        "1372671000000.1234567",
        "99999999999999999999",
        "9223372036854775807999",
        "0000-01-01",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "NaN",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    """What names no instant between the years 1 and 9999 is refused."""
    with pytest.raises(ValueError, match=r"."):
        parse_trade_time(text, UTC)


@given(st.datetimes(timezones=st.timezones()))
def test_any_local_time_is_the_instant_that_python_says(moment: datetime) -> None:
    """A local time in any zone is the instant that the zone database says, first of two when the clock goes back."""
    zone = moment.tzinfo
    assert zone is not None
    first = moment.replace(fold=0)
    since_epoch = first.replace(tzinfo=None) - datetime(1970, 1, 1) - (first.utcoffset() or timedelta())  # noqa: DTZ001 - both in the same local time
    expected = since_epoch // timedelta(microseconds=1) * 1000
    text = first.replace(tzinfo=None).isoformat(" ", "microseconds")

    try:
        actual = parse_trade_time(text, zone)
    except ValueError:
        assert moment.year in {1, 9999}
    else:
        assert actual == expected


@given(st.integers(min_value=-62_135_596_800, max_value=10**11 - 1))
def test_any_whole_second_is_read_exactly(seconds: int) -> None:
    """Any number of seconds below the bound is seconds."""
    assert parse_trade_time(str(seconds), UTC) == seconds * SECOND
