"""The marks of a time axis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.ticker_client.sample_bars import NEW_YORK, apple_days, bar, walking_day
from ticker_client import Bar, BarInterval
from ticker_client.cli.time_axis import TimeMark, time_marks


def marks_of(bars: Sequence[Bar], most: int = 14) -> list[str]:
    """Return the marks as words, with the greater unit behind a stroke where it is told."""
    return [f"{mark.text}/{mark.above}".rstrip("/") for mark in time_marks(bars, most)]


def test_a_year_of_days_is_marked_by_months() -> None:
    """The first bar of each month has its name, and the year stands where it begins; a single day before does not."""
    assert marks_of(apple_days()[-252:]) == [
        "Mar/2012",
        *("Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        "Jan/2013",
        *("Feb", "Mar"),
    ]


def test_a_month_of_days_is_marked_by_weeks_or_days() -> None:
    """The first bar of a week has its date, which is a Tuesday after a holiday; few days each have one."""
    assert marks_of(apple_days()[-20:]) == ["Feb 1/2013", "Feb 4", "Feb 11", "Feb 19", "Feb 25"]
    assert marks_of(apple_days()[-3:]) == ["Feb 27/2013", "Feb 28", "Mar 1"]


def test_a_week_begins_on_its_monday() -> None:
    """Where each day has a bar, a week's mark is on its Monday; the first bar has one all the same."""
    sunday = datetime(2026, 1, 4, tzinfo=UTC)
    days = [bar(sunday + timedelta(days=day), [1, 1, 1, 1], interval=BarInterval.ONE_DAY) for day in range(22)]

    assert marks_of(days, 9) == ["Jan 5/2026", "Jan 12", "Jan 19"]


def test_decades_of_days_are_marked_by_years() -> None:
    """Years are no further apart than they must be."""
    assert marks_of(apple_days(), 8) == ["2000", "2002", "2004", "2006", "2008", "2010", "2012"]
    assert marks_of(apple_days(), 1) == ["2000"]


def test_a_day_is_marked_by_hours_of_its_zone() -> None:
    """Hours are those of the bars' zone, and the date stands where a day begins."""
    assert marks_of(walking_day()) == [
        "09:30/Fri Mar 1",
        *("10:00", "10:30", "11:00", "11:30", "12:00", "12:30"),
        *("13:00", "13:30", "14:00", "14:30", "15:00", "15:30"),
    ]
    assert marks_of(walking_day(), 5) == ["10:00/Fri Mar 1", "12:00", "14:00"]


def test_closed_hours_take_no_room() -> None:
    """The opening of the next day is marked by its date, though an hour begins just after it."""
    opening = datetime(2013, 3, 1, 9, 45, tzinfo=NEW_YORK)
    days = [opening + timedelta(days=day, minutes=15 * step) for day in (0, 3) for step in range(25)]

    assert marks_of([bar(start, [1, 1, 1, 1]) for start in days], 8) == [
        *("10:00/Fri Mar 1", "12:00", "14:00"),
        *("09:45/Mon Mar 4", "12:00", "14:00"),
    ]


def test_a_single_bar_has_its_mark() -> None:
    """One bar has one mark."""
    assert time_marks(apple_days()[-1:], 5) == [TimeMark(0, "Mar 1", "2013")]


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=300, unique=True), st.integers(1, 20))
def test_marks_are_few_and_apart(minutes: list[int], most: int) -> None:
    """Whatever bars there are, marks go up, are no more than asked for, and the first one tells the greater unit."""
    bars = [bar(datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=each), [1, 1, 1, 1]) for each in sorted(minutes)]
    marks = time_marks(bars, most)
    places = [mark.place for mark in marks]

    assert 1 <= len(marks) <= most
    assert places == sorted(set(places))
    assert marks[0].above or marks[0].text.isdecimal()
