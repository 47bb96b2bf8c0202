"""The spans of bars, and bars folded into them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.model.bar import Bar, bar_of, merged
from ticker_server.model.bar_span import LONGEST_SPAN_MINUTES, MINUTE, BarFold, Days, Lengths, Spans
from ticker_server.model.tick import AcceptedTick

DAY_MINUTES = 24 * 60
DAY = DAY_MINUTES * MINUTE
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LENGTHS = [Lengths(minutes * MINUTE) for minutes in (1, 5, 15, 60)]

# Zones, dates of theirs, and how many minutes the day has.
DATES = [
    ("UTC", "2025-03-30", 24 * 60),
    ("America/New_York", "2025-03-09", 23 * 60),
    ("America/New_York", "2025-11-02", 25 * 60),
    ("Asia/Kolkata", "2025-06-01", 24 * 60),
    ("Asia/Kathmandu", "2025-06-01", 24 * 60),
    ("Asia/Kathmandu", "1986-01-01", 23 * 60 + 45),  # went from 5:30 to 5:45
    ("Australia/Lord_Howe", "2025-10-05", 23 * 60 + 30),
    ("Australia/Lord_Howe", "2025-04-06", 24 * 60 + 30),
    ("Africa/Cairo", "2024-04-26", 23 * 60),  # has no midnight
    ("America/Havana", "2025-11-02", 25 * 60),  # has two
    ("America/Sao_Paulo", "2018-02-17", 25 * 60),  # its last hour twice
    ("America/St_Johns", "2010-11-06", 24 * 60),  # its last hour once more, after the first minute of the next day
    ("America/St_Johns", "2010-11-07", 25 * 60),
    ("Pacific/Apia", "2011-12-29", 24 * 60),  # the 30th was skipped
    ("Pacific/Apia", "2011-12-31", 24 * 60),
    ("Pacific/Kwajalein", "1969-09-30", 47 * 60),  # went to the other side of the date line, and back
    ("Pacific/Kwajalein", "1993-08-20", 24 * 60),
]
ZONES = sorted({zone for zone, _, _ in DATES} | {"Africa/Monrovia"})
MOMENTS = st.integers(-(2**63), 2**63 - 1) | st.builds(
    lambda text, minute: day_of(text) * DAY + minute * MINUTE,
    st.sampled_from(sorted({text for _, text, _ in DATES})),
    st.integers(-2 * DAY_MINUTES, 3 * DAY_MINUTES),
)


def day_of(text: str) -> int:
    """Return a date as days since 1970."""
    return (date.fromisoformat(text) - EPOCH.date()).days


def naive_days(zone: str, day: int) -> dict[date, int]:
    """Return the first minute of each date around a day, by looking at the wall clock in each minute.

    A clock that goes back over midnight does not bring the day before back.
    """
    rules = ZoneInfo(zone)
    first: dict[date, int] = {}
    for minute in range((day - 3) * DAY_MINUTES, (day + 4) * DAY_MINUTES):
        shown = (EPOCH + timedelta(minutes=minute)).astimezone(rules).date()
        if not first or shown > max(first):
            first[shown] = minute
    del first[min(first)]  # it began before
    return first


@pytest.mark.parametrize(("zone", "text", "minutes"), DATES)
def test_days_are_those_of_the_wall_clock(zone: str, text: str, minutes: int) -> None:
    """A day goes from the first minute in which its zone's wall clock shows its date to that of the next one."""
    naive = naive_days(zone, day_of(text))
    start = naive[date.fromisoformat(text)] * MINUTE
    days = Days(zone)

    assert (days.start(start), days.end(start)) == (start, start + minutes * MINUTE)
    for first, following in pairwise(naive.values()):
        assert days.start(first * MINUTE) == days.start(following * MINUTE - 1) == first * MINUTE
        assert days.end(first * MINUTE) == following * MINUTE


def test_a_day_may_begin_within_a_minute() -> None:
    """Where local time was not of whole minutes a day begins at its midnight all the same."""
    start = Days("Africa/Monrovia").start(0)  # the clock was 44 minutes and 30 seconds late

    assert start == (-24 * 60 + 44) * MINUTE + MINUTE // 2


