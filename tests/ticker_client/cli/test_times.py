"""Instants as the commands write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ticker_client.cli.times import age_text, clock_text, opening_text, rfc3339, zoned_rfc3339

SECOND = 1_000_000_000
NOON = 1_372_680_000 * SECOND  # Monday 2013-07-01 12:00 UTC
HOUR = 3600 * SECOND


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (NOON, "2013-07-01T12:00:00Z"),
        (NOON + 250_000_000, "2013-07-01T12:00:00.250Z"),
        (NOON + 1_000, "2013-07-01T12:00:00.000001Z"),
        (NOON + 1, "2013-07-01T12:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (datetime(2013, 7, 1, 14, tzinfo=timezone(timedelta(hours=2))), "2013-07-01T12:00:00Z"),
    ],
)
def test_an_instant_has_the_digits_it_needs(instant: int | datetime, expected: str) -> None:
    """RFC 3339 is in UTC and has 0, 3, 6 or 9 digits of a second."""
    assert rfc3339(instant) == expected


def test_an_instant_of_today_is_a_time_of_day() -> None:
    """A person reads the time of day of what happened today, and the date of all else, on the local clock."""
    east = timezone(timedelta(hours=13))

    assert clock_text(NOON - HOUR, NOON, UTC) == "11:00:00"
    assert clock_text(NOON - 24 * HOUR, NOON, UTC) == "2013-06-30"
    assert clock_text(NOON - 2 * HOUR, NOON, east) == "2013-07-01"
    assert clock_text(-62_135_596_800 * SECOND, NOON, timezone(timedelta(hours=-1))) == "0001-01-01"


def test_an_opening_is_told_as_briefly_as_is_clear() -> None:
    """The next opening is a time today, a weekday within the week, and a date after that."""
    assert opening_text(NOON + 2 * HOUR, NOON, UTC) == "opens 14:00"
    assert opening_text(NOON + 22 * HOUR, NOON, UTC) == "Tue 10:00"
    assert opening_text(NOON + 240 * HOUR, NOON, UTC) == "2013-07-11"


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [(-SECOND, "0s"), (59 * SECOND, "59s"), (60 * SECOND, "1m"), (3 * HOUR, "3h"), (50 * HOUR, "2d")],
)
def test_an_age_is_told_in_its_largest_unit(nanoseconds: int, expected: str) -> None:
    """An age is one number with one unit, and never below zero when two clocks differ."""
    assert age_text(nanoseconds) == expected


def test_a_moment_of_a_zone_keeps_its_offset() -> None:
    """RFC 3339 of a zone has its offset, and `Z` for UTC."""
    assert zoned_rfc3339(datetime(2013, 7, 1, 14, tzinfo=timezone(timedelta(hours=2)))) == "2013-07-01T14:00:00+02:00"
    assert zoned_rfc3339(datetime(2013, 7, 1, 14, tzinfo=UTC)) == "2013-07-01T14:00:00Z"