@given(st.sampled_from([*LENGTHS, *map(Days, ZONES)]), MOMENTS)
def test_spans_follow_each_other(spans: Spans, moment: int) -> None:
    """Each moment lies in one span, whose end is the start of the next one; none has more minutes than it says."""
    start, end = spans.start(moment), spans.end(moment)

    assert start <= moment < end
    assert (spans.start(start), spans.end(start)) == (start, end)
    assert (spans.end(end - 1), spans.start(end)) == (end, end)
    assert end - start <= spans.minutes(1) * MINUTE <= LONGEST_SPAN_MINUTES * MINUTE
    assert spans.minutes(7) == 7 * spans.minutes(1)


@given(st.sampled_from(LENGTHS), MOMENTS)
def test_spans_of_a_length_are_its_multiples(spans: Lengths, moment: int) -> None:
    """Spans of a length begin at its multiples since 1970 in UTC, whatever the wall clocks show."""
    assert spans.start(moment) % spans.length == 0
    assert spans.end(moment) - spans.start(moment) == spans.length


TICKS = st.lists(
    st.builds(
        lambda moment, price, size, ahead: (moment + ahead, price, size),
        MOMENTS.filter(lambda moment: abs(moment) < 2**62),
        st.sampled_from(["7", "7.50", "0.000000001"]),
        st.sampled_from(["", "0", "2.5"]),
        st.integers(0, 3 * MINUTE),
    ),
    min_size=1,
    max_size=30,
)


def ticks_of(rows: Sequence[tuple[int, str, str]]) -> Iterator[tuple[AcceptedTick, int]]:
    """Yield ticks with their epochs."""
    for place, (moment, price, size) in enumerate(rows, 1):
        yield AcceptedTick("A", price, size, moment, 0, place, place), 1 + place % 2


def bars_of(rows: Sequence[tuple[int, str, str]], spans: Spans) -> list[Bar]:
    """Return the bars of ticks, each tick put straight into its span; a minute is not divided."""
    found: dict[int, Bar] = {}
    for tick, epoch in ticks_of(rows):
        bar = bar_of(tick, epoch, MINUTE)
        start = spans.start(bar.start)
        found[start] = merged(found[start], bar, start) if start in found else merged_to(bar, start)
    return [found[start] for start in sorted(found)]


def merged_to(bar: Bar, start: int) -> Bar:
    """Return a bar in the span that begins at a moment."""
    return Bar(**{name: getattr(bar, name) for name in Bar.__slots__} | {"start": start})


@given(TICKS, st.sampled_from([*LENGTHS, *map(Days, ZONES)]))
def test_folded_minutes_are_the_bars_of_the_ticks(rows: list[tuple[int, str, str]], spans: Spans) -> None:
    """Bars of a minute, folded one after the other, are those of the same ticks in the longer spans."""
    fold = BarFold(spans)

    folded = [fold.add(bar) for bar in bars_of(rows, Lengths(MINUTE))]
    folded.append(fold.finish())

    assert [bar for bar in folded if bar is not None] == bars_of(rows, spans)


def test_a_bar_is_complete_once_its_span_is_over() -> None:
    """A bar that nothing is added to any more is complete at the end of its span."""
    fold = BarFold(Lengths(5 * MINUTE))
    fold.add(bar_of(AcceptedTick("A", "1", "", 6 * MINUTE, 0, 1, 1), 1, MINUTE))

    assert fold.pass_to(10 * MINUTE - 1) is None
    completed = fold.pass_to(10 * MINUTE)
    assert completed is not None
    assert completed.start == 5 * MINUTE
    assert fold.pass_to(20 * MINUTE) is None


def test_a_fold_of_nothing_is_nothing() -> None:
    """Without bars there is none, and a bar that was finished does not come again."""
    fold = BarFold(LENGTHS[0])
    bar = bar_of(AcceptedTick("A", "1", "", 0, 0, 1, 1), 1, MINUTE)

    assert fold.finish() is None
    assert fold.add(bar) is None
    assert fold.finish() == bar
    assert fold.finish() is None
